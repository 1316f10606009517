/*
 * api_test.c - history, health, metrics and pages, as they are answered.
 */
#include "tests/unit/front_world.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static bool
asked(struct house *h)
{
	return h->reads == h->count;
}

static void
entry(struct house *h, uint64_t offset, struct slice body)
{
	server_say(h, &(struct msg){.id = MSG_entry,
			  .entry = {
			      .ref = h->read.ref,
			      .channel = SLICE("/demo/public/x"),
			      .epoch = 36,
			      .offset = offset,
			      .body = body,
			  }});
}

static void
entries_end(struct house *h, struct msg_read_end last)
{
	last.ref = h->read.ref;
	server_say(h, &(struct msg){.id = MSG_read_end, .read_end = last});
}

static void
history_is_read_from_the_store(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, GET("/v1/history?channel=/demo/public/x&after=10.5&limit=2"));
	h->count = 1;
	until(h, asked);
	assert_string_equal(h->read_channel, "/demo/public/x");
	assert_int_equal(h->read.epoch, 36);
	assert_int_equal(h->read.after, 5);
	assert_int_equal(h->read.limit, 2);
	entry(h, 6, SLICE("{\"a\":1}"));
	entry(h, 8, SLICE("2"));
	entries_end(
	    h, (struct msg_read_end){.epoch = 36, .offset = 8, .more = 1});
	hear(h, "200 OK");
	hear(h, "\r\n\r\n{\"messages\":["
		"{\"channel\":\"/demo/public/x\",\"cursor\":\"10.6\","
		"\"data\":{\"a\":1}},"
		"{\"channel\":\"/demo/public/x\",\"cursor\":\"10.8\","
		"\"data\":2}],\"cursor\":\"10.8\",\"more\":true}");
}

static void
a_hole_in_history_is_told(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, GET("/v1/history?channel=/demo/public/x&after=z.5"));
	h->count = 1;
	until(h, asked);
	assert_int_equal(h->read.epoch, 35);
	entries_end(
	    h, (struct msg_read_end){
		   .epoch = 36, .offset = 9, .lost = GAP_EPOCH, .lost_to = 3});
	hear(h, "{\"messages\":[{\"channel\":\"/demo/public/x\",\"gap\":"
		"{\"from\":\"z.5\",\"to\":\"10.3\",\"reason\":\"epoch\"}}],"
		"\"cursor\":\"10.9\"}");
}

static void
histories_of_one_connection_are_read_one_by_one(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, GET("/v1/history?channel=/demo/public/x")
		   GET("/v1/history?channel=/demo/public/x"));
	h->count = 1;
	until(h, asked);
	few_turns(h);
	assert_int_equal(h->reads, 1);
	entries_end(h, (struct msg_read_end){.epoch = 36, .offset = 9});
	hear(h, "\"cursor\":\"10.9\"}");
	h->count = 2;
	until(h, asked);
	entries_end(h, (struct msg_read_end){.epoch = 36, .offset = 10});
	hear(h, "\"cursor\":\"10.10\"}");
}

static void
what_the_store_says_no_to_is_an_error(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, GET("/v1/history?channel=/demo/public/x"));
	h->count = 1;
	until(h, asked);
	assert_int_equal(h->read.epoch, 0);
	entries_end(h, (struct msg_read_end){.code = CODE_busy});
	hear(h, "503 Service Unavailable");
	hear(h, "{\"error\":{\"code\":\"busy\"");
}

static void
history_that_is_cut_off_is_unavailable(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, GET("/v1/history?channel=/demo/public/x"));
	h->count = 1;
	until(h, asked);
	entry(h, 1, SLICE("1"));
	few_turns(h);
	bus_server_close(&h->server);
	hear(h, "503 Service Unavailable");
	hear(h, "{\"error\":{\"code\":\"unavailable\"");
}

static bool
nobody_is_left(struct house *h)
{
	return h->front.nclients == 0;
}

static void
a_reader_that_left_is_forgotten(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, GET("/v1/history?channel=/demo/public/x"));
	h->count = 1;
	until(h, asked);
	hang_up(h); /* maybe only half of it: the answer is tried */
	entry(h, 1, SLICE("1"));
	entries_end(h, (struct msg_read_end){.epoch = 1});
	until(h, nobody_is_left);
	entry(h, 2, SLICE("2"));
	entries_end(h, (struct msg_read_end){.epoch = 1});
	dial(h);
	say(h, GET("/healthz"));
	hear(h, "{\"healthy\":true}");
}

