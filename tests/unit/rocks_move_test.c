/* rocks_move_test.c - shards go to another directory whole, or not at all. */
#include "store/kv.h"
#include "store/rocks_move.h"
#include "store/rocks_row.h"
#include "store/rowfile.h"
#include "tests/unit/rocks_life.h"

#include <stdio.h>

/* Where shard 0 is, a file of it, and where it may go. */
struct journey {
	struct world *w;
	char file[128], there[128], said[512];
};

static bool
ran(struct journey *j, bool (*run)(const struct rocks_move *),
    const char *folder, const char *shards)
{
	struct rocks_move m = {.folder = folder, .file = j->file};
	bool ok;

	memset(j->said, 0, sizeof(j->said));
	m.out = fmemopen(j->said, sizeof(j->said) - 1, "w");
	assert_non_null(m.out);
	assert_true(shards == NULL || rocks_move_list(&m, slice_of(shards)));
	ok = run(&m);
	fclose(m.out);
	return ok;
}

static void
put_row(struct world *w, enum space space, const char *key)
{
	struct op_row *op = &batch_add(&w->batch, OP_PUT)->row;

	*op = (struct op_row){
	    .key = slice_of(key), .value = SLICE("v"), .space = space};
	assert_int_equal(write_out(w), CODE_ok);
}

static void
count_row(struct scan *s, struct slice key, struct slice value, uint64_t when)
{
	assert_true(slice_eq(key, SLICE("k")));
	assert_true(slice_eq(value, SLICE("v")));
	assert_int_equal(when, 0);
	(void)s;
}

static unsigned
rows_of(struct world *w, enum space space)
{
	struct scan s = {.space = space,
	    .prefix = SLICE("k"),
	    .unix_ms = w->now,
	    .most = 10,
	    .most_bytes = SIZE_MAX,
	    .found = count_row};

	w->engine->scan(w->engine, &s);
	assert_int_equal(s.code, CODE_ok);
	return s.count;
}

/* A store that kept some of everything, and has ended. */
static struct journey
journey(void)
{
	struct journey j = {.w = world()};

	for (unsigned i = 0; i < 6; i++)
		put(j.w, i % 2 != 0 ? "/a/b/x" : "/a/b/y");
	for (unsigned s = 0; s < SPACES; s++)
		put_row(j.w, (enum space)s, "k");
	snprintf(j.file, sizeof(j.file), "%s/file", j.w->folder);
	snprintf(j.there, sizeof(j.there), "%s/there", j.w->folder);
	return j;
}

/* The engine of the world is closed by now. */
static void
journey_end(struct journey *j)
{
	batch_free(&j->w->batch);
	world_remove(j->w->folder);
	free(j->w);
}

static void
begin_there(struct journey *j)
{
	j->w->setup.path = j->there;
	begin(j->w);
}

static void
what_moved_goes_on_where_it_was(void **state)
{
	struct journey j = journey();
	struct shard_state old;

	(void)state;
	again(j.w);
	old = j.w->state;
	end(j.w);
	assert_true(ran(&j, rocks_export, j.w->path, "0"));
	assert_true(ran(&j, rocks_import, j.there, NULL));
	assert_true(engine_rocks_check(j.there, stderr));
	begin_there(&j);
	assert_int_equal(j.w->state.epoch, old.epoch);
	assert_true(j.w->state.top >= old.top);
	assert_int_equal(j.w->state.recalled, old.recalled);
	assert_int_equal(ask(j.w, "/a/b/x", 0).count, 3);
	assert_int_equal(ask(j.w, "/a/b/y", 0).last, 5);
	assert_int_equal(ask(j.w, "/a/b/*", 0).count, 6);
	for (unsigned s = 0; s < SPACES; s++)
		assert_int_equal(rows_of(j.w, (enum space)s), 1);
	j.w->offset = j.w->state.top;
	put(j.w, "/a/b/x");
	assert_int_equal(ask(j.w, "/a/b/x", 5).prev, 4);
	end(j.w);
	assert_true(engine_rocks_check(j.there, stderr));
	journey_end(&j);
}

