/*
 * rocks_test.c - the durable engine over several lives: what it recalls, what
 * it refuses, what it leaves behind.
 */
#include "store/kv.h"
#include "store/rocks_row.h"
#include "tests/unit/rocks_life.h"

#include <pthread.h>

static void
a_life_goes_on_where_the_one_before_ended(void **state)
{
	struct world *w = world();
	uint64_t top;

	(void)state;
	assert_int_equal(w->state.epoch, 1000000);
	assert_int_equal(w->state.top, 0);
	assert_true(w->state.reserved > 0);
	put(w, "/a/b/x");
	put(w, "/a/b/y");
	w->setup.unix_ms = w->now = 1200000;
	top = w->state.reserved;
	again(w);
	assert_int_equal(w->state.epoch, 1000000);
	assert_int_equal(w->state.top, top);
	assert_true(w->state.reserved > top);
	assert_int_equal(w->state.recalled, 2);
	assert_int_equal(w->state.recall[1].mark.boot, 3);
	assert_int_equal(w->state.recall[1].mark.seq, 2);
	assert_int_equal(w->state.recall[1].offset, 2);
	assert_int_equal(w->state.recall[1].at, 1000000);
	w->offset = top;
	put(w, "/a/b/x");
	assert_int_equal(ask(w, "/a/b/x", 1).prev, 1);
	w->setup.unix_ms = w->now = 1000001 + RECALL_MS;
	again(w);
	assert_int_equal(w->state.recalled, 1);
	world_end(w);
}

static void
numbers_that_were_reserved_are_not_given_again(void **state)
{
	struct world *w = world();
	struct op_reserve *op = &batch_add(&w->batch, OP_RESERVE)->reserve;

	(void)state;
	op->upto = 5000000;
	assert_int_equal(write_out(w), CODE_ok);
	again(w);
	assert_int_equal(w->state.top, 5000000);
	world_end(w);
}

static void
marks_of_writes_that_were_no_messages_are_recalled(void **state)
{
	struct world *w = world();

	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		struct op_mark *op = &batch_add(&w->batch, OP_MARK)->mark;

		op->mark = (struct mark){5, i, {i, 70 + i}};
		op->offset = 0;
		op->at = w->now;
		assert_int_equal(write_out(w), CODE_ok);
	}
	again(w);
	assert_int_equal(w->state.recalled, 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct mark *m = &w->state.recall[i].mark;

		assert_int_equal(m->boot, 5);
		assert_int_equal(m->seq, i + 1);
		assert_int_equal(m->id[0], i + 1);
		assert_int_equal(m->id[1], 71 + i);
	}
	world_end(w);
}

static void
an_offset_is_not_taken_twice(void **state)
{
	struct world *w = world();

	(void)state;
	put(w, "/a/b/x");
	w->offset = 0;
	add(w, "/a/b/y", &many);
	assert_int_equal(write_out(w), CODE_internal);
	assert_int_equal(ask(w, "/a/b/y", 0).count, 0);
	w->offset = 1;
	put(w, "/a/b/y");
	assert_int_equal(ask(w, "/a/b/*", 0).count, 2);
	world_end(w);
}

static unsigned
rows(const struct world *w, enum kv_family f)
{
	struct kv_setup setup = {
	    .path = w->path, .cache = 1 << 20, .read_only = true};
	struct kv *kv = kv_open(&setup, NULL);
	struct kv_walk at;
	unsigned n = 0;

	assert_non_null(kv);
	kv_walk(kv, f, &at);
	for (kv_first(&at); at.valid; kv_next(&at))
		n++;
	kv_walk_end(&at);
	kv_close(&kv);
	return n;
}

