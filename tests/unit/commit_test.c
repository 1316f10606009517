/*
 * commit_test.c - what is kept is told in order, only when it is safe, and
 * never when it failed.  The engine is scripted: a test decides when a write
 * ends and how.
 */
#include "common/must.h"
#include "store/commit.h"
#include "tests/unit/test.h"

struct world {
	struct commit_face face;
	struct commit *commit;
	struct batch *writing;
	unsigned writes, failures;
	uint16_t shard; /* of what is added */
	unsigned begun; /* writes, when the last was released */
	char told[256]; /* "1 2 !3": released, refused */
	struct topic *topics[2];
	struct policy policy;
	struct publisher publisher;
};

static void
tell(struct world *w, const char *mark, const struct item *i)
{
	size_t n = strlen(w->told);

	snprintf(w->told + n, sizeof(w->told) - n, "%s%s%llu",
	    n != 0 ? " " : "", mark, (unsigned long long)i->seq);
}

static void
released(struct commit_face *f, const struct item *i)
{
	struct world *w = container_of(f, struct world, face);

	w->begun = w->writes;
	tell(w, "", i);
}

static void
refused(struct commit_face *f, const struct item *i, enum code code)
{
	assert_int_equal(code, CODE_full);
	tell(container_of(f, struct world, face), "!", i);
}

static void
failed(struct commit_face *f, unsigned shard, enum code code)
{
	assert_int_equal(shard, 0);
	assert_int_equal(code, CODE_full);
	container_of(f, struct world, face)->failures++;
}

static void
begin(struct commit_face *f, struct batch *b)
{
	struct world *w = container_of(f, struct world, face);

	assert_null(w->writing); /* one at a time */
	w->writing = b;
	w->writes++;
}