/* Most of it is in the journal only. */
static void
a_store_that_was_killed_can_be_moved(void **state)
{
	struct journey j = journey();
	char folder[128], command[512];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/backup", j.w->folder);
	assert_true(engine_rocks_backup(j.w->engine, folder));
	end(j.w);
	snprintf(command, sizeof(command), "mv %s/* %s/killed", folder, folder);
	assert_int_equal(system(command), 0);
	snprintf(folder, sizeof(folder), "%.80s/backup/killed", j.w->folder);
	assert_false(ran(&j, rocks_export, folder, "0"));
	assert_non_null(strstr(j.said, "a copy"));
	snprintf(command, sizeof(command), "%s/posthorn.copy", folder);
	assert_int_equal(unlink(command), 0);
	assert_true(ran(&j, rocks_export, folder, "0"));
	assert_true(ran(&j, rocks_import, j.there, NULL));
	assert_true(engine_rocks_check(j.there, stderr));
	begin_there(&j);
	assert_int_equal(ask(j.w, "/a/b/x", 0).count, 3);
	end(j.w);
	journey_end(&j);
}

static void
what_was_dropped_is_gone_and_may_come_back(void **state)
{
	struct journey j = journey();

	(void)state;
	end(j.w);
	assert_true(ran(&j, rocks_export, j.w->path, "0"));
	assert_true(ran(&j, rocks_drop, j.w->path, "0"));
	assert_true(engine_rocks_check(j.w->path, stderr));
	unlink(j.file);
	assert_false(ran(&j, rocks_export, j.w->path, "0"));
	assert_non_null(strstr(j.said, "shard 0 is not there"));
	begin(j.w);
	assert_int_equal(ask(j.w, "/a/b/x", 0).count, 0);
	for (unsigned s = 0; s < SPACES; s++)
		assert_int_equal(rows_of(j.w, (enum space)s), 0);
	end(j.w);
	journey_end(&j);
}

static void
what_must_not_be_is_refused(void **state)
{
	struct journey j = journey();

	(void)state;
	assert_false(ran(&j, rocks_export, j.w->path, "0"));
	assert_non_null(strstr(j.said, "a store has it"));
	end(j.w);
	assert_false(ran(&j, rocks_export, j.w->path, "0,1"));
	assert_non_null(strstr(j.said, "shard 1 is not there"));
	assert_false(ran(&j, rocks_export, j.there, "0"));
	assert_non_null(strstr(j.said, "no store kept anything there"));
	assert_true(ran(&j, rocks_export, j.w->path, "0"));
	assert_false(ran(&j, rocks_export, j.w->path, "0"));
	assert_non_null(strstr(j.said, "File exists"));
	assert_false(ran(&j, rocks_import, j.w->path, NULL));
	assert_non_null(strstr(j.said, "shard 0 is there already"));
	begin(j.w);
	assert_false(ran(&j, rocks_import, j.w->path, NULL));
	assert_non_null(strstr(j.said, "a store has it"));
	assert_int_equal(ask(j.w, "/a/b/x", 0).count, 3);
	end(j.w);
	j.w->setup.path = j.there;
	j.w->setup.shards = 3;
	begin(j.w);
	end(j.w);
	assert_false(ran(&j, rocks_import, j.there, NULL));
	assert_non_null(strstr(j.said, "made for 3 shards, the file is of 2"));
	journey_end(&j);
}

/* Neither a part of a file nor one with a wrong byte is taken. */
static void
a_file_that_is_torn_or_changed_changes_nothing(void **state)
{
	struct journey j = journey();
	struct buf whole = {0};
	char c;
	FILE *f;

	(void)state;
	end(j.w);
	assert_true(ran(&j, rocks_export, j.w->path, "0"));
	f = fopen(j.file, "r");
	while (fread(&c, 1, 1, f) == 1)
		buf_chr(&whole, c);
	fclose(f);
	assert_true(whole.n > 300);
	for (size_t i = 0; i < 2 * whole.n + 1; i++) {
		f = fopen(j.file, "w");
		if (i >= whole.n) /* all, and a byte more or one changed */
			fwrite(whole.p, 1, whole.n, f);
		else
			fwrite(whole.p, 1, i, f);
		if (i >= whole.n && i < 2 * whole.n)
			fseek(f, (long)(i - whole.n), SEEK_SET);
		c = i < whole.n       ? 0
		    : i < 2 * whole.n ? (char)(whole.p[i - whole.n] ^ 64)
		                      : 'x';
		if (i >= whole.n)
			fputc(c, f);
		fclose(f);
		assert_false(ran(&j, rocks_import, j.there, NULL));
		assert_int_not_equal(access(j.there, F_OK), 0);
	}
	buf_free(&whole);
	journey_end(&j);
}

