/*
 * client_test.c - a connection answers every request once and in order,
 * however its bytes are cut, and ends when it is not used.
 */
#include "tests/unit/front_world.h"

#define HELLO "{\"channel\":\"/demo/public/x\",\"data\":1}" /* 37 bytes */
#define WITH_ID(id)                                                            \
	"{\"channel\":\"/demo/public/x\",\"data\":1,\"id\":\"" id "\"}"
#define LENGTH_37 "Content-Length: 37\r\n\r\n"

static void
a_publish_is_answered_with_its_position(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, POST LENGTH_37 HELLO);
	hear(h, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
	hear(h, "{\"id\":null,\"channel\":\"/demo/public/x\","
		"\"cursor\":\"1.1\",\"hubs\":2}");
	assert_string_equal(h->notes[0].channel, "/demo/public/x");
	assert_string_equal(h->notes[0].body, "1");
	assert_string_equal(h->notes[0].type, "");
}

static void
a_request_may_be_cut_anywhere(void **state)
{
	static const char *const texts[] = {
	    POST LENGTH_37 HELLO,
	    POST
	    "Transfer-Encoding: chunked\r\n\r\n"
	    "7\r\n{\"chann\r\n1e;x=y\r\nel\":\"/demo/public/x\",\"data\":1}"
	    "\r\n0\r\n\r\n",
	};
	struct house *h = *state;

	open_all(h);
	for (size_t i = 0; i < LENGTH(texts); i++) {
		size_t n = strlen(texts[i]);

		for (size_t cut = 1; cut < n; cut++) {
			dial(h);
			say_bytes(h, (struct slice){texts[i], cut});
			say_bytes(h, (struct slice){texts[i] + cut, n - cut});
			hear(h, "200 OK");
			hear(h, "\"hubs\":2}");
		}
	}
}

static bool
two_came(struct house *h)
{
	return h->published == 2;
}

static void
answers_come_in_the_order_of_the_requests(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	dial(h);
	say(h, POST "Content-Length: 46\r\n\r\n" WITH_ID("1") POST
	    "Content-Length: 46\r\n\r\n" WITH_ID(
		"2") "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	until(h, two_came);
	server_answer(h, 2);
	few_turns(h);
	assert_int_equal(h->got.n, 0);
	server_answer(h, 1);
	hear(h, "\"id\":\"1\"");
	hear(h, "\"id\":\"2\"");
	hear(h, "{\"healthy\":true}");
}

static void
a_body_is_asked_for_when_it_is_wanted(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, POST "Expect: 100-continue\r\n" LENGTH_37);
	hear(h, "HTTP/1.1 100 Continue\r\n\r\n");
	say(h, HELLO);
	hear(h, "200 OK");
}

static void
a_body_that_is_not_wanted_is_not_asked_for(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, "POST /v1/publish HTTP/1.1\r\nHost: x\r\n"
	       "Expect: 100-continue\r\n" LENGTH_37);
	hear(h, "HTTP/1.1 401 Unauthorized\r\n");
	hear(h, "Connection: close\r\n");
	hear_end(h);
	assert_null(strstr(h->got.p, "100 Continue"));
}

