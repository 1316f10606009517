/*
 * apns_apps_test.c - which connection is whose, and the tokens that Apple
 * knows us by.
 */
#include "pushers/apns_apps.h"
#include "pushers/apns_token.h"

#include "common/jwt.h"
#include "common/must.h"
#include "tests/unit/cert.h"
#include "tests/unit/pem.h"
#include "tests/unit/test.h"

#define BY_KEY "key = k.p8\nkey_id = K\nteam_id = T\n"

static void
sections_are_found_by_application_and_connection(void **state)
{
	static const char text[] = "# ours\n"
				   "\n"
				   "[demo]\r\n"
				   "  key=AuthKey_1.p8 \n"
				   "key_id = ABC123DEFG\n"
				   "team_id\t=\tDEF123GHIJ\n"
				   "topic = com.example = odd\n"
				   "; theirs\n"
				   "[ incus/store ]\n"
				   "cert = store.pem\n"
				   "host = [::1]:8443\n"
				   "[incus/beta]\n"
				   "cert = beta.pem\n"
				   "private_key = beta.key\n"
				   "host = development";
	struct apns_apps all = {.n = 0};
	struct apns_wrong wrong;
	const struct apns_app *one;
	struct slice copy = exact(text, sizeof(text) - 1);

	(void)state;
	assert_true(apns_apps_read(&all, copy, &wrong));
	free((char *)(uintptr_t)copy.p);
	assert_int_equal(all.n, 3);
	one = apns_apps_find(&all, SLICE("demo"), SLICE(""));
	assert_string_equal(one->key, "AuthKey_1.p8");
	assert_string_equal(one->team_id, "DEF123GHIJ");
	assert_string_equal(one->topic, "com.example = odd");
	assert_string_equal(one->host, "api.push.apple.com");
	assert_string_equal(one->port, "443");
	one = apns_apps_find(&all, SLICE("incus"), SLICE("store"));
	assert_string_equal(one->cert, "store.pem");
	assert_string_equal(one->private_key, "store.pem");
	assert_string_equal(one->host, "::1");
	assert_string_equal(one->port, "8443");
	one = apns_apps_find(&all, SLICE("incus"), SLICE("beta"));
	assert_string_equal(one->private_key, "beta.key");
	assert_string_equal(one->host, "api.sandbox.push.apple.com");
	assert_null(apns_apps_find(&all, SLICE("incus"), SLICE("")));
	assert_null(apns_apps_find(&all, SLICE("dem"), SLICE("")));
	assert_null(apns_apps_find(&all, SLICE("Demo"), SLICE("")));
	apns_apps_free(&all);
}

static void
what_is_wrong_is_told_by_line_and_without_its_value(void **state)
{
	static const struct {
		const char *text, *what, *why;
		unsigned line;
	} cases[] = {
	    {"cert = x", "cert", "stands before the first section", 1},
	    {"[a]\nsecret", "secret", "is neither [section] nor key = value",
		2},
	    {"[a]\nMIGTAgEAMBMGByqGSM49AgE=", "", "is no key that is known", 2},
	    {"[a]\n\ncolour = red", "colour", "is no key that is known", 3},
	    {"[a]\ncert = x\ncert = y", "cert", "is said twice", 3},
	    {"[a]\ncert = ", "cert", "is empty, too long or not printable", 2},
	    {"[a]\ntopic = t\x01", "topic",
		"is empty, too long or not printable", 2},
	    {"[a\x7f]", "[a\x7f]",
		"a section's name has 1 to 127 printable bytes", 1},
	    {"[a]\n[a]", "[a]", "a section stands there twice", 2},
	    {"[]", "[]", "a section's name has 1 to 127 printable bytes", 1},
	    {"[a]", "a", "has neither cert nor key", 0},
	    {"[a]\n" BY_KEY, "a", "a key wants a topic", 0},
	    {"[a]\nkey = k\ntopic = t", "a", "a key wants key_id and team_id",
		0},
	    {"[a]\ncert = c\n" BY_KEY, "a",
		"has a cert and a key: one is enough", 0},
	    {"[a]\ncert = c\npush_type = loud", "a",
		"push_type is none of Apple's", 0},
	    {"[a]\n" BY_KEY "topic = t\nprivate_key = p", "a",
		"has a private_key without a cert", 0},
	    {"[a]\ncert = c\nhost = h:0", "a",
		"host wants a port of 1 to 65535 behind its :", 0},
	    {"[a]\ncert = c\nhost = :443", "a", "host is empty", 0},
	    {"[a]\ncert = c\nhost = gateway.push.apple.com:2195", "a",
		"the binary protocol of that host has ended: say "
		"production or development",
		0},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct apns_apps all = {.n = 0};
		struct apns_wrong wrong;
		struct slice copy = exact(cases[i].text, strlen(cases[i].text));

		assert_false(apns_apps_read(&all, copy, &wrong));
		assert_string_equal(wrong.why, cases[i].why);
		assert_string_equal(wrong.what, cases[i].what);
		assert_int_equal(wrong.line, cases[i].line);
		apns_apps_free(&all);
		free((char *)(uintptr_t)copy.p);
	}
}

static void
values_of_any_length_are_kept_or_refused_whole(void **state)
{
	(void)state;
	for (size_t n = 250; n < 260; n++) {
		struct apns_apps all = {.n = 0};
		struct apns_wrong wrong;
		struct buf text = {0};
		bool good;

		buf_str(&text, "[a]\ncert = ");
		for (size_t i = 0; i < n; i++)
			buf_chr(&text, 'x');
		good = apns_apps_read(&all, buf_slice(&text), &wrong);
		assert_true(good == (n < sizeof(all.at->cert)));
		if (good)
			assert_int_equal(strlen(all.at[0].cert), n);
		apns_apps_free(&all);
		buf_free(&text);
	}
}

