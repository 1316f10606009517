/*
 * output.c - writes to stdout without ever waiting for it.
 *
 * Stdout is shared with whoever started us, so it cannot be made
 * non-blocking.  But what poll() calls writable takes PIPE_BUF bytes at once,
 * and we never offer more.
 */
#include "common/output.h"

#include "common/must.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

enum {
	ENOUGH = 256 * 1024, /* bytes pending before we stop reading */
	LAST_WAIT = 1000     /* ms for a stalled reader at the end */
};

void
output_init(struct output *o, size_t width)
{
	const char *plain = getenv("NO_COLOR");

	*o = (struct output){.width = width};
	o->colours = isatty(STDOUT_FILENO) && (plain == NULL || *plain == '\0');
}

void
output_name(
    const struct output *o, struct buf *b, const char *name, size_t number)
{
	static const unsigned palette[] = {36, 33, 32, 35, 34, 96, 93, 92, 95};
	unsigned colour = palette[number % LENGTH(palette)];

	if (o->colours)
		buf_printf(b, "\033[%um", colour);
	buf_printf(b, "%-*s |", (int)o->width, name);
	if (o->colours)
		buf_str(b, "\033[0m");
	buf_chr(b, ' ');
}

static void
line(struct output *o, bool loud, const char *fmt, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, args);
	buf_printf(&o->pending, "%-*s | ", (int)o->width, "up");
	buf_printf(&o->pending,
	    loud && o->colours ? "\033[1;31m%s\033[0m\n" : "%s\n", text);
}

void
output_say(struct output *o, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(o, false, fmt, args);
	va_end(args);
}

void
output_shout(struct output *o, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(o, true, fmt, args);
	va_end(args);
}

bool
output_has_room(const struct output *o)
{
	return o->pending.n < ENOUGH;
}

struct pollfd
output_poll(const struct output *o)
{
	return (struct pollfd){
	    .fd = o->broken ? -1 : STDOUT_FILENO,
	    .events = o->pending.n != 0 ? POLLOUT : 0,
	};
}

/* There may be room again: no stage stops because a disk is full. */
static bool
is_full(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

static void
tell_lost(struct output *o)
{
	size_t n = o->lost;

	o->lost = 0;
	if (n != 0)
		output_say(o, "%zu bytes of output found no room", n);
}

/* True while there is more to write and it was taken. */
static bool
write_some(struct output *o)
{
	size_t most = o->pending.n < PIPE_BUF ? o->pending.n : PIPE_BUF;
	ssize_t n = most != 0 ? write(STDOUT_FILENO, o->pending.p, most) : 0;

	if (n < 0 && is_full(errno)) {
		o->lost += o->pending.n;
		buf_clear(&o->pending);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		o->broken = true;
	}
	if (n > 0)
		buf_drop(&o->pending, (size_t)n);
	if (n > 0 && o->pending.n == 0)
		tell_lost(o);
	return n > 0 && o->pending.n != 0;
}

int
output_event(struct output *o, const struct pollfd *told)
{
	struct pollfd again = *told;
	bool was = o->broken;

	if (told->revents & (POLLERR | POLLHUP | POLLNVAL))
		o->broken = true;
	while (!o->broken && (again.revents & POLLOUT) && write_some(o)) {
		if (poll(&again, 1, 0) < 0)
			break;
	}
	if (o->broken)
		buf_clear(&o->pending);
	return o->broken && !was ? -1 : 0;
}

void
output_finish(struct output *o)
{
	struct pollfd p = output_poll(o);

	while (!o->broken && o->pending.n != 0 && poll(&p, 1, LAST_WAIT) > 0 &&
	       (p.revents & POLLOUT))
		write_some(o);
	buf_free(&o->pending);
}
