/* crypto_test.c - the published vectors, and keys that are refused. */
#include "common/base64.h"
#include "common/crypto.h"
#include "tests/unit/pem.h"
#include "tests/unit/rfc7515.h"
#include "tests/unit/test.h"

#include <stdio.h>

static void
assert_hex(const unsigned char *p, size_t n, const char *hex)
{
	char text[2 * CRYPTO_HMAC_MAX + 1] = "";

	assert_true(n <= CRYPTO_HMAC_MAX);
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	assert_string_equal(text, hex);
}

/* FIPS 180-2 appendix A and B, RFC 3174 section 7.3, RFC 6455 section 1.3. */
static void
digests_are_those_of_the_standards(void **state)
{
	unsigned char out[CRYPTO_SHA256_SIZE];

	(void)state;
	crypto_sha1(SLICE("abc"), out);
	assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
	crypto_sha1((struct slice){NULL, 0}, out);
	assert_hex(out, 20, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	crypto_sha1(SLICE("dGhlIHNhbXBsZSBub25jZQ=="
			  "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
	    out);
	assert_hex(out, 20, "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
	crypto_sha256(SLICE("abc"), out);
	assert_hex(out, 32,
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	crypto_sha256((struct slice){NULL, 0}, out);
	assert_hex(out, 32,
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
}

/* RFC 4231: cases 1, 2, 3 and 6. */
struct hmac_case {
	char key_byte; /* repeated key_n times, unless key is set */
	size_t key_n;
	const char *key;
	char data_byte;
	size_t data_n;
	const char *data;
	const char *mac[CRYPTO_HS512 + 1];
};

/* clang-format off */
static const struct hmac_case hmac_cases[] = {
	{ .key_byte = 0x0b, .key_n = 20, .data = "Hi There", .mac = {
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	    "faea9ea9076ede7f4af152e8b2fa9cb6",
	    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	    "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
	} },
	{ .key = "Jefe", .data = "what do ya want for nothing?", .mac = {
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	    "8e2240ca5e69e2c78b3239ecfab21649",
	    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
	} },
	{ .key_byte = (char)0xaa, .key_n = 20,
	  .data_byte = (char)0xdd, .data_n = 50, .mac = {
	    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
	    "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b"
	    "2a5ab39dc13814b94e3ab6e101a34f27",
	    "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
	    "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
	} },
	{ .key_byte = (char)0xaa, .key_n = 131,
	  .data = "Test Using Larger Than Block-Size Key - Hash Key First",
	  .mac = {
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
	    "0c2ef6ab4030fe8296248df163f44952",
	    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	    "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
	} },
};
/* clang-format on */

static struct slice
fill(char *room, const char *text, char byte, size_t n)
{
	if (text != NULL)
		return slice_of(text);
	memset(room, byte, n);
	return (struct slice){room, n};
}

static void
hmacs_are_those_of_rfc_4231_with_and_without_a_key_object(void **state)
{
	static const size_t sizes[] = {32, 48, 64};
	unsigned char out[CRYPTO_HMAC_MAX];
	char key_room[131], data_room[50];
	const struct hmac_case *c = hmac_cases;
	struct crypto_key *key;
	struct slice k, d;
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(hmac_cases) / sizeof(*c); i++, c++) {
		k = fill(key_room, c->key, c->key_byte, c->key_n);
		d = fill(data_room, c->data, c->data_byte, c->data_n);
		for (int alg = CRYPTO_HS256; alg <= CRYPTO_HS512; alg++) {
			assert_int_equal(
			    crypto_hmac((enum crypto_alg)alg, k, d, out),
			    sizes[alg]);
			assert_hex(out, sizes[alg], c->mac[alg]);
			assert_null(
			    crypto_key_secret(&key, (enum crypto_alg)alg, k));
			/* Twice: the second begins from the same state. */
			for (int again = 0; again < 2; again++) {
				buf_clear(&b);
				assert_true(crypto_sign(key, d, &b));
				assert_int_equal(b.n, sizes[alg]);
				assert_memory_equal(b.p, out, b.n);
				assert_true(
				    crypto_verify(key, d, buf_slice(&b)));
			}
			crypto_key_free(&key);
		}
	}
	buf_free(&b);
}

static void
equality_sees_every_bit_and_the_length(void **state)
{
	char a[33] = "0123456789abcdef0123456789abcdef", b[33];

	(void)state;
	assert_true(crypto_equal(slice_of(a), slice_of(a)));
	assert_true(crypto_equal((struct slice){NULL, 0}, SLICE("")));
	assert_false(crypto_equal(slice_of(a), (struct slice){a, 31}));
	for (size_t bit = 0; bit < 32 * 8; bit++) {
		memcpy(b, a, sizeof(b));
		b[bit / 8] = (char)(b[bit / 8] ^ (1 << bit % 8));
		assert_false(
		    crypto_equal((struct slice){a, 32}, (struct slice){b, 32}));
	}
}

static void
random_bytes_fill_what_they_were_asked_to_and_no_more(void **state)
{
	unsigned char a[34] = {0}, b[34] = {0};

	(void)state;
	a[33] = b[33] = 0x5a;
	crypto_random(a, 33);
	crypto_random(b, 33);
	assert_memory_not_equal(a, b, 33);
	assert_int_equal(a[33], 0x5a);
	assert_int_equal(b[33], 0x5a);
	crypto_random(a, 0);
}

static struct crypto_key *
load(const char *why, struct crypto_key *key)
{
	assert_null(why);
	assert_non_null(key);
	return key;
}

static struct crypto_key *
public_key(const char *pem)
{
	struct crypto_key *key = NULL;
	const char *why = crypto_key_public(&key, slice_of(pem));

	return load(why, key);
}

static struct crypto_key *
private_key(const char *pem)
{
	struct crypto_key *key = NULL;
	const char *why = crypto_key_private(&key, slice_of(pem));

	return load(why, key);
}

static void
verify_example(struct crypto_key *key, const char *covered, const char *sig64)
{
	struct slice data = exact(covered, strlen(covered));
	struct buf sig = {0};

	assert_null(base64_decode(&sig, slice_of(sig64), BASE64_TOKEN));
	assert_true(crypto_verify(key, data, buf_slice(&sig)));
	for (size_t n = 0; n < sig.n; n++)
		assert_false(
		    crypto_verify(key, data, (struct slice){sig.p, n}));
	for (size_t i = 0; i < sig.n; i += 7) {
		sig.p[i] = (char)(sig.p[i] ^ 0x10);
		assert_false(crypto_verify(key, data, buf_slice(&sig)));
		sig.p[i] = (char)(sig.p[i] ^ 0x10);
	}
	buf_chr(&sig, 0);
	assert_false(crypto_verify(key, data, buf_slice(&sig)));
	sig.n--;
	assert_false(crypto_verify(key, slice_from(data, 1), buf_slice(&sig)));
	assert_true(crypto_verify(key, data, buf_slice(&sig)));
	free((char *)(size_t)data.p);
	buf_free(&sig);
	crypto_key_free(&key);
	assert_null(key);
}

static void
the_signatures_of_rfc_7515_hold_and_nothing_near_them(void **state)
{
	struct crypto_key *key;
	struct buf secret = {0};

	(void)state;
	assert_null(base64_decode(&secret, SLICE(JWS_HS256_KEY), BASE64_TOKEN));
	assert_null(crypto_key_secret(&key, CRYPTO_HS256, buf_slice(&secret)));
	buf_free(&secret);
	verify_example(
	    key, JWS_HS256_HEADER "." JWS_CLAIMS, JWS_HS256_SIGNATURE);
	verify_example(public_key(PEM_RSA_PUBLIC),
	    JWS_RS256_HEADER "." JWS_CLAIMS, JWS_RS256_SIGNATURE);
	verify_example(public_key(PEM_EC_PUBLIC),
	    JWS_ES256_HEADER "." JWS_CLAIMS, JWS_ES256_SIGNATURE);
}

/* r or s of nothing, or not below the group's order, are no signature. */
static void
impossible_ecdsa_values_are_refused(void **state)
{
	struct crypto_key *key = public_key(PEM_EC_PUBLIC);
	char sig[64];

	(void)state;
	for (int r = 0; r < 3; r++) {
		for (int s = 0; s < 3; s++) {
			static const int bytes[] = {0, 0xff, 0x01};

			memset(sig, bytes[r], 32);
			memset(sig + 32, bytes[s], 32);
			assert_false(crypto_verify(
			    key, SLICE("x"), (struct slice){sig, 64}));
		}
	}
	crypto_key_free(&key);
}

static void
what_a_private_key_signs_its_public_key_verifies(void **state)
{
	static const struct {
		const char *private, *public;
		enum crypto_alg alg;
		size_t n;
	} pairs[] = {
	    {PEM_RSA_PRIVATE, PEM_RSA_PUBLIC, CRYPTO_RS256, 256},
	    {PEM_EC_PRIVATE, PEM_EC_PUBLIC, CRYPTO_ES256, 64},
	};
	struct crypto_key *private, *public;
	struct buf sig = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		private = private_key(pairs[i].private);
		public = public_key(pairs[i].public);
		assert_int_equal(crypto_key_alg(private), pairs[i].alg);
		assert_int_equal(crypto_key_alg(public), pairs[i].alg);
		/* Often enough to meet an r or s with leading zeroes. */
		for (int n = 0; n < (i == 1 ? 300 : 3); n++) {
			buf_clear(&sig);
			assert_true(crypto_sign(private, SLICE("hi"), &sig));
			assert_int_equal(sig.n, pairs[i].n);
			assert_true(crypto_verify(
			    public, SLICE("hi"), buf_slice(&sig)));
			assert_false(crypto_verify(
			    public, SLICE("ho"), buf_slice(&sig)));
		}
		assert_true(
		    crypto_verify(private, SLICE("hi"), buf_slice(&sig)));
		assert_false(crypto_sign(public, SLICE("hi"), &sig));
		sig.max = sig.n + 1;
		assert_false(crypto_sign(private, SLICE("hi"), &sig));
		sig.max = 0;
		crypto_key_free(&private);
		crypto_key_free(&public);
	}
	buf_free(&sig);
}

static void
keys_that_will_not_do_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *pem, *why;
		bool private;
	} bad[] = {
	    {PEM_SMALL, "RSA key is shorter than 2048 bits", false},
	    {PEM_P384, "EC key is not on the curve P-256", false},
	    {PEM_ED, "key is neither RSA nor EC", false},
	    {PEM_LOCKED, "no private key in PEM form", true},
	    {PEM_EC_PUBLIC, "no private key in PEM form", true},
	    {PEM_EC_PRIVATE, "no public key in PEM form", false},
	    {"", "no public key in PEM form", false},
	    {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"no public key in PEM form", false},
	};
	struct crypto_key *key = NULL;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct slice pem = exact(bad[i].pem, strlen(bad[i].pem));

		why = (bad[i].private ? crypto_key_private : crypto_key_public)(
		    &key, pem);
		assert_string_equal(why, bad[i].why);
		assert_null(key);
		free((char *)(size_t)pem.p);
	}
	crypto_key_free(&key);
}

