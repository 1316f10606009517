/*
 * buf.c - growable bytes and counted bodies.
 *
 * The cap is the point: whatever a stranger can make grow is a buf with a
 * cap, so memory is bounded where it is allocated and not by good manners.
 */
#include "common/buf.h"

#include "common/must.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST = 64 }; /* bytes of a first allocation */

char *
buf_room(struct buf *b, size_t n)
{
	size_t need = b->n + n, cap = b->cap;

	if (need < n || (b->max != 0 && need > b->max)) {
		b->full = true;
		return NULL;
	}
	if (need > cap || b->p == NULL) {
		for (cap = cap != 0 ? cap : FIRST; cap < need;)
			cap = cap > SIZE_MAX / 2 ? need : cap * 2;
		if (b->max != 0 && cap > b->max)
			cap = b->max;
		b->p = xrealloc(b->p, cap);
		b->cap = cap;
	}
	return b->p + b->n;
}

bool
buf_add(struct buf *b, const char *p, size_t n)
{
	char *room = buf_room(b, n);

	if (room == NULL)
		return false;
	if (n != 0)
		memcpy(room, p, n);
	b->n += n;
	return true;
}

bool
buf_put(struct buf *b, struct slice s)
{
	return buf_add(b, s.p, s.n);
}

bool
buf_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

bool
buf_chr(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

bool
buf_num(struct buf *b, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	return buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

bool
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	char *room;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	must(n >= 0);
	if ((room = buf_room(b, (size_t)n + 1)) == NULL)
		return false;
	va_start(args, fmt);
	vsnprintf(room, (size_t)n + 1, fmt, args);
	va_end(args);
	b->n += (size_t)n;
	return true;
}

void
buf_drop(struct buf *b, size_t n)
{
	must(n <= b->n);
	b->n -= n;
	if (n != 0 && b->n != 0)
		memmove(b->p, b->p + n, b->n);
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->full = false;
}

void
buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.max = b->max};
}

struct body *
body_new(struct slice s)
{
	struct body *b = xmalloc(sizeof(*b) + s.n);

	must(s.n <= UINT32_MAX);
	b->refs = 1;
	b->n = (uint32_t)s.n;
	if (s.n != 0)
		memcpy(b->p, s.p, s.n);
	return b;
}

struct body *
body_ref(struct body *b)
{
	must(b->refs++ != 0);
	return b;
}

void
body_unref(struct body **bp)
{
	struct body *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	must(b->refs != 0);
	if (--b->refs == 0)
		free(b);
}
