/* body_wait_test.c - a body in pieces is read once, and is the same. */
#include "hub/body_wait.h"
#include "tests/unit/incus_world.h"

#define CHUNKED                                                                \
	"PUT /socket HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"        \
	"\r\n\r\n"
#define SIZED "PUT /socket HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"

static void
what_was_read_is_not_read_again(void **state)
{
	static const char body[] =
	    "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n";
	char request[8 + sizeof(body)] = "head____";
	struct body_wait w = {.most = 1000, .at = 8};

	(void)state;
	for (size_t n = 0; n < sizeof(body) - 2; n++) {
		request[8 + n] = body[n];
		assert_true(body_waits(&w, (struct slice){request, 9 + n}));
		request[8 + n] = '\0'; /* a second look would not like it */
	}
	request[sizeof(request) - 2] = '\n';
	assert_false(
	    body_waits(&w, (struct slice){request, sizeof(request) - 1}));
}

static void
it_waits_for_no_more_than_there_may_be(void **state)
{
	struct body_wait sized = {.most = 100};
	struct body_wait chunked = {.most = 20, .at = 8};
	struct body_wait bad = {.most = 1000, .at = 8};
	static const char request[] = "head____400\r\nxxxxxxxxxxxx";

	(void)state;
	assert_true(body_waits(&sized, (struct slice){request, 9}));
	assert_true(body_waits(&sized, (struct slice){request, 8}));
	assert_false(body_waits(&sized, (struct slice){NULL, 100}));
	assert_true(body_waits(&chunked, (struct slice){request, 19}));
	assert_false(body_waits(&chunked, (struct slice){request, 20}));
	assert_true(body_waits(&bad, SLICE("head____4")));
	assert_false(body_waits(&bad, SLICE("head____4z")));
}

static void
drip(struct world *w, int fd, const char *text)
{
	w->client = fd;
	for (; *text != '\0'; text++) {
		assert_int_equal(send(fd, text, 1, MSG_NOSIGNAL), 1);
		until(w, world_taken);
	}
}

static void
requests_that_come_byte_by_byte_are_answered_one_by_one(void **state)
{
	static const char *const requests[] = {CHUNKED
	    "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n",
	    SIZED "012345678", CHUNKED "0\r\n\r\n"};
	struct world *w = *state;
	int fd = client(w);

	for (size_t i = 0; i < LENGTH(requests); i++) {
		drip(w, fd, requests[i]);
		hear(w, fd, "HTTP/1.1 405 Method Not Allowed\r\n");
		hear(w, fd, "\r\nMethod not allowed\n");
	}
	close(fd);
}

static void
what_follows_a_body_in_its_last_piece_is_heard_too(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	drip(w, fd, CHUNKED "3\r\na");
	say(fd, "bc\r\n0\r\n\r\n" SIZED "0123");
	hear(w, fd, "HTTP/1.1 405 Method Not Allowed\r\n");
	hear(w, fd, "\r\nMethod not allowed\n");
	drip(w, fd, "45");
	say(fd, "678GET /socket HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(w, fd, "HTTP/1.1 405 Method Not Allowed\r\n");
	hear(w, fd, "\r\nMethod not allowed\n");
	hear(w, fd, "HTTP/1.1 400 Bad Request\r\n");
	close(fd);
}

static void
a_bad_chunk_in_a_later_piece_is_400(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	drip(w, fd, CHUNKED "3\r\nabc\r\nz");
	hear(w, fd, "HTTP/1.1 400 ");
	hear(w, fd, NULL);
	close(fd);
}

TESTS(unit(what_was_read_is_not_read_again),
    unit(it_waits_for_no_more_than_there_may_be),
    story(requests_that_come_byte_by_byte_are_answered_one_by_one),
    story(what_follows_a_body_in_its_last_piece_is_heard_too),
    story(a_bad_chunk_in_a_later_piece_is_400))
