/*
 * threads.h - wait for threads that nobody can join.
 *
 * A lookup that was stopped goes on in libc; what it holds there would be
 * taken for a leak if the process ended meanwhile.
 */
#ifndef TESTS_UNIT_THREADS_H
#define TESTS_UNIT_THREADS_H

#include "common/must.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <sched.h>
#include <time.h>

enum { THREADS_WAIT_S = 30 };

static inline unsigned
threads_count(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	must(d != NULL);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Until there are not more than this many. */
static inline void
threads_end(unsigned most)
{
	time_t until = time(NULL) + THREADS_WAIT_S;

	while (threads_count() > most && time(NULL) < until)
		sched_yield();
	assert_true(threads_count() <= most);
}

#endif
