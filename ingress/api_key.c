/*
 * api_key.c - what a key is made of, from JSON and to JSON.
 */
#include "common/base64.h"
#include "common/crypto.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/must.h"
#include "ingress/api_apps.h"

enum { PEM_MAX = 8192 };

static const struct {
	const char *name;
	unsigned right;
} rights[] = {
    {"publish", KEY_PUBLISH},
    {"listen", KEY_LISTEN},
    {"presence", KEY_PRESENCE},
};

enum field {
	RIGHTS,
	EXPIRES,
	TTL,
	PREFIXES,
	REPLACES,
	OVERLAP,
	ALG,
	PUBLIC,
	FIELDS
};

static const struct json_field fields[FIELDS] = {
    [RIGHTS] = {SLICE_INIT("rights"), JSON_MAY(JSON_ARRAY), false},
    [EXPIRES] = {SLICE_INIT("expires"), JSON_MAY(JSON_NUMBER), false},
    [TTL] = {SLICE_INIT("ttl"), JSON_MAY(JSON_NUMBER), false},
    [PREFIXES] = {SLICE_INIT("prefixes"), JSON_MAY(JSON_ARRAY), false},
    [REPLACES] = {SLICE_INIT("replaces"), JSON_MAY(JSON_STRING), false},
    [OVERLAP] = {SLICE_INIT("overlap"), JSON_MAY(JSON_NUMBER), false},
    [ALG] = {SLICE_INIT("alg"), JSON_MAY(JSON_STRING), false},
    [PUBLIC] = {SLICE_INIT("public_key"), JSON_MAY(JSON_STRING), false},
};

static struct new_key_fault
wrong(const char *field, const char *why)
{
	return (struct new_key_fault){CODE_bad_field, field, why};
}

void
new_key_free(struct new_key *k)
{
	explicit_bzero(k->secret, sizeof(k->secret));
	if (k->old.p != NULL)
		explicit_bzero(k->old.p, k->old.n);
	buf_free(&k->old);
	buf_free(&k->public);
}

static bool
read_rights(struct new_key *k, struct json_value v)
{
	struct json_walk w;
	struct json_value one;

	if (v.kind == JSON_NONE)
		return true;
	json_array(&w, v.raw, NULL);
	while (json_array_next(&w, &one)) {
		size_t i = 0;

		while (i < LENGTH(rights) &&
		       !(one.kind == JSON_STRING &&
			   json_is(one, slice_of(rights[i].name))))
			i++;
		if (i == LENGTH(rights))
			return false;
		k->rights |= rights[i].right;
	}
	return w.why == NULL && k->rights != 0;
}

/* /app or /app/kind/..., without what would end one in the list. */
static bool
is_prefix(struct slice s)
{
	return s.n > 1 && s.p[0] == '/' && memchr(s.p, ',', s.n) == NULL &&
	       memchr(s.p, '*', s.n) == NULL && memchr(s.p, ' ', s.n) == NULL;
}

static bool
read_prefixes(struct new_key *k, struct json_value v)
{
	struct json_walk w;
	struct json_value one;
	size_t n = 0;

	if (v.kind == JSON_NONE)
		return true;
	json_array(&w, v.raw, NULL);
	while (json_array_next(&w, &one)) {
		struct slice s;

		if (one.kind != JSON_STRING || one.escaped)
			return false;
		s = json_string(one, NULL);
		if (!is_prefix(s) || n + s.n + 1 >= sizeof(k->prefixes))
			return false;
		if (n != 0)
			k->prefixes[n++] = ',';
		memcpy(k->prefixes + n, s.p, s.n);
		n += s.n;
	}
	return w.why == NULL;
}

static struct new_key_fault
read_public(struct new_key *k, struct json_value v)
{
	struct crypto_key *key;
	const char *why;

	k->alg = "HS256";
	if (v.kind == JSON_NONE)
		return (struct new_key_fault){CODE_ok, NULL, NULL};
	k->public.max = PEM_MAX;
	if (v.escaped)
		json_string(v, &k->public);
	else
		buf_put(&k->public, json_string(v, NULL));
	if (k->public.full || k->public.n == 0)
		return wrong("public_key", "too large, or empty");
	why = crypto_key_public(&key, buf_slice(&k->public));
	if (why != NULL)
		return wrong("public_key", why);
	k->alg = crypto_key_alg(key) == CRYPTO_RS256 ? "RS256" : "ES256";
	crypto_key_free(&key);
	return (struct new_key_fault){CODE_ok, NULL, NULL};
}

static bool
read_alg(struct new_key *k, struct json_value v)
{
	static const char *const secrets[] = {"HS256", "HS384", "HS512"};

	if (v.kind == JSON_NONE)
		return true;
	if (k->public.n != 0)
		return json_is(v, slice_of(k->alg));
	for (size_t i = 0; i < LENGTH(secrets); i++) {
		if (!json_is(v, slice_of(secrets[i])))
			continue;
		k->alg = secrets[i];
		return true;
	}
	return false;
}

