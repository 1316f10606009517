/*
 * google.c - a JWT of ours for a token of theirs (RFC 7523).
 */
#include "pushers/google.h"

#include "common/json.h"
#include "common/json_write.h"
#include "common/jwt.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"

#define SCOPE "https://www.googleapis.com/auth/firebase.messaging"
#define GRANT "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"

enum {
	ASSERTION_S = 3600,
	EARLY_MS = 300000, /* before its end, or half of a short life */
	RETRY_MIN_MS = 1000,
	RETRY_MAX_MS = 60000,
	TOKEN_MAX = 4096, /* bytes; theirs are some 1000 */
};

enum field { EMAIL, KEY, KEY_ID, TOKEN_URI, PROJECT, FIELDS };

static const struct json_field fields[FIELDS] = {
    [EMAIL] = {SLICE_INIT("client_email"), JSON_MAY(JSON_STRING), true},
    [KEY] = {SLICE_INIT("private_key"), JSON_MAY(JSON_STRING), true},
    [KEY_ID] = {SLICE_INIT("private_key_id"), JSON_MAY(JSON_STRING), false},
    [TOKEN_URI] = {SLICE_INIT("token_uri"), JSON_MAY(JSON_STRING), false},
    [PROJECT] = {SLICE_INIT("project_id"), JSON_MAY(JSON_STRING), false},
};

static char *
text(struct json_value v, const char *none)
{
	struct buf b = {0};
	struct slice s = slice_of(none);
	char *out;

	if (v.kind == JSON_STRING)
		s = json_string(v, &b);
	out = xcalloc(1, s.n + 1);
	if (s.n != 0)
		memcpy(out, s.p, s.n);
	buf_free(&b);
	return out;
}

static const char *
read_key(struct crypto_key **out, struct json_value v)
{
	struct buf pem = {0};
	const char *why = crypto_key_private(out, json_string(v, &pem));

	if (pem.p != NULL)
		explicit_bzero(pem.p, pem.cap);
	buf_free(&pem);
	if (why == NULL && crypto_key_alg(*out) != CRYPTO_RS256) {
		crypto_key_free(out);
		why = "private_key: not an RSA key";
	}
	return why;
}

const char *
google_open(struct google *g, struct slice json)
{
	struct crypto_key *key = NULL;
	struct json_value v[FIELDS];
	struct json_walk w;
	const char *why;

	if (!json_object(&w, json, NULL) ||
	    !json_object_read(&w, (struct json_table){fields, FIELDS}, v))
		return w.row != NULL ? w.row->name.p : w.why;
	if ((why = read_key(&key, v[KEY])) != NULL)
		return why;
	google_close(g);
	g->key = key;
	g->email = text(v[EMAIL], "");
	g->key_id = text(v[KEY_ID], "");
	g->token_uri =
	    text(v[TOKEN_URI], "https://oauth2.googleapis.com/token");
	g->project = text(v[PROJECT], "");
	backoff_init(&g->backoff, RETRY_MIN_MS, RETRY_MAX_MS);
	return NULL;
}

void
google_close(struct google *g)
{
	post_cancel(&g->post);
	crypto_key_free(&g->key);
	free(g->email);
	free(g->key_id);
	free(g->token_uri);
	free(g->project);
	g->email = g->key_id = g->token_uri = g->project = NULL;
	buf_free(&g->token);
	buf_free(&g->form);
	buf_free(&g->post.reply);
	g->asking = false;
	g->ends = g->early = g->after = 0;
}

/* ---- A request */

static void
put_claims(struct buf *b, const struct google *g)
{
	uint64_t now = loop_unix_ms(g->loop) / 1000;

	buf_str(b, "{\"iss\":");
	json_escape(b, slice_of(g->email));
	buf_str(b, ",\"scope\":\"" SCOPE "\",\"aud\":");
	json_escape(b, slice_of(g->token_uri));
	buf_printf(b, ",\"iat\":%llu,\"exp\":%llu}", (unsigned long long)now,
	    (unsigned long long)now + ASSERTION_S);
}

static bool
take_token(struct google *g)
{
	static const struct json_field answer[] = {
	    {SLICE_INIT("access_token"), JSON_MAY(JSON_STRING), true},
	    {SLICE_INIT("expires_in"), JSON_MAY(JSON_NUMBER), false}};
	struct json_value v[LENGTH(answer)];
	struct buf b = {0};
	struct slice token;
	struct json_walk w;
	uint64_t s = ASSERTION_S, now = loop_now(g->loop);

	if (g->post.status != 200 ||
	    !json_object(&w, buf_slice(&g->post.reply), NULL) ||
	    !json_object_read(
		&w, (struct json_table){answer, LENGTH(answer)}, v))
		return false;
	if (v[1].kind == JSON_NUMBER &&
	    (!json_uint(v[1], &s) || s == 0 || s > 86400))
		s = ASSERTION_S;
	token = json_string(v[0], &b);
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			token.n = 0;
	if (token.n != 0 && token.n <= TOKEN_MAX) {
		buf_clear(&g->token);
		buf_printf(&g->token, "Bearer %.*s", SLICE_ARGS(token));
		g->ends = now + s * 1000;
		g->early = g->ends - (s * 500 < EARLY_MS ? s * 500 : EARLY_MS);
	}
	buf_free(&b);
	return token.n != 0 && token.n <= TOKEN_MAX;
}

static void
answered(struct post *p)
{
	struct google *g = container_of(p, struct google, post);
	char why[96];

	g->asking = false;
	if (take_token(g)) {
		stats_add(STAT_push_tokens, 1);
		backoff_worked(&g->backoff);
		g->changed(g, NULL);
		return;
	}
	stats_add(STAT_push_tokens_refused, 1);
	g->after = loop_now(g->loop) + backoff_failed(&g->backoff);
	snprintf(why, sizeof(why), "status %u %s", p->status,
	    p->status == 0 ? p->why : "");
	log_warn("access_token", "why=\"%s\" again_ms=%llu", why,
	    (unsigned long long)google_wait(g));
	if (g->token.n == 0 || loop_now(g->loop) >= g->ends)
		g->changed(g, why);
}

static void
ask(struct google *g)
{
	struct buf claims = {0};

	put_claims(&claims, g);
	buf_clear(&g->form);
	buf_str(&g->form, "grant_type=" GRANT "&assertion=");
	must(jwt_sign(&g->form, g->key,
	    &(struct jwt_draft){slice_of(g->key_id), buf_slice(&claims)}));
	buf_free(&claims);
	g->asking = true;
	g->post.done = answered;
	g->post.url = g->token_url[0] != '\0' ? g->token_url : g->token_uri;
	g->post.type = "application/x-www-form-urlencoded";
	g->post.body = buf_slice(&g->form);
	g->post.timeout_ms = g->timeout_ms;
	post_send(g->posts, &g->post);
}

struct slice
google_token(struct google *g)
{
	uint64_t now = loop_now(g->loop);

	if (now >= g->ends)
		buf_clear(&g->token);
	if ((g->token.n == 0 || now >= g->early) && !g->asking &&
	    now >= g->after)
		ask(g);
	return buf_slice(&g->token);
}

void
google_refused(struct google *g, struct slice token)
{
	if (!slice_eq(buf_slice(&g->token), token))
		return;
	buf_clear(&g->token);
	g->ends = 0;
}

uint64_t
google_wait(const struct google *g)
{
	uint64_t now = loop_now(g->loop);

	return g->after > now ? g->after - now : 0;
}