/* clang-format off */
static const struct {
	const char *request; /* the whole, or the head before a length */
	const char *body;    /* NULL: there is none */
	const char *status, *error;
} refusals[] = {
	{"GET /v1/publish HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "405 ", "method_not_allowed\",\"message\":\"not this method"},
	{"PUT /v1/sse HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "405 ", "method_not_allowed\",\"message\":\"not this method"},
	{"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "404 ", "not_found"},
	{"POST /v1/publish HTTP/1.1\r\nHost: x\r\n", "{}", "401 ", "unauthorized"},
	{"POST /v1/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Basic azp0\r\n", "{}", "401 ", "unauthorized"},
	{"POST /v1/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x.y.z\r\n", "{}", "401 ", "bad_token"},
	{POST, "", "400 ", "bad_json"},
	{POST, "{", "400 ", "bad_json"},
	{POST, "[1,", "400 ", "bad_json"},
	{POST, "7", "400 ", "bad_json"},
	{POST, "{}", "400 ", "missing_field\",\"message\":\"a field is missing\",\"field\":\"channel"},
	{POST, "{\"channel\":1}", "400 ", "bad_field\",\"message\":\"not a string\",\"field\":\"channel"},
	{POST, "{\"channel\":\"x\",\"data\":1}", "400 ", "bad_channel"},
	{POST, "{\"channel\":\"/demo/public/*\",\"data\":1}", "400 ", "bad_channel"},
	{POST, "{\"channel\":\"/demo/public/x\"", "400 ", "bad_json"},
	{POST, "{\"channel\":\"/demo/public/x\"}", "400 ", "missing_field"},
	{POST, "{\"channel\":\"/demo/meta/x\",\"data\":1}", "403 ", "forbidden"},
	{POST, "{\"channel\":\"/other/public/x\",\"data\":1}", "403 ", "forbidden"},
	{POST "Content-Length: 99999999\r\n\r\n", NULL, "413 ", "too_large"},
	{POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", NULL, "400 ", "ambiguous_length"},
	{POST "Transfer-Encoding: chunked\r\n\r\nx\r\n", NULL, "400 ", "bad_chunk_size"},
	{"GET /v1/publish\r\n", NULL, "400 ", "bad_version"},
	{"GET / HTTP/1.1\r\n\r\n", NULL, "400 ", "missing_host"},
	{"GET / HTTP/1.1\nHost: x\r\n\r\n", NULL, "400 ", "bad_line_end"},
	{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", NULL, "505 ", "http_version_not_supported"},
	{"GET /v1/history HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "400 ", "missing_field"},
	{"GET /v1/history?channel=x HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "400 ", "bad_channel"},
	{"GET /v1/history?channel=/demo/private/x HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "401 ", "unauthorized"},
	{"GET /v1/history?channel=/demo/public/x&limit=0 HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "400 ", "bad_field"},
	{"GET /v1/history?channel=/demo/public/x&after=z HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "400 ", "bad_cursor"},
	{"GET /v1/history?channel=%zz HTTP/1.1\r\nHost: x\r\n\r\n", NULL, "400 ", "bad_request"},
};
/* clang-format on */

static void
say_body(struct house *h, const char *body)
{
	char length[64];

	snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n",
	    strlen(body));
	say(h, length);
	say(h, body);
}

static void
every_refusal_is_json_with_a_stable_code(void **state)
{
	struct house *h = *state;

	open_all(h);
	for (size_t i = 0; i < LENGTH(refusals); i++) {
		char status[64], code[160];

		snprintf(
		    status, sizeof(status), "HTTP/1.1 %s", refusals[i].status);
		snprintf(code, sizeof(code),
		    "\r\n\r\n{\"error\":{\"code\":\"%s", refusals[i].error);
		dial(h);
		say(h, refusals[i].request);
		if (refusals[i].body != NULL)
			say_body(h, refusals[i].body);
		hear(h, status);
		hear(h, "Content-Type: application/json\r\n");
		hear(h, code);
	}
	assert_int_equal(h->published, 0);
}

static void
a_connection_that_was_refused_politely_goes_on(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
	       "POST /v1/publish HTTP/1.1\r\nHost: x\r\n"
	       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" POST
		   LENGTH_37 HELLO);
	hear(h, "404 Not Found");
	hear(h, "401 Unauthorized");
	hear(h, "200 OK");
}

static void
a_refused_malformed_request_ends_the_connection(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h,
	    "GET / HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(h, "missing_host");
	hear_end(h);
	assert_null(strstr(h->got.p, "healthy"));
}

static void
who_wants_to_close_is_answered_first(void **state)
{
	static const char *const texts[] = {
	    POST "Connection: close\r\n" LENGTH_37 HELLO,
	    "POST /v1/publish HTTP/1.0\r\n" KEY LENGTH_37 HELLO,
	};
	struct house *h = *state;

	open_all(h);
	for (size_t i = 0; i < LENGTH(texts); i++) {
		dial(h);
		say(h, texts[i]);
		hear(h, "200 OK");
		hear(h, "Connection: close\r\n");
		hear(h, "\"hubs\":2}");
		hear_end(h);
	}
}

static void
half_a_connection_is_answered_too(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, POST LENGTH_37 HELLO);
	shutdown(h->fd, SHUT_WR);
	hear(h, "\"hubs\":2}");
	hear_end(h);
}

static void
head_is_get_without_a_body(void **state)
{
	struct house *h = *state;

	dial(h);
	say(h, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	       "GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(h, "Content-Length: 17\r\n\r\nHTTP/1.1 200 OK\r\n");
}

static void
pages_of_other_origins_may_ask(void **state)
{
	struct house *h = *state;

	dial(h);
	say(h, "OPTIONS /v1/publish HTTP/1.1\r\nHost: x\r\n"
	       "Origin: http://a\r\n"
	       "Access-Control-Request-Method: POST\r\n\r\n");
	hear(h, "HTTP/1.1 204 No Content\r\nAllow: POST, OPTIONS\r\n");
	hear(h, "Access-Control-Allow-Origin: *\r\n");
	hear(h, "Access-Control-Allow-Methods: POST, OPTIONS\r\n");
	hear(h, "Access-Control-Allow-Headers: Authorization");
	say(h, "OPTIONS /v1/devices HTTP/1.1\r\nHost: x\r\n"
	       "Origin: http://a\r\n"
	       "Access-Control-Request-Method: PUT\r\n\r\n");
	hear(h, "Access-Control-Allow-Methods: GET, HEAD, PUT, DELETE, "
		"OPTIONS\r\n");
	hear(h, "Access-Control-Max-Age");
	say(h, "GET /v1/none HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n\r\n");
	hear(h, "404 Not Found");
	hear(h, "Access-Control-Allow-Origin: *\r\n");
}

static void
only_listed_origins_may_ask_when_there_is_a_list(void **state)
{
	struct house *h = *state;

	h->front.origins.any = false;
	assert_true(front_add_origin(&h->front, SLICE("https://a.example")));
	dial(h);
	say(h, "GET /v1/none HTTP/1.1\r\nHost: x\r\n"
	       "Origin: https://b.example\r\n\r\n");
	hear(h, "\r\nVary: Origin\r\n");
	hear(h, "not_found\",");
	assert_null(strstr(h->got.p, "Access-Control"));
	say(h, "OPTIONS /v1/publish HTTP/1.1\r\nHost: x\r\n"
	       "Origin: https://b.example\r\n\r\n");
	hear(h, "204 No Content\r\nAllow: POST, OPTIONS\r\n"
		"Vary: Origin\r\n");
	assert_null(strstr(h->got.p, "Access-Control"));
	say(h, "GET /v1/none HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(h, "404 Not Found\r\n");
	hear(h, "\r\nVary: Origin\r\n");
	say(h, "GET /v1/none HTTP/1.1\r\nHost: x\r\n"
	       "Origin: https://a.example\r\n\r\n");
	hear(h, "Access-Control-Allow-Origin: https://a.example\r\n"
		"Vary: Origin\r\n");
}

TESTS(story(a_publish_is_answered_with_its_position),
    story(a_request_may_be_cut_anywhere),
    story(answers_come_in_the_order_of_the_requests),
    story(a_body_is_asked_for_when_it_is_wanted),
    story(a_body_that_is_not_wanted_is_not_asked_for),
    story(every_refusal_is_json_with_a_stable_code),
    story(a_connection_that_was_refused_politely_goes_on),
    story(a_refused_malformed_request_ends_the_connection),
    story(who_wants_to_close_is_answered_first),
    story(half_a_connection_is_answered_too), story(head_is_get_without_a_body),
    story(pages_of_other_origins_may_ask),
    story(only_listed_origins_may_ask_when_there_is_a_list))
