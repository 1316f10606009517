/*
 * prefix.c - keeps the lines of many writers apart.
 *
 * A reader of the merged output must never see half a line of one process
 * inside a line of another, nor wait for a writer that forgot its newline
 * for ever: so lines are kept until whole, and bounded.
 */
#include "common/prefix.h"

static void
emit(struct prefix *p, struct slice end, struct buf *out)
{
	buf_put(out, p->before);
	buf_put(out, buf_slice(&p->line));
	buf_put(out, end);
	buf_chr(out, '\n');
	buf_clear(&p->line);
}

static void
keep(struct prefix *p, struct slice part, struct buf *out)
{
	while (p->line.n + part.n > PREFIX_LINE) {
		size_t n = PREFIX_LINE - p->line.n;

		emit(p, (struct slice){part.p, n}, out);
		part = slice_from(part, n);
	}
	buf_put(&p->line, part);
}

void
prefix_feed(struct prefix *p, struct slice in, struct buf *out)
{
	const char *end;

	while (in.n != 0 && (end = memchr(in.p, '\n', in.n)) != NULL) {
		size_t n = (size_t)(end - in.p);

		keep(p, (struct slice){in.p, n}, out);
		emit(p, SLICE(""), out);
		in = slice_from(in, n + 1);
	}
	keep(p, in, out);
}

void
prefix_flush(struct prefix *p, struct buf *out)
{
	if (p->line.n != 0)
		emit(p, SLICE(""), out);
}

void
prefix_free(struct prefix *p)
{
	buf_free(&p->line);
}
