/*
 * must.h - the two ways to die: our own bug, and no memory left.
 *
 * Both abort at once, with file and line; the supervisor restarts us.  What
 * the outside world does wrong is never a reason to die: that is a value.
 */
#ifndef COMMON_MUST_H
#define COMMON_MUST_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define must(x) ((x) ? (void)0 : must_failed(#x, __FILE__, __LINE__))

/* The struct that embeds MEMBER at PTR. */
#define container_of(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Read a byte there and do nothing with it, so that nobody waits for it: its
 * cache line is under way when it is needed. */
#define touch(ptr) ((void)*(const volatile char *)(const void *)(ptr))

/* The same where other work comes first; any pointer will do.  Without the
 * empty statement gcc takes a function that only fetches for one that does
 * nothing, and leaves out the call. */
static inline void
prefetch(const void *ptr)
{
	__builtin_prefetch(ptr);
	__asm__ volatile("");
}

_Noreturn static inline void
must_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: must hold: %s\n", file, line, what);
	abort();
}

static inline void *
xmalloc(size_t n)
{
	void *p = malloc(n != 0 ? n : 1);

	must(p != NULL);
	return p;
}

static inline void *
xcalloc(size_t count, size_t size)
{
	void *p = calloc(count != 0 ? count : 1, size);

	must(p != NULL);
	return p;
}

static inline void *
xrealloc(void *old, size_t n)
{
	void *p = realloc(old, n != 0 ? n : 1);

	must(p != NULL);
	return p;
}

static inline char *
xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}

#endif
