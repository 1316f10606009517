/* tls_test.c - what a stream says step by step, and how it ends. */
#include "common/must.h"
#include "common/tls.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_pair.h"

#include <unistd.h>

enum { BIG = 300 * 1000 };

static void
a_handshake_says_what_it_waits_for_and_what_was_agreed(void **state)
{
	struct pair p;

	(void)state;
	pair_new(&p);
	assert_int_equal(tls_handshake(p.server), TLS_WANT_READ);
	assert_int_equal(tls_handshake(p.server), TLS_WANT_READ);
	assert_int_equal(tls_handshake(p.client), TLS_WANT_READ);
	assert_int_equal(tls_handshake(p.server), TLS_WANT_READ);
	assert_int_equal(tls_handshake(p.client), TLS_OK);
	assert_int_equal(tls_handshake(p.server), TLS_OK);
	assert_int_equal(tls_handshake(p.server), TLS_OK);
	assert_int_equal(tls_alpn(p.server), TLS_ALPN_HTTP1);
	assert_int_equal(tls_alpn(p.client), TLS_ALPN_HTTP1);
	assert_string_equal(tls_version(p.server), "TLSv1.3");
	assert_false(tls_resumed(p.server));
	pair_free(&p);
}

/* Move at most one byte from one socket to another. */
static void
carry(int from, int to)
{
	char c;

	if (read(from, &c, 1) == 1)
		must(write(to, &c, 1) == 1);
}

static void
a_handshake_that_comes_byte_by_byte_succeeds(void **state)
{
	enum tls_result server = TLS_WANT_READ, client = TLS_WANT_READ;
	int near[2], far[2];
	struct pair p;

	(void)state;
	pair_new(&p);
	sockets(near);
	sockets(far);
	tls_stream_free(&p.server);
	tls_stream_free(&p.client);
	p.server = tls_stream_new(p.server_ctx, near[0]);
	p.client = tls_stream_connect(p.client_ctx, far[0], "hub.test");
	for (int i = 0; i < 8000 && (server != TLS_OK || client != TLS_OK);
	     i++) {
		client = tls_handshake(p.client);
		server = tls_handshake(p.server);
		carry(far[1], near[1]);
		carry(near[1], far[1]);
	}
	assert_int_equal(server, TLS_OK);
	assert_int_equal(client, TLS_OK);
	for (int i = 0; i < 2; i++) {
		close(near[i]);
		close(far[i]);
	}
	pair_free(&p);
}

static void
a_large_transfer_read_in_single_bytes_arrives_whole(void **state)
{
	char *sent = malloc(BIG), *moved, c;
	size_t out = 0, in = 0;
	bool blocked = false;
	struct pair p;
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < BIG; i++)
		sent[i] = (char)(i * 7 + i / 251);
	pair_open(&p);
	while (in < BIG) {
		/* The repeated write comes from elsewhere. */
		moved = malloc(BIG - out + 1);
		memcpy(moved, sent + out, BIG - out);
		while (out < BIG && (n = tls_write(p.server, moved,
					 BIG - out)) != TLS_WANT_WRITE) {
			assert_true(n > 0);
			memmove(moved, moved + n, BIG - out - (size_t)n);
			out += (size_t)n;
		}
		blocked = blocked || out < BIG;
		free(moved);
		while ((n = tls_read(p.client, &c, 1)) == 1)
			assert_int_equal(c, sent[in++]);
		assert_int_equal(n, TLS_WANT_READ);
	}
	assert_true(blocked);
	assert_int_equal(tls_pending(p.client), 0);
	free(sent);
	pair_free(&p);
}

static void
bytes_that_no_poll_can_see_are_pending(void **state)
{
	struct pair p;
	char got[8];

	(void)state;
	pair_open(&p);
	assert_int_equal(tls_read(p.client, got, 1), TLS_WANT_READ);
	assert_int_equal(tls_write(p.server, "hello", 5), 5);
	assert_int_equal(tls_read(p.client, got, 2), 2);
	assert_int_equal(tls_pending(p.client), 3);
	assert_int_equal(tls_read(p.client, got + 2, 6), 3);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(tls_pending(p.client), 0);
	pair_free(&p);
}