static void
private_history_needs_a_key(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, GET("/v1/history?channel=/demo/private/x"));
	hear(h, "401 Unauthorized");
	say(h, "GET /v1/history?channel=/demo/private/x HTTP/1.1\r\n"
	       "Host: x\r\n" KEY "\r\n");
	h->count = 1;
	until(h, asked);
	say(h, "GET /v1/history?channel=/demo/private/x&token=a.b.c HTTP/1.1"
	       "\r\nHost: x\r\n\r\n");
	entries_end(h, (struct msg_read_end){.epoch = 36, .offset = 9});
	hear(h, "200 OK");
	hear(h, "401 Unauthorized");
	hear(h, "bad_token");
}

static void
readiness_names_the_sick_stage(void **state)
{
	struct house *h = *state;
	char path[128];

	open_bus(h);
	dial(h);
	say(h, GET("/readyz"));
	hear(h, "503 Service Unavailable");
	hear(h, "{\"ready\":false,\"stages\":["
		"{\"stage\":\"ingress.1\",\"ready\":true},"
		"{\"stage\":\"store.1\",\"ready\":false,");
	open_server(h);
	until(h, is_up);
	snprintf(path, sizeof(path), "%s/door.1", h->dir);
	h->front.door = door_open(&(struct door_setup){
	    .front = &h->front, .path = path, .ports = &h->port, .nports = 1});
	say(h, GET("/readyz"));
	hear(h, "503 Service Unavailable");
	hear(h, "{\"stage\":\"store.1\",\"ready\":true},"
		"{\"stage\":\"hub\",\"ready\":false,");
	h->front.name = "the \"first\"";
	say(h, GET("/readyz"));
	hear(h, "{\"stage\":\"the \\\"first\\\"\",\"ready\":true}");
}

static void
metrics_are_those_of_every_stage(void **state)
{
	struct house *h = *state;

	open_all(h);
	stats_set(STAT_started, 7);
	dial(h);
	say(h, GET("/metrics"));
	hear(h, "200 OK\r\nContent-Type: text/plain; version=0.0.4");
	hear(h, "posthorn_started{stage=\"ingress\",instance=\"ingress.1\"} 7");
	hear(h, "posthorn_subscriptions{stage=\"hub\",instance=\"hub.9\"} 42");
}

static void
metrics_do_not_wait_for_a_store_that_hangs(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	stats_set(STAT_started, 7);
	dial(h);
	say(h, GET("/metrics"));
	hear(h, "200 OK");
	hear(h, "posthorn_started{stage=\"ingress\",instance=\"ingress.1\"} 7");
}

static void
pages_are_part_of_the_program(void **state)
{
	struct house *h = *state;

	dial(h);
	say(h, GET("/"));
	hear(h, "200 OK\r\nContent-Type: text/html;charset=utf-8\r\n");
	hear(h, "</html>");
	say(h, GET("/favicon.ico"));
	hear(h, "204 No Content");
	say(h, GET("/robots.txt"));
	hear(h, "User-agent: *\n");
}

static void
the_description_of_the_api_is_json(void **state)
{
	struct house *h = *state;

	dial(h);
	say(h, GET("/v1/openapi.json"));
	hear(h, "Content-Type: application/json\r\n");
	hear(h, "\r\n\r\n");
	hear(h, "\"openapi\"");
	say(h, GET("/healthz"));
	hear(h, "\n}\nHTTP/1.1 200 OK");
}

static void
the_description_names_every_route_of_the_api(void **state)
{
	static const char *const paths[] = {"/v1/publish", "/v1/history",
	    "/v1/ws", "/v1/sse", "/v1/poll", "/healthz", "/readyz", "/metrics"};
	struct house *h = *state;

	for (size_t i = 0; i < LENGTH(paths); i++) {
		char words[64];

		snprintf(words, sizeof(words), "\"%s\"", paths[i]);
		dial(h);
		say(h, GET("/v1/openapi.json"));
		hear(h, words);
	}
}

static void
incus_is_there_and_a_slash_too_much_is_sent_away(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, "BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(h, "200 OK");
	hear(h, "\r\n\r\nOK");
	say(h, GET("//ping?user=a%20b&x"));
	hear(h, "301 Moved Permanently");
	hear(h, "\r\nLocation: /ping?user=a%20b&x\r\n");
	say(h, GET("//socket"));
	hear(h, "301 Moved Permanently");
	hear(h, "\r\nLocation: /socket\r\n");
}

TESTS(story(history_is_read_from_the_store), story(a_hole_in_history_is_told),
    story(histories_of_one_connection_are_read_one_by_one),
    story(what_the_store_says_no_to_is_an_error),
    story(history_that_is_cut_off_is_unavailable),
    story(a_reader_that_left_is_forgotten), story(private_history_needs_a_key),
    story(readiness_names_the_sick_stage),
    story(metrics_are_those_of_every_stage),
    story(metrics_do_not_wait_for_a_store_that_hangs),
    story(pages_are_part_of_the_program),
    story(the_description_of_the_api_is_json),
    story(the_description_names_every_route_of_the_api),
    story(incus_is_there_and_a_slash_too_much_is_sent_away))
