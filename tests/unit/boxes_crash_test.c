/*
 * boxes_crash_test.c - a box on disk is what was answered, whenever the store
 * dies: nothing put is lost, nothing dropped comes back, and a write that was
 * repeated after a death counts once.
 *
 * A life is a child: a whole store and a publisher.  It dies inside the sync
 * that was drawn beforehand; the write in doubt is the next life's first.
 */
#include "tests/unit/boxes_world.h"
#include "tests/unit/rocks_world.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { LIVES = 40, KEYS = 4, SYNCS = 40 };

struct shared {
	uint64_t versions[KEYS]; /* 0: it is not there */
	uint64_t seed, seq;
	/* the write in doubt */
	unsigned key;
	uint64_t version; /* 0: a drop */
	bool doubt;
	_Atomic int syncs_left; /* to the one that kills */
	char folder[64];
	unsigned writes;
};

static struct shared *shared; /* fdatasync has no other way to know */

int
fdatasync(int fd)
{
	if (atomic_fetch_sub(&shared->syncs_left, 1) == 0)
		raise(SIGKILL);
	return (int)syscall(SYS_fdatasync, fd);
}

static const char *const keys[KEYS] = {"a", "b", "c", "d"};

static void
open_on_disk(struct world *w)
{
	struct rocks_setup setup = world_setup(shared->folder);
	struct engine *memory;
	const char *why;

	setup.shards = 1;
	setup.unix_ms = loop_unix_ms(w->loop);
	open_store(w, "/**=0", 1);
	core_close(&w->core);
	memory = w->engine;
	memory->close(&memory);
	w->setup.engine = w->engine = world_open(&setup);
	w->core = core_open(&w->setup, &why);
	assert_non_null(w->core);
	w->publisher->boot = 99; /* it outlives the store */
	greet(w, w->publisher);
}

/* The write in doubt is sent, answered, and not in doubt any more. */
static void
settle(struct world *w, unsigned nth)
{
	const struct msg *m;

	if (shared->version == 0)
		drop(w, shared->seq, keys[shared->key], 0);
	else
		put(w, shared->seq,
		    (struct msg_put){.key = slice_of(keys[shared->key]),
			.version = shared->version});
	await(w, w->publisher, MSG_published, nth);
	m = peer_nth(w->publisher, MSG_published, nth - 1);
	assert_int_equal(m->published.seq, shared->seq);
	assert_int_equal(m->published.code, CODE_ok);
	shared->versions[shared->key] = shared->version;
	shared->doubt = false;
	shared->writes++;
}

static void
draw(void)
{
	shared->key = (unsigned)world_random(&shared->seed, KEYS);
	shared->version = ++shared->seq;
	if (shared->versions[shared->key] != 0 &&
	    world_random(&shared->seed, 2) == 0)
		shared->version = 0;
	shared->doubt = true;
}

static void
is_as_answered(struct world *w)
{
	char wanted[256];
	size_t n = 0;

	wanted[0] = '\0';
	for (unsigned i = 0; i < KEYS; i++)
		if (shared->versions[i] != 0)
			n += (size_t)snprintf(wanted + n, sizeof(wanted) - n,
			    "%s=%llu ", keys[i],
			    (unsigned long long)shared->versions[i]);
	holds(w, wanted);
}

static void
live(void *arg)
{
	void *state;
	unsigned nth = 0;

	(void)arg;
	set_up(&state);
	open_on_disk(state);
	if (shared->doubt)
		settle(state, ++nth);
	for (;;) {
		is_as_answered(state);
		draw();
		settle(state, ++nth);
	}
}

static void
a_box_is_what_was_answered_after_any_death(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	shared->seed = 88172645463325252u;
	world_folder(shared->folder);
	for (unsigned i = 0; i < LIVES; i++) {
		int status;

		shared->syncs_left =
		    2 + (int)world_random(&shared->seed, SYNCS);
		status = world_child(live, NULL);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
	}
	assert_in_range(shared->writes, LIVES, UINT32_MAX);
	world_remove(shared->folder);
	munmap(shared, sizeof(*shared));
}

TESTS(unit(a_box_is_what_was_answered_after_any_death))