static const char *
read_times(struct new_key *k, const struct json_value *v, uint64_t now)
{
	uint64_t ttl;

	if (v[EXPIRES].kind != JSON_NONE &&
	    (!json_uint(v[EXPIRES], &k->expires) || k->expires <= now ||
		k->expires > UINT32_MAX))
		return "expires";
	if (v[TTL].kind != JSON_NONE) {
		if (!json_uint(v[TTL], &ttl) || ttl == 0 || ttl > UINT32_MAX)
			return "ttl";
		k->expires = now + ttl;
	}
	if (v[OVERLAP].kind != JSON_NONE &&
	    (!json_uint(v[OVERLAP], &k->overlap) || k->overlap > UINT32_MAX))
		return "overlap";
	return NULL;
}

static bool
read_replaces(struct new_key *k, struct json_value v)
{
	struct slice s;

	if (v.kind == JSON_NONE)
		return true;
	if (v.escaped)
		return false;
	s = json_string(v, NULL);
	if (s.n == 0 || s.n >= sizeof(k->replaces) ||
	    memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(k->replaces, s.p, s.n);
	return true;
}

struct new_key_fault
new_key_read(struct new_key *k, struct slice body, uint64_t unix_ms)
{
	struct json_value v[FIELDS];
	struct json_walk w;
	struct new_key_fault f;
	const char *field;

	if (slice_trim(body).n == 0)
		body = SLICE("{}");
	if (!json_object(&w, body, NULL) ||
	    !json_object_read(&w, (struct json_table){fields, FIELDS}, v))
		return (struct new_key_fault){
		    CODE_bad_json, w.row != NULL ? w.row->name.p : NULL, w.why};
	if (!read_rights(k, v[RIGHTS]))
		return wrong("rights", "some of publish, listen, presence");
	if ((field = read_times(k, v, unix_ms / 1000)) != NULL)
		return wrong(field, "not a time in seconds, or past");
	if (!read_prefixes(k, v[PREFIXES]))
		return wrong("prefixes", "not beginnings of channels");
	if (!read_replaces(k, v[REPLACES]))
		return wrong("replaces", "not the id of a key");
	f = read_public(k, v[PUBLIC]);
	if (f.code == CODE_ok && !read_alg(k, v[ALG]))
		return wrong("alg", "HS256, HS384 or HS512 of a secret");
	return f;
}

void
new_key_old(struct new_key *k, struct slice frame)
{
	struct msg m;
	const char *why;

	if (msg_decode(frame, &m, &why) <= 0 || m.id != MSG_key)
		return;
	buf_clear(&k->old);
	buf_put(&k->old, frame);
	if (k->rights == 0)
		k->rights = (unsigned)m.key.rights;
	if (k->prefixes[0] == '\0')
		memcpy(k->prefixes, m.key.prefixes.p, m.key.prefixes.n);
}

static void
draw(char *to, size_t letters, size_t bytes)
{
	unsigned char random[32];
	struct buf text = {0};

	crypto_random(random, bytes);
	base64_encode(
	    &text, (struct slice){(const char *)random, bytes}, BASE64_TOKEN);
	must(text.n == letters);
	memcpy(to, text.p, letters);
	to[letters] = '\0';
	explicit_bzero(random, sizeof(random));
	explicit_bzero(text.p, text.n);
	buf_free(&text);
}

void
new_key_make(struct new_key *k, struct slice app, struct msg_key *out)
{
	draw(k->id, NEW_KEY_ID, 12);
	if (k->public.n == 0)
		draw(k->secret, NEW_KEY_SECRET, 32);
	if (k->rights == 0)
		k->rights = KEY_PUBLISH | KEY_LISTEN | KEY_PRESENCE;
	*out = (struct msg_key){
	    .app = app,
	    .id = slice_of(k->id),
	    .alg = slice_of(k->alg),
	    .secret =
		k->public.n != 0 ? buf_slice(&k->public) : slice_of(k->secret),
	    .rights = k->rights,
	    .expires = k->expires,
	    .prefixes = slice_of(k->prefixes),
	};
}

static void
put_open(const struct msg_key *m, struct buf *b)
{
	bool first = true;

	buf_str(b, "{\"id\":");
	json_escape(b, m->id);
	buf_str(b, ",\"app\":");
	json_escape(b, m->app);
	buf_str(b, ",\"alg\":");
	json_escape(b, m->alg);
	buf_str(b, ",\"rights\":[");
	for (size_t i = 0; i < LENGTH(rights); i++) {
		if ((m->rights & rights[i].right) == 0)
			continue;
		buf_printf(b, "%s\"%s\"", first ? "" : ",", rights[i].name);
		first = false;
	}
	buf_chr(b, ']');
	if (m->expires != 0)
		buf_printf(
		    b, ",\"expires\":%llu", (unsigned long long)m->expires);
}

static void
put_prefixes(struct slice rest, struct buf *b)
{
	struct slice one;
	bool first = true;

	if (rest.n == 0)
		return;
	buf_str(b, ",\"prefixes\":[");
	while (slice_cut(&rest, ',', &one)) {
		if (!first)
			buf_chr(b, ',');
		first = false;
		json_escape(b, one);
	}
	buf_chr(b, ']');
}

void
new_key_put(const struct msg_key *m, struct buf *b)
{
	put_open(m, b);
	put_prefixes(m->prefixes, b);
	buf_chr(b, '}');
}

void
new_key_show(const struct new_key *k, const struct msg_key *m, struct buf *b)
{
	put_open(m, b);
	put_prefixes(m->prefixes, b);
	if (k->public.n == 0)
		buf_printf(b, ",\"secret\":\"%s\"", k->secret);
	buf_chr(b, '}');
}
