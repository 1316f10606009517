/* loop_full_test.c - a loop in a process that may open nothing more. */
#include "common/loop.h"
#include "common/must.h"
#include "tests/unit/test.h"

#include <sys/resource.h>
#include <unistd.h>

struct world {
	struct loop *loop;
	struct waker waker;
};

static void
woken(struct waker *w)
{
	loop_stop(w->loop, 7);
}

static void
a_first_waker_opens_nothing(void **state)
{
	struct world w = {.loop = loop_new(), .waker.woken = woken};
	struct rlimit was, tight;

	(void)state;
	must(getrlimit(RLIMIT_NOFILE, &was) == 0);
	tight = (struct rlimit){STDERR_FILENO + 1, was.rlim_max};
	must(setrlimit(RLIMIT_NOFILE, &tight) == 0);
	loop_add_waker(w.loop, &w.waker);
	must(setrlimit(RLIMIT_NOFILE, &was) == 0);
	waker_wake(&w.waker);
	assert_int_equal(loop_run(w.loop), 7);
	loop_remove_waker(&w.waker);
	loop_free(&w.loop);
}

TESTS(unit(a_first_waker_opens_nothing))