static void
a_truncated_key_file_is_refused_at_every_length(void **state)
{
	struct crypto_key *key = NULL;
	size_t whole = strlen(PEM_EC_PUBLIC) - 1; /* the last newline may go */

	(void)state;
	for (size_t n = 0; n < whole; n++) {
		struct slice pem = exact(PEM_EC_PUBLIC, n);

		assert_non_null(crypto_key_public(&key, pem));
		assert_null(key);
		free((char *)(size_t)pem.p);
	}
}

static void
a_secret_is_neither_empty_nor_a_key_file_nor_for_a_signature(void **state)
{
	struct crypto_key *key = NULL;

	(void)state;
	assert_string_equal(crypto_key_secret(&key, CRYPTO_HS256, SLICE("")),
	    "secret is empty");
	assert_string_equal(
	    crypto_key_secret(&key, CRYPTO_HS256, SLICE(PEM_RSA_PUBLIC)),
	    "secret is a PEM file");
	assert_string_equal(
	    crypto_key_secret(&key, CRYPTO_RS256, SLICE("secret")),
	    "algorithm takes no secret");
	assert_null(key);
}

TESTS(unit(digests_are_those_of_the_standards),
    unit(hmacs_are_those_of_rfc_4231_with_and_without_a_key_object),
    unit(equality_sees_every_bit_and_the_length),
    unit(random_bytes_fill_what_they_were_asked_to_and_no_more),
    unit(the_signatures_of_rfc_7515_hold_and_nothing_near_them),
    unit(impossible_ecdsa_values_are_refused),
    unit(what_a_private_key_signs_its_public_key_verifies),
    unit(keys_that_will_not_do_are_refused_with_the_reason),
    unit(a_truncated_key_file_is_refused_at_every_length),
    unit(a_secret_is_neither_empty_nor_a_key_file_nor_for_a_signature))