static void
a_goodbye_ends_one_direction_only(void **state)
{
	struct pair p;
	char c;

	(void)state;
	pair_open(&p);
	assert_int_equal(tls_shutdown(p.client), TLS_OK);
	assert_int_equal(tls_shutdown(p.client), TLS_OK);
	assert_int_equal(tls_read(p.server, &c, 1), TLS_EOF);
	assert_int_equal(tls_read(p.server, &c, 1), TLS_EOF);
	assert_false(tls_cut(p.server));
	assert_int_equal(tls_write(p.server, "x", 1), 1);
	assert_int_equal(tls_read(p.client, &c, 1), 1);
	assert_int_equal(c, 'x');
	assert_int_equal(tls_shutdown(p.server), TLS_OK);
	assert_int_equal(tls_read(p.client, &c, 1), TLS_EOF);
	assert_false(tls_cut(p.client));
	pair_free(&p);
}

static void
a_peer_that_leaves_without_goodbye_is_an_end_and_a_cut(void **state)
{
	struct pair p;
	char c[8];

	(void)state;
	pair_open(&p);
	assert_int_equal(tls_write(p.client, "last", 4), 4);
	close(p.client_fd);
	assert_int_equal(tls_read(p.server, c, 8), 4);
	assert_int_equal(tls_read(p.server, c, 8), TLS_EOF);
	assert_true(tls_cut(p.server));
	assert_int_equal(tls_write(p.server, "x", 1), TLS_EOF);
	assert_int_equal(tls_shutdown(p.server), TLS_EOF);
	p.client_fd = dup(p.server_fd);
	pair_free(&p);
}

static void
writing_to_a_peer_that_is_gone_is_an_end_and_no_signal(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	close(p.client_fd);
	assert_int_equal(tls_write(p.server, "x", 1), TLS_EOF);
	assert_true(tls_cut(p.server));
	p.client_fd = dup(p.server_fd);
	pair_free(&p);
}

static void
a_peer_that_leaves_during_the_handshake_is_an_end(void **state)
{
	struct pair p;

	(void)state;
	pair_new(&p);
	assert_int_equal(tls_handshake(p.client), TLS_WANT_READ);
	assert_int_equal(tls_handshake(p.server), TLS_WANT_READ);
	close(p.client_fd);
	assert_int_equal(tls_handshake(p.server), TLS_EOF);
	assert_int_equal(tls_handshake(p.server), TLS_EOF);
	assert_true(tls_cut(p.server));
	p.client_fd = dup(p.server_fd);
	pair_free(&p);
}

static void
a_peer_that_speaks_plain_http_is_an_error_that_says_so(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct pair p;

	(void)state;
	pair_new(&p);
	assert_int_equal(tls_shutdown(p.client), TLS_ERROR);
	assert_int_equal(write(p.client_fd, request, sizeof(request) - 1),
	    sizeof(request) - 1);
	assert_int_equal(tls_handshake(p.server), TLS_ERROR);
	assert_int_equal(tls_handshake(p.server), TLS_ERROR);
	assert_string_equal(tls_why(p.server), "http request");
	pair_free(&p);
}

/* An altered record is never delivered, and one stream's error is not
 * another's. */
static void
an_altered_record_ends_its_stream_and_no_other(void **state)
{
	struct pair p, other;
	char record[64], c;
	ssize_t n;

	(void)state;
	pair_open(&p);
	pair_open(&other);
	while (tls_read(p.client, &c, 1) != TLS_WANT_READ)
		;
	assert_int_equal(tls_write(p.server, "hello", 5), 5);
	n = read(p.client_fd, record, sizeof(record));
	assert_true(n > 5);
	record[n - 1] = (char)(record[n - 1] ^ 1);
	assert_int_equal(write(p.server_fd, record, (size_t)n), n);
	assert_int_equal(tls_read(p.client, &c, 1), TLS_ERROR);
	assert_string_equal(
	    tls_why(p.client), "decryption failed or bad record mac");
	assert_int_equal(tls_read(other.client, &c, 1), TLS_WANT_READ);
	assert_int_equal(tls_write(p.client, "x", 1), TLS_ERROR);
	pair_free(&p);
	pair_free(&other);
}

TESTS(unit(a_handshake_says_what_it_waits_for_and_what_was_agreed),
    unit(a_handshake_that_comes_byte_by_byte_succeeds),
    unit(a_large_transfer_read_in_single_bytes_arrives_whole),
    unit(bytes_that_no_poll_can_see_are_pending),
    unit(a_goodbye_ends_one_direction_only),
    unit(a_peer_that_leaves_without_goodbye_is_an_end_and_a_cut),
    unit(writing_to_a_peer_that_is_gone_is_an_end_and_no_signal),
    unit(a_peer_that_leaves_during_the_handshake_is_an_end),
    unit(a_peer_that_speaks_plain_http_is_an_error_that_says_so),
    unit(an_altered_record_ends_its_stream_and_no_other))
