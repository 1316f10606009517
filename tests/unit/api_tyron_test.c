/* api_tyron_test.c - /health/ and /store/ of Tyron: what Redis says, and what
 * nobody may ask it. */
#include "common/redis_reader.h"
#include "common/verb.h"
#include "tests/unit/front_world.h"

#define ASK(what) what " HTTP/1.1\r\nHost: x\r\n\r\n"

static struct {
	uint64_t ref, verb;
	char key[64];
	unsigned asks;
} store;

static void
note(struct house *h, const struct msg *m)
{
	(void)h;
	if (m->id != MSG_ask_redis)
		return;
	store.ref = m->ask_redis.ref;
	store.verb = m->ask_redis.verb;
	keep(store.key, sizeof(store.key), m->ask_redis.key);
	store.asks++;
}

static bool
asked(struct house *h)
{
	return store.asks == h->count;
}

static void
tyron(struct house *h, const char *request)
{
	memset(&store, 0, sizeof(store));
	h->other = note;
	h->port.persona = PERSONA_tyron;
	h->port.personas = PERSONA_SET(tyron);
	h->front.tyron = (struct tyron_rules){
	    .text = SLICE("text/plain; charset=UTF-8"), .keys = SLICE("open:")};
	open_all(h);
	dial(h);
	say(h, request);
}

static void
ask(struct house *h, const char *request)
{
	tyron(h, request);
	h->count = 1;
	until(h, asked);
}

static void
redis_says(
    struct house *h, enum code code, enum redis_kind kind, struct slice value)
{
	server_say(h, &(struct msg){.id = MSG_told_redis,
			  .told_redis = {.ref = store.ref,
			      .code = code,
			      .kind = kind,
			      .value = value}});
}

static void
a_key_is_told_as_redis_has_it(void **state)
{
	struct house *h = *state;

	ask(h, ASK("GET /store/open:a%2Fb/"));
	assert_string_equal(store.key, "open:a/b");
	assert_int_equal(store.verb, VERB_get);
	redis_says(h, CODE_ok, REDIS_IS_STRING, SLICE("x"));
	hear(h, "HTTP/1.1 200 OK\r\nDate: ");
	hear(h, "Content-Length: 1\r\n"
		"Etag: \"11f6ad8ec52a2984abaafd7c3b516503785c2072\"\r\n"
		"Content-Type: text/plain; charset=UTF-8\r\n"
		"Server: TornadoServer/3.2\r\n\r\nx");
}

static void
a_key_that_is_not_there_is_empty(void **state)
{
	struct house *h = *state;

	ask(h, ASK("POST /store/open:/"));
	redis_says(h, CODE_ok, REDIS_IS_NIL, SLICE(""));
	hear(h, "200 OK");
	hear(h, "Content-Length: 0\r\nContent-Type: ");
}

static void
what_redis_does_not_tell_is_500(void **state)
{
	struct house *h = *state;

	ask(h, ASK("GET /store/open:list/"));
	redis_says(h, CODE_ok, REDIS_IS_ERROR, SLICE("WRONGTYPE secret"));
	hear(h, "HTTP/1.1 500 Internal Server Error");
	say(h, ASK("GET /store/open:away/"));
	h->count = 2;
	until(h, asked);
	redis_says(h, CODE_unavailable, REDIS_IS_NIL, SLICE(""));
	hear(h, "<body>500: Internal Server Error</body></html>HTTP/1.1 500 ");
	assert_null(strstr(h->got.p, "secret"));
}

static void
other_keys_are_not_asked_for(void **state)
{
	struct house *h = *state;

	tyron(h, ASK("GET /store/secret/") ASK("GET /store/ope/")
		     ASK("GET /store/%ff/") ASK("PUT /store/open:x/"));
	hear(h, "HTTP/1.1 403 Forbidden");
	hear(h, "</html>HTTP/1.1 403 Forbidden");
	hear(h, "</html>HTTP/1.1 400 Bad Request");
	hear(h, "</html>HTTP/1.1 405 Method Not Allowed");
	h->front.tyron.keys = SLICE("");
	say(h, ASK("GET /store/open:x/"));
	hear(h, "404: Not Found</body></html>");
	assert_int_equal(store.asks, 0);
	say(h, ASK("GET /store/open:x"));
	hear(h, "HTTP/1.1 404 Not Found\r\nDate: ");
	hear(h, "Content-Length: 69\r\n"
		"Content-Type: text/html; charset=UTF-8\r\n"
		"Server: TornadoServer/3.2\r\n\r\n<html><title>404");
}

static void
health_is_a_get(void **state)
{
	struct house *h = *state;

	tyron(h,
	    ASK("GET /health/?x") ASK("HEAD /health/") ASK("OPTIONS /health/"));
	hear(h, "\r\n\r\nOKHTTP/1.1 405 Method Not Allowed");
	hear(h, "Allow: GET\r\n");
	hear(h, "3.2\r\n\r\nHTTP/1.1 405 Method Not Allowed");
}

TESTS(story(a_key_is_told_as_redis_has_it),
    story(a_key_that_is_not_there_is_empty),
    story(what_redis_does_not_tell_is_500), story(other_keys_are_not_asked_for),
    story(health_is_a_get))
