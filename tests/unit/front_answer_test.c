/* front_answer_test.c - what every answer of an ingress has, and OPTIONS *. */
#include "common/must.h"
#include "tests/unit/answer_date.h"
#include "tests/unit/front_world.h"

/* Its head, without the date. */
static char *
head(struct house *h, char *room, size_t n)
{
	char *end;

	h->wanted = "\r\n\r\n";
	if (!run_until(h, heard))
		fail_msg("no head: %s", h->got.p);
	end = strstr(h->got.p, h->wanted) + 4;
	snprintf(room, n, "%.*s", (int)(end - h->got.p), h->got.p);
	return date_cut(room);
}

static void
whatever_it_is_and_to_whom(void **state)
{
	static const char *const asked[][2] = {
	    {"GET /healthz", "HTTP/1.1 200 "},
	    {"HEAD /healthz", "HTTP/1.1 200 "},
	    {"GET /", "HTTP/1.1 200 "},
	    {"GET /incus.js", "HTTP/1.1 200 "},
	    {"GET /ping", "HTTP/1.1 200 "},
	    {"GET //ping", "HTTP/1.1 301 "},
	    {"GET /v1/openapi.json", "HTTP/1.1 200 "},
	    {"GET /none", "HTTP/1.1 404 "},
	    {"DELETE /healthz", "HTTP/1.1 405 "},
	    {"OPTIONS /healthz", "HTTP/1.1 204 "},
	    {"OPTIONS /v1/poll", "HTTP/1.1 204 "},
	    {"OPTIONS *", "HTTP/1.1 204 "},
	    {"POST /v1/publish", "HTTP/1.1 401 "},
	    {"GET /v1/history", "HTTP/1.1 400 "},
	    {"GET *", "HTTP/1.1 400 "},
	    {"TRACE /v1", "HTTP/1.1 404 "},
	};
	struct house *h = *state;
	char room[1024];

	open_all(h);
	for (size_t i = 0; i < LENGTH(asked); i++) {
		dial(h);
		say(h, asked[i][0]);
		say(h, " HTTP/1.1\r\nHost: x\r\n\r\n");
		if (strncmp(head(h, room, sizeof(room)), asked[i][1], 13) != 0)
			fail_msg("%s: %s", asked[i][0], room);
	}
	dial(h);
	say(h, "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_string_equal(head(h, room, sizeof(room)),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	    "Connection: keep-alive\r\nCache-Control: no-store\r\n"
	    "Content-Length: 17\r\n\r\n");
}

static void
a_stream_of_answers_has_one(void **state)
{
	struct house *h = *state;
	char room[1024];

	open_all(h);
	dial(h);
	say(h,
	    POST "Content-Type: application/x-ndjson\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n"
		 "29\r\n{\"channel\": \"/demo/public/x\", \"data\": 1}\n\r\n");
	assert_string_equal(head(h, room, sizeof(room)),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n");
}

/* RFC 9110 9.3.7: of the server, not of a resource. */
static void
what_the_server_can_is_told(void **state)
{
	static const char all[] = "HTTP/1.1 204 No Content\r\nAllow: GET, "
				  "HEAD, POST, PUT, DELETE, OPTIONS\r\n\r\n";
	static const struct {
		enum persona bound;
		const char *head;
	} cases[] = {
	    {PERSONA_any, all},
	    {PERSONA_native, all},
	    {PERSONA_incus, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	};
	struct house *h = *state;
	char room[1024];

	for (size_t i = 0; i < LENGTH(cases); i++) {
		h->port.persona = cases[i].bound;
		h->port.personas = persona_set(cases[i].bound, 0);
		dial(h);
		say(h, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_string_equal(head(h, room, sizeof(room)), cases[i].head);
		hear(h, "\r\n\r\n");
		say(h, "OPTIONS http://x HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_string_equal(head(h, room, sizeof(room)), cases[i].head);
	}
}

/* Those have no such resource, and said so. */
static void
siblings_without_one_say_it_is_not_there(void **state)
{
	static const enum persona bound[] = {PERSONA_tyron, PERSONA_pandapush};
	struct house *h = *state;

	for (size_t i = 0; i < LENGTH(bound); i++) {
		h->port.persona = bound[i];
		h->port.personas = persona_set(bound[i], 0);
		dial(h);
		say(h, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
		hear(h, "HTTP/1.1 404 Not Found\r\n");
	}
}

TESTS(story(whatever_it_is_and_to_whom), story(a_stream_of_answers_has_one),
    story(what_the_server_can_is_told),
    story(siblings_without_one_say_it_is_not_there))
