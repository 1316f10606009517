/* access_test.c - what was asked is one line each, and nobody's secret. */
#include "common/access.h"
#include "common/log.h"
#include "common/stats.h"
#include "ingress/client_own.h"
#include "tests/unit/file_text.h"
#include "tests/unit/front_world.h"

static void
log_to(struct house *h, char path[96])
{
	snprintf(path, 96, "%s/access", h->dir);
	h->front.access = access_open(h->loop, "ingress.1", path);
	assert_non_null(h->front.access);
}

/* What was logged, without its time; one line is expected. */
static const char *
line_of(struct house *h, const char *path)
{
	const char *text, *at;

	few_turns(h);
	text = file_text(path);
	assert_true(strncmp(text, "ts=20", 5) == 0);
	at = strchr(text, ' ');
	assert_non_null(at);
	assert_int_equal(at - text, 27); /* to the millisecond */
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	return at + 1;
}

static void
begins(const char *line, const char *words)
{
	if (strncmp(line, words, strlen(words)) != 0)
		fail_msg("wanted: %s\nlogged: %s", words, line);
}

static void
end(struct house *h, const char *path)
{
	front_end(&h->front); /* who is cut off is told, too */
	access_close(&h->front.access);
	unlink(path);
}

/* [request, what its line begins with]; the address is the default one. */
static const char *const rows[][2] = {
    {"GET /healthz?token=secret HTTP/1.1\r\nHost: x\r\n\r\n",
	"stage=ingress.1 method=GET path=/healthz status=200 bytes="},
    {"HEAD /v1/none HTTP/1.1\r\nHost: x\r\n\r\n",
	"stage=ingress.1 method=HEAD path=/v1/none status=404 bytes="},
    {"PUT /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	"stage=ingress.1 method=PUT path=/healthz status=405 bytes="},
    {"POST /v1/publish?channel=/a/b HTTP/1.1\r\nHost: x\r\n"
     "Content-Length: 99999999\r\n\r\n",
	"stage=ingress.1 method=POST path=/v1/publish status=4"},
    {"POST /v1/publish HTTP/1.1\r\nHost: x\r\n" KEY
     "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	"stage=ingress.1 method=POST path=/v1/publish status=400 bytes="},
    {"GET /healthz\r\n\r\n",
	"stage=ingress.1 method=- path=- status=400 bytes="},
    {"GET /%22/a\"b=c HTTP/1.1\r\nHost: x\r\n\r\n", "stage=ingress.1 method="},
};

static void
each_request_is_a_line_without_its_query(void **state)
{
	struct house *h = *state;
	const char *line;
	char path[96];

	open_all(h);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		log_to(h, path);
		dial(h);
		say(h, rows[i][0]);
		hear(h, "\r\n\r\n");
		line = line_of(h, path);
		begins(line, rows[i][1]);
		assert_null(strstr(line, "secret"));
		assert_null(strchr(line, '?'));
		assert_non_null(strstr(line, " us="));
		assert_non_null(strstr(line, " address=::\n"));
		access_close(&h->front.access);
		unlink(path);
	}
}

static void
the_bytes_are_those_of_the_answer(void **state)
{
	struct house *h = *state;
	char path[96], words[96];
	size_t got;

	open_all(h);
	log_to(h, path);
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n"
		    "{\"channel\":\"/demo/public/x\",\"data\":1}");
	h->wanted = "\"hubs\":2}";
	until(h, heard);
	got = h->got.n;
	snprintf(words, sizeof(words),
	    "stage=ingress.1 method=POST path=/v1/publish status=200 "
	    "bytes=%zu us=",
	    got);
	begins(line_of(h, path), words);
	end(h, path);
}

static void
a_request_that_ended_otherwise_is_told_as_well(void **state)
{
	struct house *h = *state;
	char path[96];

	open_all(h);
	h->mute = true;
	log_to(h, path);
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n"
		    "{\"channel\":\"/demo/public/x\",\"data\":1}");
	front_end(&h->front);
	begins(line_of(h, path),
	    "stage=ingress.1 method=POST path=/v1/publish bytes=0 us=");
	end(h, path);
}

static void
a_body_that_was_too_slow_is_told_by_its_name(void **state)
{
	struct house *h = *state;
	char path[96];

	open_all(h);
	h->front.limits.body_ms = 1;
	log_to(h, path);
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n{");
	hear(h, "408");
	begins(line_of(h, path), "stage=ingress.1 method=POST "
				 "path=/v1/publish status=408 bytes=");
	end(h, path);
}

static void
who_finds_no_hub_is_a_503(void **state)
{
	struct house *h = *state;
	char path[96], door[96];

	snprintf(door, sizeof(door), "%s/door.1", h->dir);
	h->front.door = door_open(&(struct door_setup){.front = &h->front,
	    .path = door,
	    .ports = &h->port,
	    .nports = 1,
	    .wait_ms = 1});
	log_to(h, path);
	dial(h);
	say(h, "GET /v1/ws?token=secret HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(h, "503");
	begins(line_of(h, path), "stage=ingress.1 method=GET path=/v1/ws "
				 "status=503 bytes=");
	end(h, path);
}

static void
a_file_that_was_renamed_is_opened_again(void **state)
{
	struct house *h = *state;
	struct access_line line = {
	    .method = SLICE("GET"), .path = SLICE("/1"), .hub = "hub.1"};
	char path[96], old[128];

	log_to(h, path);
	snprintf(old, sizeof(old), "%s.1", path);
	access_add(h->front.access, &line);
	assert_int_equal(rename(path, old), 0);
	access_add(h->front.access, &line);
	assert_int_equal(access_reopen(h->front.access), 0);
	line.path = SLICE("/2");
	access_add(h->front.access, &line);
	begins(line_of(h, path),
	    "stage=ingress.1 method=GET path=/2 hub=hub.1 address=::\n");
	assert_non_null(strstr(file_text(old), "path=/1"));
	assert_null(strstr(file_text(old), "path=/2"));
	unlink(old);
	end(h, path);
}

static void
a_full_disk_stops_nobody(void **state)
{
	struct house *h = *state;
	uint64_t failures = stats_get(STAT_access_log_failures);

	h->front.access = access_open(h->loop, "ingress.1", "/dev/full");
	assert_non_null(h->front.access);
	dial(h);
	say(h, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(h, "200 OK");
	few_turns(h);
	assert_true(stats_get(STAT_access_log_failures) > failures);
	access_close(&h->front.access);
}

TESTS(story(each_request_is_a_line_without_its_query),
    story(the_bytes_are_those_of_the_answer),
    story(a_request_that_ended_otherwise_is_told_as_well),
    story(a_body_that_was_too_slow_is_told_by_its_name),
    story(who_finds_no_hub_is_a_503),
    story(a_file_that_was_renamed_is_opened_again),
    story(a_full_disk_stops_nobody))