static void
what_is_dead_leaves_the_disk_and_nothing_else(void **state)
{
	static const struct policy three = {.count = 3};
	static const struct policy brief = {.count = 100, .age_ms = 5000};
	struct world *w = world();

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		add(w, "/a/b/three", &three);
		add(w, "/a/b/brief", &brief);
		add(w, "/a/b/all", &many);
	}
	assert_int_equal(write_out(w), CODE_ok);
	again(w); /* notes where they stand */
	assert_int_equal(rows(w, KV_LOG), 60);
	w->engine->tick(w->engine, w->now + 4999);
	engine_rocks_compact(w->engine);
	assert_int_equal(rows(w, KV_LOG), 43);
	w->now += 5000;
	w->engine->tick(w->engine, w->now);
	engine_rocks_compact(w->engine);
	assert_int_equal(rows(w, KV_LOG), 23);
	assert_int_equal(ask(w, "/a/b/three", 0).lost, 49);
	assert_int_equal(ask(w, "/a/b/brief", 0).lost, 59);
	assert_int_equal(ask(w, "/a/b/all", 0).count, 20);
	assert_int_equal(ask(w, "/a/b/*", 0).lost, 59);
	world_end(w);
}

static void
the_journal_is_left_behind_and_its_hole_is_known(void **state)
{
	struct world *w = world();

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		put(w, "/a/b/x");
	/* The first pass notes where channels stand, the next moves. */
	for (unsigned i = 0; i < 4; i++) {
		w->now += 100000 + RECALL_MS;
		put(w, "/a/b/y");
	}
	assert_true(ask(w, "/a/b/*", 0).lost >= 10);
	assert_true(ask(w, "/a/b/*", 0).count < 4);
	assert_int_equal(ask(w, "/a/b/*", 13).count, 1);
	assert_int_equal(ask(w, "/a/b/*", 13).lost, 0);
	assert_int_equal(ask(w, "/a/b/x", 0).count, 10);
	engine_rocks_compact(w->engine);
	assert_true(rows(w, KV_JOURNAL) < 4);
	again(w);
	assert_true(ask(w, "/a/b/*", 0).lost >= 10);
	world_end(w);
}

enum { DAY = 86400000 };

/* A clock that was a year ahead, for what was begun meanwhile, too. */
static void
a_clock_that_is_set_back_does_not_keep_the_journal(void **state)
{
	struct world *w = world();

	(void)state;
	for (unsigned lives = 0; lives < 2; lives++) {
		for (unsigned i = 0; i < 10; i++)
			put(w, "/a/b/x");
		w->now += 365ULL * DAY;
		for (unsigned i = 0; i < 10; i++)
			put(w, "/a/b/ahead");
		if (lives != 0)
			again(w);
		w->now -= 365ULL * DAY;
		for (unsigned i = 0; i < 4; i++) {
			w->now += 100000 + RECALL_MS;
			put(w, "/a/b/y");
		}
		engine_rocks_compact(w->engine);
		assert_true(rows(w, KV_JOURNAL) < 6);
		assert_int_equal(
		    ask(w, "/a/b/ahead", 0).count, 10 + lives * 10);
	}
	world_end(w);
}

/* Two notes: the first knows where channels stand, the next moves on. */
static void
let_pass(struct world *w, uint64_t ms)
{
	for (unsigned i = 0; i < 3; i++) {
		w->now += i == 0 ? ms : 20000 + RECALL_MS;
		put(w, "/a/b/always");
	}
}

static void
channels_that_died_long_ago_leave_and_their_hole_is_known(void **state)
{
	static const struct policy brief = {.count = 100, .age_ms = 5000};
	struct world *w = world();

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add(w, i == 1 ? "/a/b/idle" : "/a/b/brief", &brief);
	assert_int_equal(write_out(w), CODE_ok);
	let_pass(w, DAY - 700000);
	assert_int_equal(rows(w, KV_IDS), 3);
	let_pass(w, DAY);
	assert_int_equal(rows(w, KV_IDS), 1);
	assert_int_equal(rows(w, KV_NAMES), 1);
	/* neither the known one nor the unknown one can be told what is lost */
	assert_int_equal(ask(w, "/a/b/brief", 0).lost, 3);
	assert_int_equal(ask(w, "/a/b/none", 2).lost, 3);
	assert_int_equal(ask(w, "/a/b/none", 3).lost, 0);
	engine_rocks_compact(w->engine);
	assert_int_equal(rows(w, KV_LOG), 6);
	add(w, "/a/b/brief", &brief);
	assert_int_equal(write_out(w), CODE_ok);
	assert_int_equal(ask(w, "/a/b/brief", 3).prev, 3);
	assert_int_equal(ask(w, "/a/b/brief", 3).count, 1);
	again(w);
	assert_int_equal(ask(w, "/a/b/idle", 0).lost, 3);
	end(w);
	assert_true(engine_rocks_check(w->path, stderr));
	begin(w);
	world_end(w);
}

