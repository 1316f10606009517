/*
 * stream.c - plain or TLS, decided once.
 */
#include "ingress/stream.h"

#include "common/loop.h"
#include "common/tls.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a TLS call came to, in our words.  Waiting for what it always waits
 * for is the caller's business; only the other thing is noted. */
static long
translate(struct stream *s, long result, unsigned usual)
{
	unsigned wants = 0;

	s->wants = 0;
	if (result > 0)
		return result;
	if (result == TLS_EOF)
		return STREAM_EOF;
	if (result == TLS_WANT_READ)
		wants = LOOP_READ;
	if (result == TLS_WANT_WRITE)
		wants = LOOP_WRITE;
	s->wants = wants & ~usual;
	return wants != 0 ? STREAM_LATER : STREAM_BROKEN;
}

static long
later(void)
{
	return errno == EAGAIN || errno == EINTR ? STREAM_LATER : STREAM_BROKEN;
}

long
stream_read(struct stream *s, char *p, size_t n)
{
	ssize_t got;

	if (s->tls != NULL)
		return translate(s, tls_read(s->tls, p, n), LOOP_READ);
	got = recv(s->fd, p, n, 0);
	return got >= 0 ? (long)got : later();
}

long
stream_write(struct stream *s, struct slice out)
{
	ssize_t sent;

	if (s->tls != NULL)
		return translate(
		    s, tls_write(s->tls, out.p, out.n), LOOP_WRITE);
	sent = send(s->fd, out.p, out.n, MSG_NOSIGNAL);
	return sent >= 0 ? (long)sent : later();
}

long
stream_peek(const struct stream *s, char *p, size_t n)
{
	ssize_t got = recv(s->fd, p, n, MSG_PEEK);

	return got >= 0 ? (long)got : later();
}

bool
stream_drop(const struct stream *s, char *p, size_t n)
{
	return recv(s->fd, p, n, 0) == (ssize_t)n;
}

int
stream_handshake(struct stream *s)
{
	enum tls_result r = tls_handshake(s->tls);
	long result;

	if (r == TLS_OK) {
		s->wants = 0;
		return 1;
	}
	result = translate(s, r, 0);
	return result == STREAM_LATER ? STREAM_LATER : STREAM_BROKEN;
}

const char *
stream_why(const struct stream *s)
{
	return tls_cut(s->tls) ? "the peer left" : tls_why(s->tls);
}

bool
stream_pending(const struct stream *s)
{
	return s->tls != NULL && tls_pending(s->tls) != 0;
}

void
stream_finish(struct stream *s)
{
	if (s->tls != NULL)
		tls_shutdown(s->tls);
	shutdown(s->fd, SHUT_WR);
}

void
stream_close(struct stream *s)
{
	if (s->tls != NULL)
		tls_stream_free(&s->tls);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