static void
begin_and_end(struct commit_face *f, struct batch *b)
{
	struct world *w = container_of(f, struct world, face);

	assert_int_equal(b->count, 1);
	w->writes++;
	commit_written(w->commit);
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

static void
open_commit(struct world *w, bool immediate)
{
	w->face = (struct commit_face){
	    released, refused, failed, immediate ? begin_and_end : begin};
	w->commit = commit_new(&(struct commit_setup){
	    .face = &w->face,
	    .shards = 2,
	    .immediate = immediate,
	    .max_bytes = 4096,
	});
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	for (unsigned i = 0; i < 2; i++) {
		w->topics[i] = xcalloc(1, sizeof(*w->topics[i]));
		w->topics[i]->policy = &w->policy;
		w->topics[i]->entry.key = "/a/b/c";
		w->topics[i]->entry.key_n = 6;
	}
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	commit_free(&w->commit);
	free(w->topics[0]);
	free(w->topics[1]);
	free(w);
	return 0;
}

static void
add_body(struct world *w, uint64_t seq, unsigned topic, struct slice body)
{
	struct item i = {
	    .record =
		record_new(&(struct msg_deliver){.offset = seq, .body = body}),
	    .topic = w->topics[topic],
	    .publisher = &w->publisher,
	    .seq = seq,
	};

	i.record->kept = body.n != 0;
	i.record->shard = w->shard;
	commit_add(w->commit, &i);
}

static void
add(struct world *w, uint64_t seq, unsigned topic, bool kept)
{
	struct slice none = {NULL, 0};

	add_body(w, seq, topic, kept ? SLICE("0123456789") : none);
}

/* Two of them are more than a group takes. */
static void
add_large(struct world *w, uint64_t seq)
{
	static char body[600 << 10];

	add_body(w, seq, 0, (struct slice){body, sizeof(body)});
}

static void
one_batch_is_written_while_one_is_filled(void **state)
{
	struct world *w = *state;

	open_commit(w, false);
	add(w, 1, 0, true);
	add(w, 2, 0, true);
	assert_int_equal(w->writes, 0);
	commit_start(w->commit);
	assert_int_equal(w->writing->count, 2);
	add(w, 3, 0, true);
	commit_start(w->commit);
	add(w, 4, 1, true);
	commit_start(w->commit);
	assert_int_equal(w->writes, 1);
	assert_int_equal(commit_pending(w->commit), 4);
	assert_string_equal(w->told, "");
	written(w, CODE_ok);
	assert_string_equal(w->told, "1 2");
	assert_int_equal(w->writes, 2); /* at once */
	assert_int_equal(w->writing->count, 2);
	written(w, CODE_ok);
	assert_string_equal(w->told, "1 2 3 4");
	assert_int_equal(w->topics[0]->pending, 0);
	assert_int_equal(commit_pending(w->commit), 0);
	commit_start(w->commit);
	assert_int_equal(w->writes, 2);
}

static void
what_is_filled_is_cut_into_groups(void **state)
{
	struct world *w = *state;

	open_commit(w, false);
	for (unsigned i = 1; i <= 5; i++)
		add_large(w, i);
	add(w, 6, 0, true);
	commit_start(w->commit);
	assert_int_equal(w->writing->count, 2);
	assert_int_equal(commit_pending(w->commit), 6);
	written(w, CODE_ok);
	assert_string_equal(w->told, "1 2");
	assert_int_equal(w->writing->count, 2);
	add(w, 7, 0, true);
	written(w, CODE_ok);
	assert_string_equal(w->told, "1 2 3 4");
	assert_int_equal(w->writing->count, 3);
	written(w, CODE_ok);
	assert_string_equal(w->told, "1 2 3 4 5 6 7");
	assert_null(w->writing);
	assert_int_equal(commit_pending(w->commit), 0);
}

static void
the_next_group_is_written_while_one_is_told(void **state)
{
	struct world *w = *state;

	open_commit(w, false);
	add(w, 1, 0, true);
	commit_start(w->commit);
	add(w, 2, 0, true);
	written(w, CODE_ok);
	assert_string_equal(w->told, "1");
	assert_int_equal(w->begun, 2);
}

static void
a_failed_write_refuses_every_group_that_waits(void **state)
{
	struct world *w = *state;

	open_commit(w, false);
	for (unsigned i = 1; i <= 4; i++)
		add_large(w, i);
	w->shard = 1;
	add(w, 5, 1, true);
	w->shard = 0;
	add_large(w, 6);
	add_large(w, 7);
	add(w, 8, 0, true);
	commit_start(w->commit);
	w->writing->codes[0] = CODE_full;
	written(w, CODE_ok);
	assert_string_equal(w->told, "!1 !2 !3 !4 !6 !7 !8");
	assert_int_equal(w->failures, 1);
	assert_false(commit_busy(w->commit, 0));
	assert_int_equal(w->writing->count, 1); /* the empty one is no write */
	written(w, CODE_ok);
	assert_string_equal(w->told, "!1 !2 !3 !4 !6 !7 !8 5");
	assert_null(w->writing);
	assert_int_equal(w->writes, 2);
}

static void
a_failed_write_refuses_both_batches(void **state)
{
	struct world *w = *state;

	open_commit(w, false);
	add(w, 1, 0, true);
	commit_start(w->commit);
	add(w, 2, 1, true);
	add(w, 3, 0, true);
	written(w, CODE_full);
	assert_string_equal(w->told, "!1 !2 !3");
	assert_int_equal(w->failures, 1);
	assert_int_equal(w->topics[0]->pending, 0);
	assert_int_equal(commit_pending(w->commit), 0);
	assert_null(w->writing);
	add(w, 1, 0, true);
	commit_start(w->commit);
	written(w, CODE_ok);
	assert_string_equal(w->told, "!1 !2 !3 1");
}

static void
a_shard_that_failed_takes_no_other_with_it(void **state)
{
	struct world *w = *state;

	open_commit(w, false);
	add(w, 1, 0, true);
	w->shard = 1;
	add(w, 2, 1, true);
	commit_start(w->commit);
	add(w, 3, 1, true);
	w->shard = 0;
	add(w, 4, 0, true);
	w->writing->codes[0] = CODE_full;
	written(w, CODE_ok);
	assert_string_equal(w->told, "!1 2 !4");
	assert_int_equal(w->failures, 1);
	assert_false(commit_busy(w->commit, 0));
	assert_true(commit_busy(w->commit, 1));
	assert_int_equal(w->writing->count, 1); /* of what was filled */
	written(w, CODE_ok);
	assert_string_equal(w->told, "!1 2 !4 3");
}

struct promise {
	struct pledge face;
	struct world *world;
	enum code code;
	unsigned told;
};

static void
settled(struct pledge *face, enum code code)
{
	struct promise *p = container_of(face, struct promise, face);

	size_t n = strlen(p->world->told);

	p->code = code;
	p->told++;
	snprintf(p->world->told + n, sizeof(p->world->told) - n, " row");
}

static void
rows_are_told_in_their_turn(void **state)
{
	struct world *w = *state;
	struct promise p = {{settled}, w, CODE_internal, 0};
	struct op ops[2] = {
	    {OP_PUT, .row = {.key = SLICE("a"), .value = SLICE("1")}},
	    {OP_DELETE, .row = {.key = SLICE("b")}},
	};
	struct rows rows = {ops, 2, 0, &p.face};

	open_commit(w, false);
	add(w, 1, 0, true);
	commit_rows(w->commit, &rows);
	add(w, 2, 0, false);
	commit_start(w->commit);
	assert_int_equal(w->writing->count, 3);
	assert_int_equal(w->writing->ops[2].kind, OP_DELETE);
	assert_int_equal(p.told, 0);
	written(w, CODE_ok);
	assert_string_equal(w->told, "1 row 2");
	assert_int_equal(p.code, CODE_ok);
	commit_rows(w->commit, &rows);
	commit_start(w->commit);
	written(w, CODE_full);
	assert_int_equal(p.code, CODE_full);
	assert_int_equal(p.told, 2);
}

static void
what_is_not_kept_stands_in_line_but_is_not_written(void **state)
{
	struct world *w = *state;

	open_commit(w, false);
	add(w, 1, 0, true);
	add(w, 2, 0, false);
	assert_int_equal(w->topics[0]->pending, 2);
	commit_start(w->commit);
	assert_int_equal(w->writing->count, 1);
	written(w, CODE_ok);
	assert_string_equal(w->told, "1 2");
}

static void
pending_bytes_are_capped(void **state)
{
	struct world *w = *state;
	unsigned n = 0;

	open_commit(w, false);
	while (commit_room(w->commit))
		add(w, ++n, 0, true);
	assert_in_range(n, 5, 50);
	commit_start(w->commit);
	assert_false(commit_room(w->commit));
	written(w, CODE_ok);
	assert_true(commit_room(w->commit));
}

static void
an_immediate_engine_commits_each_at_once(void **state)
{
	struct world *w = *state;

	open_commit(w, true);
	add(w, 1, 0, true);
	assert_string_equal(w->told, "1");
	add(w, 2, 0, true);
	commit_start(w->commit);
	assert_string_equal(w->told, "1 2");
	assert_int_equal(w->writes, 2);
}

static void
forgetting_outlives_the_topic(void **state)
{
	struct world *w = *state;

	open_commit(w, false);
	commit_forget(w->commit, w->topics[0]);
	w->topics[0]->entry.key = NULL;
	commit_start(w->commit);
	assert_int_equal(w->writing->ops[0].kind, OP_FORGET);
	assert_true(slice_is(w->writing->ops[0].forget.channel, "/a/b/c"));
	commit_forget(w->commit, w->topics[1]); /* freed with the commit */
}

#define scripted(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(scripted(one_batch_is_written_while_one_is_filled),
    scripted(what_is_filled_is_cut_into_groups),
    scripted(the_next_group_is_written_while_one_is_told),
    scripted(a_failed_write_refuses_every_group_that_waits),
    scripted(a_failed_write_refuses_both_batches),
    scripted(a_shard_that_failed_takes_no_other_with_it),
    scripted(rows_are_told_in_their_turn),
    scripted(what_is_not_kept_stands_in_line_but_is_not_written),
    scripted(pending_bytes_are_capped),
    scripted(an_immediate_engine_commits_each_at_once),
    scripted(forgetting_outlives_the_topic))
