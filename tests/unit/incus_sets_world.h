/*
 * incus_sets_world.h - a hub's sets of Incus' clients, with time that passes
 * when the test says so, and asks that it answers.
 */
#ifndef TESTS_UNIT_INCUS_SETS_WORLD_H
#define TESTS_UNIT_INCUS_SETS_WORLD_H

#include "common/code.h"
#include "common/log.h"
#include "common/must.h"
#include "common/redis_reader.h"
#include "common/stats.h"
#include "common/verb.h"
#include "hub/incus_sets.h"
#include "tests/unit/test.h"

enum { NAMES = 24 };

struct world {
	struct incus_sets_face face;
	struct incus_sets *sets;
	uint64_t now, step; /* ms; when the next step is due */
	bool away;          /* nobody can be asked */
	/* the last ask */
	unsigned asks;
	uint64_t ref;
	enum verb verb;
	char field[128];
	struct buf value;
	struct redis_has {
		char life[32];
		uint64_t last;
		unsigned sockets[NAMES]; /* of the user of that number */
	} has, had;
};

static inline bool
ask(struct incus_sets_face *f, const struct msg *m)
{
	struct world *w = container_of(f, struct world, face);

	assert_true(slice_is(m->ask_redis.key, "hub.1@here"));
	if (w->away)
		return false;
	w->asks++;
	w->ref = m->ask_redis.ref;
	w->verb = (enum verb)m->ask_redis.verb;
	snprintf(
	    w->field, sizeof(w->field), "%.*s", SLICE_ARGS(m->ask_redis.field));
	buf_clear(&w->value);
	buf_put(&w->value, m->ask_redis.value);
	buf_chr(&w->value, '\0');
	return true;
}

static inline void
wake(struct incus_sets_face *f, uint64_t ms)
{
	struct world *w = container_of(f, struct world, face);

	w->step = w->now + ms;
}

static inline uint64_t
now(struct incus_sets_face *f)
{
	return container_of(f, struct world, face)->now;
}

static inline uint64_t
unix_s(struct incus_sets_face *f)
{
	return 1700000000 + container_of(f, struct world, face)->now / 1000;
}

/* Let so much time pass. */
static inline void
pass(struct world *w, uint64_t ms)
{
	uint64_t until = w->now + ms;

	while (w->step <= until) {
		w->now = w->step;
		w->step = UINT64_MAX;
		incus_sets_step(w->sets);
	}
	w->now = until;
}

static inline void
answer_with(struct world *w, enum code code, const char *number)
{
	incus_sets_told(w->sets, &(struct msg_told_redis){.ref = w->ref,
				     .code = code,
				     .kind = REDIS_IS_NUMBER,
				     .value = slice_of(number)});
}

/* The ask was this, and is answered. */
static inline void
asked(struct world *w, enum verb verb, const char *value)
{
	assert_int_equal(w->verb, verb);
	assert_string_equal(w->value.p, value);
	answer_with(w, CODE_ok, verb == VERB_incus_begin ? "0" : "1");
	w->verb = VERB_none;
}

static inline int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	log_open("test", "stderr", LEVEL_ERR);
	w->now = 5000;
	w->face = (struct incus_sets_face){ask, wake, now, unix_s};
	w->sets = incus_sets_new(&w->face, SLICE("hub.1@here"));
	*state = w;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;

	incus_sets_free(&w->sets);
	buf_free(&w->value);
	free(w);
	return 0;
}

static inline struct incus_stay *
come(struct world *w, const char *user)
{
	return incus_stay_new(w->sets, slice_of(user));
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
