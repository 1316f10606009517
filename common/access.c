/*
 * access.c - gathers lines for one write a turn.
 *
 * A busy turn writes early, so that the buffer stays small.  No stage stops
 * because a disk is full.
 */
#include "common/access.h"

#include "common/buf.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum {
	ENOUGH = 16384, /* bytes: written before the turn ends */
	PATH = 512,     /* bytes of a path that are shown */
};

struct access {
	struct loop *loop;
	struct turn turn;
	struct buf lines;
	char *stage, *path;
	int fd;
	time_t second; /* that stamp stands for */
	char stamp[32];
};

static int
open_file(const char *path)
{
	return open(
	    path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

static void
flush(struct access *a)
{
	struct slice rest = buf_slice(&a->lines);

	while (rest.n != 0) {
		ssize_t n = write(a->fd, rest.p, rest.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			stats_add(STAT_access_log_failures, 1);
			break;
		}
		rest = slice_from(rest, (size_t)n);
	}
	buf_clear(&a->lines);
}

static bool
end_turn(struct turn *t)
{
	struct access *a = container_of(t, struct access, turn);

	if (a->lines.n != 0)
		flush(a);
	return false;
}

struct access *
access_open(struct loop *loop, const char *stage, const char *path)
{
	struct access *a;
	int fd = open_file(path);

	if (fd < 0)
		return NULL;
	a = xcalloc(1, sizeof(*a));
	a->loop = loop;
	a->fd = fd;
	a->stage = xstrdup(stage);
	a->path = xstrdup(path);
	a->second = -1;
	a->turn.end = end_turn;
	loop_add_turn(loop, &a->turn);
	return a;
}

void
access_close(struct access **ap)
{
	struct access *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	flush(a);
	list_remove(&a->turn.node);
	close(a->fd);
	buf_free(&a->lines);
	free(a->stage);
	free(a->path);
	free(a);
}

int
access_reopen(struct access *a)
{
	int fd = open_file(a->path);

	if (fd < 0)
		return -1;
	flush(a);
	close(a->fd);
	a->fd = fd;
	return 0;
}

static void
put_time(struct access *a)
{
	uint64_t now = loop_unix_ms(a->loop);
	time_t second = (time_t)(now / 1000);
	struct tm tm;

	if (second != a->second) {
		gmtime_r(&second, &tm);
		strftime(
		    a->stamp, sizeof(a->stamp), "ts=%Y-%m-%dT%H:%M:%S", &tm);
		a->second = second;
	}
	buf_printf(&a->lines, "%s.%03uZ stage=%s", a->stamp,
	    (unsigned)(now % 1000), a->stage);
}

static void
put_number(struct buf *b, const char *key, uint64_t n)
{
	buf_str(b, key);
	buf_num(b, n);
}

void
access_add(struct access *a, const struct access_line *l)
{
	char shown[PATH], method[LOG_VALUE], address[INET6_ADDRSTRLEN];
	struct buf *b = &a->lines;

	put_time(a);
	buf_str(b, " method=");
	buf_str(b, l->method.n != 0
		       ? log_value(method, sizeof(method), l->method)
		       : "-");
	buf_str(b, " path=");
	buf_str(b,
	    l->method.n != 0 ? log_value(shown, sizeof(shown), l->path) : "-");
	if (l->hub != NULL) {
		buf_str(b, " hub=");
		buf_str(b, l->hub);
	} else {
		if (l->status != 0)
			put_number(b, " status=", l->status);
		if (l->requests != 0)
			put_number(b, " requests=", l->requests);
		put_number(b, " bytes=", l->bytes);
		put_number(b, " us=", l->us);
	}
	buf_str(b, " address=");
	buf_str(b, ip_text(&l->address, address));
	buf_chr(b, '\n');
	if (b->n >= ENOUGH)
		flush(a);
}
