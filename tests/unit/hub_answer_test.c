/* hub_answer_test.c - what every answer of a hub has, and OPTIONS *. */
#include "hub/accept.h"
#include "tests/unit/answer_date.h"
#include "tests/unit/hub_world.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/un.h>

#define HOST " HTTP/1.1\r\nHost: a\r\n"

/* Its head, without the date. */
static char *
head(struct world *w, int fd)
{
	hear(w, fd, "\r\n\r\n");
	return date_cut(w->heard);
}

static void
whatever_it_is_and_to_whom(void **state)
{
	static const char *const asked[][2] = {
	    {"GET /v1/poll?channel=/demo/public/x&timeout=0" HOST,
		"HTTP/1.1 200 "},
	    {"GET /v1/sse?channel=/demo/public/x" HOST, "HTTP/1.1 200 "},
	    {"GET /v1/poll" HOST, "HTTP/1.1 400 "},
	    {"GET /v1/poll?channel=/demo/private/x" HOST, "HTTP/1.1 401 "},
	    {"GET /v1/none" HOST, "HTTP/1.1 404 "},
	    {"POST /v1/poll" HOST, "HTTP/1.1 405 "},
	    {"OPTIONS /v1/poll" HOST, "HTTP/1.1 204 "},
	    {"GET /v1/poll HTTP/1.1\r\n", "HTTP/1.1 400 "},
	    {"GET /v1/ws" HOST, "HTTP/1.1 400 "},
	    {"GET /v1/ws" HOST "Upgrade: websocket\r\n"
	     "Connection: upgrade\r\nSec-WebSocket-Version: 8\r\n",
		"HTTP/1.1 426 "},
	    {"GET /lp" HOST, "HTTP/1.1 200 "},
	    {"POST /socket" HOST, "HTTP/1.1 405 "},
	    {"POST /push" HOST, "HTTP/1.1 400 "},
	    {"POST /push" HOST "Content-Type: application/json\r\n"
	     "Content-Length: 2\r\n\r\n[]",
		"HTTP/1.1 200 "},
	    {"OPTIONS /push" HOST, "HTTP/1.1 200 "},
	};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH(asked); i++) {
		int fd = client(w);

		say(fd, asked[i][0]);
		say(fd, "\r\n");
		if (strncmp(head(w, fd), asked[i][1], 13) != 0)
			fail_msg("%s: %s", asked[i][0], w->heard);
		w->used = w->in.n; /* the next has the same descriptor */
		close(fd);
	}
}

static void
who_is_late_or_one_too_many_is_told_it(void **state)
{
	struct world *w = *state;
	int fd;

	w->hub.limits.head = 1;
	fd = client(w);
	say(fd, "GET ");
	assert_string_equal(head(w, fd),
	    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
	    "Content-Length: 0\r\n\r\n");
	close(fd);
	w->hub.limits.connections = 0;
	fd = client(w);
	assert_memory_equal(head(w, fd), "HTTP/1.1 503 ", 13);
	hear(w, fd, "no connection is left");
	close(fd);
}

/* Its own listener, and not one descriptor more than there are. */
static void
who_comes_when_no_descriptor_is_left_is_told_it(void **state)
{
	struct world *w = *state;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct rlimit was, tight;
	char path[100], address[128];
	int status, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), next;
	struct accepts *all;

	snprintf(path, sizeof(path), "%s/hub", w->dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	all = accepts_new(&w->hub, address, &status);
	assert_ptr_not_equal(all, NULL);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	next = dup(fd);
	close(next);
	getrlimit(RLIMIT_NOFILE, &was);
	tight = (struct rlimit){(rlim_t)next, was.rlim_max};
	setrlimit(RLIMIT_NOFILE, &tight);
	assert_string_equal(head(w, fd),
	    "HTTP/1.1 503 Service Unavailable\r\n"
	    "Content-Type: application/json\r\nConnection: close\r\n"
	    "Retry-After: 1\r\nContent-Length: 74\r\n\r\n");
	setrlimit(RLIMIT_NOFILE, &was);
	hear(w, fd, "no descriptor is left");
	accepts_free(&all);
	unlink(path);
	close(fd);
}

/* RFC 9110 9.3.7: of the server, not of a resource. */
static void
what_the_server_can_is_told(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "OPTIONS *" HOST "\r\n");
	assert_string_equal(head(w, fd),
	    "HTTP/1.1 204 No Content\r\nAllow: GET, POST, OPTIONS\r\n\r\n");
	say(fd, "OPTIONS *" HOST "Connection: close\r\n\r\n");
	assert_string_equal(head(w, fd),
	    "HTTP/1.1 204 No Content\r\nConnection: close\r\n"
	    "Allow: GET, POST, OPTIONS\r\n\r\n");
	hear(w, fd, NULL);
	close(fd);
}

/* RFC 6455 4.2.2 has no place for it, nor had the siblings'. */
static void
a_handshake_is_as_it_was(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /v1/ws" HOST "Upgrade: websocket\r\nConnection: upgrade"
		"\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	assert_null(strstr(hear(w, fd, "\r\n\r\n"), "Date"));
	assert_memory_equal(w->heard, "HTTP/1.1 101 ", 13);
	close(fd);
}

TESTS(story(whatever_it_is_and_to_whom),
    story(who_is_late_or_one_too_many_is_told_it),
    story(who_comes_when_no_descriptor_is_left_is_told_it),
    story(what_the_server_can_is_told), story(a_handshake_is_as_it_was))
