/*
 * reserve_test.c - numbers are noted ahead of use, and never passed.
 */
#include "common/must.h"
#include "store/reserve.h"
#include "tests/unit/test.h"

struct world {
	struct commit_face face;
	struct commit *commit;
	struct batch *writing;
	struct sequence_setup setup;
	struct sequence *sequence;
	struct reserves *reserves;
};

static void
begin(struct commit_face *f, struct batch *b)
{
	container_of(f, struct world, face)->writing = b;
}

static void
failed(struct commit_face *f, unsigned shard, enum code code)
{
	(void)f;
	(void)shard;
	(void)code;
}

static void
written(struct world *w, enum code code)
{
	struct batch *b = w->writing;

	assert_non_null(b);
	w->writing = NULL;
	if (code != CODE_ok)
		batch_fail(b, code);
	commit_written(w->commit);
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->face = (struct commit_face){.write = begin, .failed = failed};
	w->commit =
	    commit_new(&(struct commit_setup){.face = &w->face, .shards = 2});
	w->setup = (struct sequence_setup){.shards = 2, .most = 10};
	w->sequence = sequence_new(&w->setup);
	w->reserves = reserves_new(w->sequence, w->commit);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	reserves_free(&w->reserves);
	sequence_free(&w->sequence);
	commit_free(&w->commit);
	free(w);
	return 0;
}

static void
more_is_noted_long_before_the_last_number(void **state)
{
	struct world *w = *state;
	struct shard *s = sequence_shard(w->sequence, 1);

	s->next = 100;
	s->reserved = 2000000;
	assert_true(reserves_left(w->reserves, 1));
	assert_int_equal(commit_pending(w->commit), 0);
	s->next = 1900000;
	assert_true(reserves_left(w->reserves, 1));
	assert_true(reserves_left(w->reserves, 1));
	assert_int_equal(commit_pending(w->commit), 1); /* not twice */
	commit_start(w->commit);
	assert_int_equal(w->writing->ops[0].kind, OP_RESERVE);
	assert_int_equal(w->writing->ops[0].reserve.shard, 1);
	assert_in_range(w->writing->ops[0].reserve.upto, 2400000, 4000000);
	assert_int_equal(s->reserved, 2000000); /* it is not safe yet */
	written(w, CODE_ok);
	assert_in_range(s->reserved, 2400000, 4000000);
}

static void
none_is_given_out_that_was_not_noted(void **state)
{
	struct world *w = *state;
	struct shard *s = sequence_shard(w->sequence, 0);

	s->next = 50;
	s->reserved = 50;
	assert_true(reserves_left(w->reserves, 0));
	s->next = 51;
	assert_false(reserves_left(w->reserves, 0));
	commit_start(w->commit);
	written(w, CODE_full);
	assert_false(reserves_left(w->reserves, 0)); /* and asks again */
	commit_start(w->commit);
	written(w, CODE_ok);
	assert_true(reserves_left(w->reserves, 0));
}

static void
an_engine_of_one_life_needs_no_notes(void **state)
{
	struct world *w = *state;

	assert_true(reserves_left(w->reserves, 0));
	assert_int_equal(commit_pending(w->commit), 0);
}

#define with_world(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(with_world(more_is_noted_long_before_the_last_number),
    with_world(none_is_given_out_that_was_not_noted),
    with_world(an_engine_of_one_life_needs_no_notes))