/* Rows that a correct hash covers, and are none of a shard's. */
static void
rows_of_another_shard_are_refused(void **state)
{
	static const char *const keys[] = {"\0\1k", "\0\2k", "\0", ""};
	struct journey j = journey();
	struct buf head = {0};

	(void)state;
	end(j.w);
	rocks_put_num(&head, ROCKS_FORMAT);
	rocks_put_num(&head, 2);
	rocks_put_num(&head, 0);
	for (size_t i = 0; i < LENGTH(keys); i++) {
		struct rowfile_out *s = rowfile_create(j.file);

		assert_non_null(s);
		rowfile_put(s, &(struct rowfile_row){KV_FAMILIES,
				   SLICE("shards"), buf_slice(&head)});
		rowfile_put(
		    s, &(struct rowfile_row){KV_BOX,
			   {keys[i], i < 2 ? 3 : 2 - i / 2}, SLICE("v")});
		assert_true(rowfile_end(&s));
		assert_false(ran(&j, rocks_import, j.there, NULL));
		assert_non_null(strstr(j.said, "none of ours"));
		unlink(j.file);
	}
	buf_free(&head);
	journey_end(&j);
}

/* As an import leaves it that was killed before its last write. */
static void
leave_half(const char *path)
{
	struct kv_setup setup = {.path = path, .cache = 1 << 20};
	struct kv *kv = kv_open(&setup, NULL);
	struct kv_batch *b = kv_batch_new();

	kv_put(kv, b, &(struct kv_row){KV_META, {"\0\0", 2}, {"", 0}});
	assert_int_equal(kv_write(kv, b, NULL), KV_OK);
	kv_batch_free(&b);
	kv_close(&kv);
}

static void
half_a_shard_is_not_begun_with(void **state)
{
	struct journey j = journey();
	struct shard_state s;

	(void)state;
	end(j.w);
	assert_true(ran(&j, rocks_export, j.w->path, "0"));
	assert_true(ran(&j, rocks_import, j.there, NULL));
	leave_half(j.there);
	j.w->setup.path = j.there;
	j.w->engine = world_open(&j.w->setup);
	assert_int_not_equal(j.w->engine->open(j.w->engine, 0, 1, &s), CODE_ok);
	j.w->engine->close(&j.w->engine);
	assert_true(ran(&j, rocks_import, j.there, NULL));
	begin_there(&j);
	assert_int_equal(ask(j.w, "/a/b/x", 0).count, 3);
	end(j.w);
	leave_half(j.there);
	assert_true(ran(&j, rocks_drop, j.there, "0"));
	begin_there(&j);
	assert_int_equal(ask(j.w, "/a/b/x", 0).count, 0);
	end(j.w);
	journey_end(&j);
}

static void
a_list_names_shards_and_spans_of_them(void **state)
{
	static const char *const bad[] = {"", ",", "x", "1,", "3-1", "256",
	    "1-256", "-", "1-", "-1", "1-2-3"};
	struct rocks_move m = {0};

	(void)state;
	assert_true(rocks_move_list(&m, SLICE("3,5-9,255")));
	for (unsigned i = 0; i < MOVE_SHARDS; i++)
		assert_int_equal(
		    m.shards[i], i == 3 || (i >= 5 && i <= 9) || i == 255);
	for (size_t i = 0; i < LENGTH(bad); i++) {
		m = (struct rocks_move){0};
		assert_false(rocks_move_list(&m, slice_of(bad[i])));
	}
}

TESTS(unit(what_moved_goes_on_where_it_was),
    unit(a_store_that_was_killed_can_be_moved),
    unit(what_was_dropped_is_gone_and_may_come_back),
    unit(what_must_not_be_is_refused),
    unit(a_file_that_is_torn_or_changed_changes_nothing),
    unit(rows_of_another_shard_are_refused),
    unit(half_a_shard_is_not_begun_with),
    unit(a_list_names_shards_and_spans_of_them))
