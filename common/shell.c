/*
 * shell.c - standard output of a tool, written from the loop.
 *
 * A socket can be asked not to wait.  A pipe cannot, but one that poll()
 * calls writable takes PIPE_BUF bytes at once; that its reader has died is
 * seen though there is nothing to write, so that a pipeline ends as a whole.
 * Files and terminals are written as they come.
 */
#include "common/shell.h"

#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
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

/* The writing end of a pipe is readable when nobody can read. */
static void
watch(struct shell_out *o)
{
	unsigned events = o->pending.n != 0 ? LOOP_WRITE : 0;

	if (o->tells && !o->broken)
		events |= LOOP_READ;
	loop_watch(o->loop, &o->watch, STDOUT_FILENO, events);
}

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

static bool
left(int error)
{
	return error == EPIPE || error == ECONNRESET;
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
		o->error = n < 0 && !left(errno) ? errno : 0;
		at += n < 0 ? 0 : (size_t)n;
	}
	if (o->broken)
		buf_clear(&o->pending);
	else
		buf_drop(&o->pending, at);
	watch(o);
}

bool
shell_out_room(const struct shell_out *o)
{
	return o->pending.n < CROWDED;
}

static bool
reader_left(const struct shell_out *o)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return o->tells && poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

static void
ready(struct watch *w, unsigned events)
{
	struct shell_out *o = container_of(w, struct shell_out, watch);

	if ((events & LOOP_READ) != 0)
		o->broken = o->broken || reader_left(o);
	shell_out_flush(o);
	if ((o->broken || o->pending.n == 0) && o->changed != NULL)
		o->changed(o);
}

void
shell_out_open(struct shell_out *o, struct loop *loop)
{
	struct stat st;

	o->loop = loop;
	o->watch.ready = ready;
	if (fstat(STDOUT_FILENO, &st) != 0)
		return;
	if (S_ISFIFO(st.st_mode))
		o->kind = OUT_PIPE;
	else if (S_ISSOCK(st.st_mode))
		o->kind = OUT_SOCKET;
	o->tells = o->kind == OUT_PIPE &&
	           (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_WRONLY;
	watch(o);
}

void
shell_out_close(struct shell_out *o)
{
	if (o->loop != NULL)
		loop_unwatch(o->loop, &o->watch);
	buf_free(&o->pending);
}
