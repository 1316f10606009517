/*
 * shell.c - standard output of a tool, written from the loop.
 *
 * A socket can be asked not to wait.  A pipe cannot, but one that poll()
 * calls writable takes PIPE_BUF bytes at once.  Files and terminals are
 * written as they come.
 */
#include "common/shell.h"

#include "common/must.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CROWDED = 256 << 10, /* bytes pending: the reader is slower than us */
	CHUNK = 64 << 10,
};

enum { OUT_FILE, OUT_PIPE, OUT_SOCKET };

static ssize_t
write_some(const struct shell_out *o, struct slice s)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
	size_t n = s.n < CHUNK ? s.n : CHUNK;

	if (o->kind == OUT_SOCKET)
		return send(STDOUT_FILENO, s.p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (o->kind == OUT_FILE)
		return write(STDOUT_FILENO, s.p, n);
	errno = EAGAIN;
	if (poll(&p, 1, 0) != 1)
		return -1;
	return write(STDOUT_FILENO, s.p, n < PIPE_BUF ? n : PIPE_BUF);
}

void
shell_out_flush(struct shell_out *o)
{
	size_t at = 0;

	while (at < o->pending.n && !o->broken) {
		ssize_t n =
		    write_some(o, slice_from(buf_slice(&o->pending), at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		o->broken = n < 0;
		at += n < 0 ? 0 : (size_t)n;
	}
	if (o->broken)
		buf_clear(&o->pending);
	else
		buf_drop(&o->pending, at);
	loop_watch(o->loop, &o->watch, STDOUT_FILENO,
	    o->pending.n != 0 ? LOOP_WRITE : 0);
}

bool
shell_out_room(const struct shell_out *o)
{
	return o->pending.n < CROWDED;
}

static void
writable(struct watch *w, unsigned events)
{
	struct shell_out *o = container_of(w, struct shell_out, watch);

	(void)events;
	shell_out_flush(o);
	if ((o->broken || o->pending.n == 0) && o->changed != NULL)
		o->changed(o);
}

void
shell_out_open(struct shell_out *o, struct loop *loop)
{
	struct stat st;

	o->loop = loop;
	o->watch.ready = writable;
	if (fstat(STDOUT_FILENO, &st) != 0)
		return;
	if (S_ISFIFO(st.st_mode))
		o->kind = OUT_PIPE;
	else if (S_ISSOCK(st.st_mode))
		o->kind = OUT_SOCKET;
}

void
shell_out_close(struct shell_out *o)
{
	if (o->loop != NULL)
		loop_unwatch(o->loop, &o->watch);
	buf_free(&o->pending);
}