static void
a_section_of_the_file_wins_over_a_setting(void **state)
{
	struct apns_apps all = {.n = 0};
	struct apns_wrong wrong;

	(void)state;
	assert_true(apns_apps_read(
	    &all, SLICE("[incus/store]\ncert = file.pem"), &wrong));
	assert_null(apns_apps_add(&all,
	    &(struct apns_app){.name = "incus/store", .cert = "set.pem"}));
	assert_null(apns_apps_add(
	    &all, &(struct apns_app){.name = "incus/beta", .cert = "set.pem"}));
	assert_int_equal(all.n, 2);
	assert_string_equal(all.at[0].cert, "file.pem");
	assert_string_equal(all.at[1].cert, "set.pem");
	apns_apps_free(&all);
}

/* ---- Tokens */

/* A file with this text. */
static FILE *
file_of(const char *text, char path[32])
{
	FILE *f = memory_file(path);

	must(fputs(text, f) >= 0 && fflush(f) == 0);
	return f;
}

static void
open_token(struct apns_token *t)
{
	char path[32];
	FILE *f = file_of(PEM_EC_PRIVATE, path);

	*t = (struct apns_token){.kid = "ABC123DEFG", .team = "DEF123GHIJ"};
	assert_null(apns_token_open(t, path));
	fclose(f);
}

/* Its claims are these. */
static void
says(struct apns_token *t, struct slice text, const char *payload)
{
	struct buf scratch = {0};
	struct jwt jwt;
	struct jwt_claims claims;

	assert_true(slice_starts(text, SLICE("bearer ")));
	assert_int_equal(jwt_read(&jwt, slice_from(text, 7), &scratch), JWT_OK);
	assert_true(slice_is(jwt.kid, "ABC123DEFG"));
	assert_int_equal(jwt_verify(&jwt, t->key,
			     &(struct jwt_check){.any_iat = true}, &claims),
	    JWT_OK);
	assert_true(slice_is(claims.payload, payload));
	buf_free(&scratch);
}

static void
a_token_is_of_the_last_fifty_minutes_and_the_same_meanwhile(void **state)
{
	const uint64_t at = 566666ull * APNS_TOKEN_AGE;
	struct apns_token t, other;
	struct buf first = {0};

	(void)state;
	open_token(&t);
	open_token(&other);
	buf_put(&first, apns_token(&t, at + 17));
	says(&t, buf_slice(&first),
	    "{\"iss\":\"DEF123GHIJ\",\"iat\":1699998000}");
	says(&t, apns_token(&other, at + 2999),
	    "{\"iss\":\"DEF123GHIJ\",\"iat\":1699998000}");
	assert_true(slice_eq(apns_token(&t, at + 2999), buf_slice(&first)));
	says(&t, apns_token(&t, at + 3000),
	    "{\"iss\":\"DEF123GHIJ\",\"iat\":1700001000}");
	/* A clock that was set back makes one of its own time. */
	says(&t, apns_token(&t, at + 5),
	    "{\"iss\":\"DEF123GHIJ\",\"iat\":1699998000}");
	buf_free(&first);
	apns_token_close(&t);
	apns_token_close(&other);
}

static void
a_token_is_renewed_but_never_twice_in_twenty_minutes(void **state)
{
	const uint64_t at = 566666ull * APNS_TOKEN_AGE;
	struct apns_token t;

	(void)state;
	open_token(&t);
	apns_token(&t, at + 10);
	assert_false(apns_token_renew(&t, at + APNS_TOKEN_OFTEN - 1));
	assert_true(apns_token_renew(&t, at + APNS_TOKEN_OFTEN));
	says(&t, apns_token(&t, at + APNS_TOKEN_OFTEN + 5),
	    "{\"iss\":\"DEF123GHIJ\",\"iat\":1699999200}");
	assert_false(apns_token_renew(&t, at + 2 * APNS_TOKEN_OFTEN - 1));
	/* Its own fifty minutes, then that of all again. */
	says(&t, apns_token(&t, at + APNS_TOKEN_OFTEN + APNS_TOKEN_AGE - 1),
	    "{\"iss\":\"DEF123GHIJ\",\"iat\":1699999200}");
	says(&t, apns_token(&t, at + APNS_TOKEN_OFTEN + APNS_TOKEN_AGE),
	    "{\"iss\":\"DEF123GHIJ\",\"iat\":1700001000}");
	apns_token_close(&t);
}

static void
only_a_private_key_on_p256_is_apples(void **state)
{
	struct apns_token t = {.kid = "K"};
	char path[32];
	FILE *f = file_of(PEM_RSA_PRIVATE, path);

	(void)state;
	assert_string_equal(
	    apns_token_open(&t, path), "is not a key on P-256, as Apple's are");
	fclose(f);
	f = file_of("nonsense", path);
	assert_non_null(apns_token_open(&t, path));
	fclose(f);
	assert_string_equal(
	    apns_token_open(&t, "/none"), "No such file or directory");
	assert_null(t.key);
}

TESTS(unit(sections_are_found_by_application_and_connection),
    unit(what_is_wrong_is_told_by_line_and_without_its_value),
    unit(values_of_any_length_are_kept_or_refused_whole),
    unit(a_section_of_the_file_wins_over_a_setting),
    unit(a_token_is_of_the_last_fifty_minutes_and_the_same_meanwhile),
    unit(a_token_is_renewed_but_never_twice_in_twenty_minutes),
    unit(only_a_private_key_on_p256_is_apples))