static void
refused(const struct rocks_setup *setup, int want)
{
	int status = 0;

	assert_null(engine_rocks_open(setup, &status));
	assert_int_equal(status, want);
	if (want == 100) /* nobody has it open */
		assert_int_equal(engine_rocks_look(setup), want);
}

static void
a_directory_of_other_shards_or_a_newer_version_is_refused(void **state)
{
	struct world *w = world();
	struct kv_setup setup = {.path = w->path, .cache = 1 << 20};
	struct kv_batch *b = kv_batch_new();
	struct rocks_setup other = w->setup;
	struct buf value = {0};
	struct kv *kv;

	(void)state;
	refused(&w->setup, 111); /* it is open */
	put(w, "/a/b/x");
	end(w);
	other.shards = 3;
	refused(&other, 100);
	kv = kv_open(&setup, NULL);
	rocks_put_num(&value, ROCKS_FORMAT + 1);
	rocks_put_num(&value, 2);
	kv_put(kv, b,
	    &(struct kv_row){KV_META, SLICE("format"), buf_slice(&value)});
	assert_int_equal(kv_write(kv, b, NULL), KV_OK);
	kv_close(&kv);
	refused(&w->setup, 100);
	assert_false(engine_rocks_check(w->path, stderr));
	kv = kv_open(&setup, NULL);
	value.p[0] = ROCKS_FORMAT;
	kv_batch_clear(b);
	kv_put(kv, b,
	    &(struct kv_row){KV_META, SLICE("format"), buf_slice(&value)});
	assert_int_equal(kv_write(kv, b, NULL), KV_OK);
	kv_close(&kv);
	kv_batch_free(&b);
	buf_free(&value);
	assert_int_equal(engine_rocks_look(&w->setup), 0);
	begin(w);
	assert_int_equal(ask(w, "/a/b/x", 0).count, 1);
	world_end(w);
}

