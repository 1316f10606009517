/* listeners_test.c - what is listened on is what was asked for. */
#include "common/listeners.h"
#include "common/must.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static void
words_become_listeners(void **state)
{
	static const char text[] =
	    " 4000 8080=tyron,8443+tls  127.0.0.1:5000=matrix+tls [::1]:1";
	static const struct {
		const char *name, *persona, *address;
		bool tls;
	} want[] = {
	    {"4000", "", "4000", false},
	    {"8080=tyron", "tyron", "8080", false},
	    {"8443+tls", "", "8443", true},
	    {"5000=matrix+tls", "matrix", "127.0.0.1:5000", true},
	    {"1", "", "[::1]:1", false},
	};
	struct slice s = exact(text, sizeof(text) - 1);
	struct listeners ls;

	(void)state;
	assert_null(listeners_parse(&ls, s));
	assert_int_equal(ls.n, LENGTH(want));
	for (size_t i = 0; i < LENGTH(want); i++) {
		assert_true(slice_is(ls.at[i].name, want[i].name));
		assert_true(slice_is(ls.at[i].persona, want[i].persona));
		assert_string_equal(ls.at[i].address, want[i].address);
		assert_int_equal(ls.at[i].tls, want[i].tls);
		assert_int_equal(ls.at[i].fd, -1);
	}
	free((char *)s.p);
}

static void
a_wrong_word_is_named(void **state)
{
	static const char *const rows[][3] = {
	    {"4000 http", "http", "port"},
	    {"65536", "65536", "port"},
	    {"-1", "-1", "port"},
	    {"+tls", "+tls", "port"},
	    {"80+tls=tyron", "80+tls=tyron", "port"},
	    {"80=", "80=", "no persona"},
	    {"80=+tls", "80=+tls", "no persona"},
	    {"80=Tyron", "80=Tyron", "lower-case"},
	    {"80=tyron=x", "80=tyron=x", "lower-case"},
	    {"example.org:80", "example.org:80", "address"},
	    {"::1", "::1", "address"},
	    {"[]:80", "[]:80", "address"},
	    {"127.0.0.1:", "127.0.0.1:", "port"},
	    {"4000 4000", "4000", "this port"},
	    {"1 80 80=tyron+tls", "80=tyron+tls", "this port"},
	    {"4000 127.0.0.1:4000", "127.0.0.1:4000", "this port"},
	    {"[::1]:4000 4000", "4000", "this port"},
	    {"0.0.0.0:80 4000 localhost:80", "localhost:80", "this port"},
	    {"localhost:80 127.0.0.1:080", "127.0.0.1:080", "this port"},
	    {"[::]:80 [::1]:80", "[::1]:80", "this port"},
	    {"unix:/a unix:/a+tls", "unix:/a+tls", "this port"},
	    {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "17", "16"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct listeners ls;
		const char *error = listeners_parse(&ls, slice_of(rows[i][0]));

		assert_non_null(error);
		assert_non_null(strstr(error, rows[i][2]));
		assert_true(slice_is(ls.culprit, rows[i][1]));
	}
}

static void
neighbours_do_not_clash(void **state)
{
	static const char *const rows[] = {"0 0 [::]:0",
	    "127.0.0.1:80 127.0.0.2:80 [::1]:80 [::2]:80", "0.0.0.0:80 [::]:80",
	    "127.0.0.1:80 [::]:80", "127.0.0.1:80 127.0.0.1:81",
	    "unix:/a unix:/b 80"};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct listeners ls;

		assert_null(listeners_parse(&ls, slice_of(rows[i])));
	}
}

static unsigned
port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t n = sizeof(a);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	return ntohs(a.sin6_port);
}

static void
opens_what_it_can_and_names_what_it_cannot(void **state)
{
	char text[64];
	struct listeners ls, again;

	(void)state;
	assert_null(listeners_parse(&ls, SLICE("0")));
	assert_int_equal(listeners_open(&ls), 0);
	assert_true(fcntl(ls.at[0].fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(ls.at[0].fd, F_GETFL) & O_NONBLOCK);

	snprintf(text, sizeof(text), "0 %u=tyron", port_of(ls.at[0].fd));
	assert_null(listeners_parse(&again, slice_of(text)));
	assert_int_equal(listeners_open(&again), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_true(slice_eq(again.culprit, again.at[1].word));
	assert_int_equal(again.at[0].fd, -1);
	listeners_close(&ls);
	assert_int_equal(ls.at[0].fd, -1);
}

TESTS(unit(words_become_listeners), unit(a_wrong_word_is_named),
    unit(neighbours_do_not_clash),
    unit(opens_what_it_can_and_names_what_it_cannot))