/* Files in a folder. */
static unsigned
files(const char *folder)
{
	DIR *d = opendir(folder);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
a_look_changes_nothing(void **state)
{
	struct world *w = world();
	struct rocks_setup none = w->setup;
	char path[160];
	unsigned before;

	(void)state;
	snprintf(path, sizeof(path), "%s/none", w->folder);
	none.path = path;
	assert_int_equal(engine_rocks_look(&none), 0);
	assert_int_equal(access(path, F_OK), -1);
	put(w, "/a/b/x");
	before = files(w->path);
	assert_int_equal(engine_rocks_look(&w->setup), 0);
	assert_true(engine_rocks_check(w->path, stderr));
	assert_int_equal(files(w->path), before);
	put(w, "/a/b/x");
	world_end(w);
}

/* The one folder in there, when it is there. */
static bool
only_in(const char *folder, char out[256])
{
	DIR *d = opendir(folder);
	struct dirent *at;
	bool found = false;

	while (d != NULL && (at = readdir(d)) != NULL) {
		if (at->d_name[0] == '.' || strstr(at->d_name, ".part"))
			continue;
		snprintf(out, 256, "%s/%.100s", folder, at->d_name);
		found = true;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

static void
a_copy_is_whole_and_begins_another_epoch(void **state)
{
	struct world *w = world();
	char folder[128], copy[256];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/backup", w->folder);
	for (unsigned i = 0; i < 100; i++)
		put(w, "/a/b/x");
	assert_true(engine_rocks_backup(w->engine, folder));
	while (!engine_rocks_backup(w->engine, folder))
		put(w, "/a/b/after");
	assert_true(only_in(folder, copy));
	end(w);
	assert_true(engine_rocks_check(copy, stderr));
	w->setup.path = copy;
	begin(w);
	assert_int_equal(w->state.epoch, 1000001);
	assert_int_equal(ask(w, "/a/b/x", 0).count, READ_MOST);
	assert_int_equal(ask(w, "/a/b/x", 0).lost, 0);
	again(w);
	assert_int_equal(w->state.epoch, 1000001);
	world_end(w);
}

/* Where no thread can begin: root has no limit of them, but of a stack. */
static void
a_copy_that_finds_no_thread_is_left_out(void **state)
{
	struct world *w = world();
	char folder[128], copy[256];
	pthread_attr_t was, vast;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/backup", w->folder);
	put(w, "/a/b/x");
	must(pthread_getattr_default_np(&was) == 0);
	vast = was;
	must(pthread_attr_setstacksize(&vast, (size_t)1 << 50) == 0);
	must(pthread_setattr_default_np(&vast) == 0);
	assert_true(engine_rocks_backup(w->engine, folder));
	must(pthread_setattr_default_np(&was) == 0);
	assert_false(only_in(folder, copy));
	assert_true(engine_rocks_backup(w->engine, folder));
	end(w);
	assert_true(only_in(folder, copy));
	begin(w);
	world_end(w);
}

/* Writes in one row what belongs there, spoilt. */
static void
spoil(struct world *w, enum kv_family f, size_t at)
{
	struct kv_setup setup = {.path = w->path, .cache = 1 << 20};
	struct kv *kv = kv_open(&setup, NULL);
	struct kv_batch *b = kv_batch_new();
	struct kv_walk walk;

	kv_walk(kv, f, &walk);
	kv_first(&walk);
	for (size_t i = 0; i < at; i++)
		kv_next(&walk);
	assert_true(walk.valid);
	kv_delete(kv, b, f, walk.key);
	assert_int_equal(kv_write(kv, b, NULL), KV_OK);
	kv_walk_end(&walk);
	kv_batch_free(&b);
	kv_close(&kv);
}

static void
a_check_finds_what_is_missing(void **state)
{
	static const struct {
		enum kv_family family;
		size_t at;
	} holes[] = {{KV_NAMES, 0}, {KV_IDS, 0}, {KV_LOG, 2}, {KV_LOG, 9},
	    {KV_JOURNAL, 1}};

	(void)state;
	for (size_t i = 0; i < LENGTH(holes); i++) {
		struct world *w = world();

		for (unsigned k = 0; k < 10; k++)
			put(w, k % 2 != 0 ? "/a/b/x" : "/a/b/y");
		again(w);
		end(w);
		assert_true(engine_rocks_check(w->path, stderr));
		spoil(w, holes[i].family, holes[i].at);
		assert_false(engine_rocks_check(w->path, stderr));
		begin(w);
		world_end(w);
	}
}

/* A copy is like what a kill leaves: no channel's row was written for it. */
static void
a_check_finds_the_newest_message_missing(void **state)
{
	struct world *w = world();
	char folder[128], copy[256];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/backup", w->folder);
	for (unsigned i = 0; i < 5; i++)
		put(w, "/a/b/x");
	assert_true(engine_rocks_backup(w->engine, folder));
	end(w);
	assert_true(only_in(folder, copy));
	assert_true(engine_rocks_check(copy, stderr));
	snprintf(w->path, sizeof(w->path), "%.120s", copy);
	spoil(w, KV_LOG, 4);
	assert_false(engine_rocks_check(copy, stderr));
	begin(w);
	world_end(w);
}

TESTS(unit(a_life_goes_on_where_the_one_before_ended),
    unit(numbers_that_were_reserved_are_not_given_again),
    unit(marks_of_writes_that_were_no_messages_are_recalled),
    unit(an_offset_is_not_taken_twice),
    unit(what_is_dead_leaves_the_disk_and_nothing_else),
    unit(the_journal_is_left_behind_and_its_hole_is_known),
    unit(a_clock_that_is_set_back_does_not_keep_the_journal),
    unit(channels_that_died_long_ago_leave_and_their_hole_is_known),
    unit(a_directory_of_other_shards_or_a_newer_version_is_refused),
    unit(a_look_changes_nothing),
    unit(a_copy_is_whole_and_begins_another_epoch),
    unit(a_copy_that_finds_no_thread_is_left_out),
    unit(a_check_finds_what_is_missing),
    unit(a_check_finds_the_newest_message_missing))
