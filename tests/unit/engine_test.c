/*
 * engine_test.c - what every engine must do with the log.  A new engine is
 * one more row of `engines`; what is the memory engine's alone stands last.
 */
#include "common/must.h"
#include "common/table.h"
#include "store/engine_memory.h"
#include "tests/unit/redis_server.h"

static struct engine *
memory(const char *folder, struct redis_server *server)
{
	(void)folder;
	(void)server;
	return engine_memory_new(2, 1 << 30);
}

static struct engine *
rocksdb(const char *folder, struct redis_server *server)
{
	struct rocks_setup setup = world_setup(folder);

	(void)server;
	return world_open(&setup);
}

static struct engine *
redis(const char *folder, struct redis_server *server)
{
	struct redis_engine_setup setup;

	(void)folder;
	server_start(server);
	setup = server_setup(server);
	return engine_redis_new(&setup);
}

static const struct {
	const char *name;
	struct engine *(*make)(const char *folder, struct redis_server *);
} engines[] = {{"memory", memory}, {"rocksdb", rocksdb}, {"redis", redis}};

static const struct policy many = {.count = 1000000};

struct wrote {
	struct engine *engine;
	struct batch batch;
	struct record *records[512];
	struct engine_channel *homes[512], **home; /* NULL: a new one each */
	unsigned count;
	uint64_t now; /* unix ms of the last message */
};

static void
put_message(
    struct wrote *w, const struct policy *p, const struct msg_deliver *m)
{
	struct record *r = record_new(m);
	struct op_append *op;

	r->hash = table_hash(r->channel);
	r->prev = w->engine->remembers ? PREV_UNKNOWN : m->offset - 1;
	r->kept = true;
	r->at = w->now = m->offset * 1000;
	op = &batch_add(&w->batch, OP_APPEND)->append;
	op->record = r;
	op->policy = p;
	assert_true(w->count < LENGTH(w->records));
	w->homes[w->count] = NULL;
	op->home = w->home != NULL ? w->home : &w->homes[w->count];
	w->records[w->count++] = r;
}

static void
put(struct wrote *w, const char *channel, uint64_t offset,
    const struct policy *p)
{
	put_message(w, p,
	    &(struct msg_deliver){.channel = slice_of(channel),
		.offset = offset,
		.body = SLICE("0123456789")});
}

static void
write_all(struct wrote *w)
{
	w->engine->write(w->engine, &w->batch);
	assert_int_equal(w->batch.codes[0], CODE_ok);
	assert_int_equal(w->batch.codes[1], CODE_ok);
	batch_clear(&w->batch);
	while (w->count != 0)
		record_unref(&w->records[--w->count]);
}

/* The offsets that were read, as text: "3 4+" where more is to come. */
static void
check_read(struct wrote *w, struct read q, const char *want)
{
	char got[512] = "";
	size_t n = 0;

	q.unix_ms = w->now;
	q.upto = q.upto != 0 ? q.upto : UINT64_MAX;
	q.most = q.most != 0 ? q.most : READ_MOST;
	q.most_bytes = q.most_bytes != 0 ? q.most_bytes : SIZE_MAX;
	w->engine->read(w->engine, &q);
	assert_int_equal(q.code, CODE_ok);
	for (unsigned i = 0; i < q.count; i++) {
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%llu",
		    i != 0 ? " " : "", (unsigned long long)q.found[i]->offset);
		assert_true(slice_is(q.found[i]->body, "0123456789"));
		record_unref(&q.found[i]);
	}
	if (q.more)
		snprintf(got + n, sizeof(got) - n, "+");
	if (q.lost != 0)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), " !%llu",
		    (unsigned long long)q.lost);
	assert_string_equal(got, want);
}

#define READ_OF(name) .channel = SLICE(name)
#define PATTERN(name) .channel = SLICE(name), .pattern = true

static void
reads_go_on_where_the_last_one_ended(struct wrote *w)
{
	for (unsigned i = 1; i <= 9; i++)
		put(w, i % 3 == 0 ? "/a/b/y" : "/a/b/x", i, &many);
	write_all(w);
	check_read(w, (struct read){READ_OF("/a/b/x")}, "1 2 4 5 7 8");
	check_read(w, (struct read){READ_OF("/a/b/x"), .most = 2}, "1 2+");
	check_read(
	    w, (struct read){READ_OF("/a/b/x"), .after = 2, .most = 2}, "4 5+");
	check_read(w, (struct read){READ_OF("/a/b/x"), .after = 3}, "4 5 7 8");
	check_read(
	    w, (struct read){READ_OF("/a/b/x"), .after = 5, .most = 2}, "7 8");
	check_read(w, (struct read){READ_OF("/a/b/x"), .after = 8}, "");
	check_read(w, (struct read){READ_OF("/a/b/x"), .after = 1, .upto = 5},
	    "2 4 5");
	check_read(w, (struct read){READ_OF("/a/b/x"), .most_bytes = 1}, "1+");
	check_read(w, (struct read){READ_OF("/a/b/none")}, "");
}

static void
a_channel_is_the_same_with_and_without_its_home(struct wrote *w)
{
	struct engine_channel *home = NULL;
	struct op_forget *op;

	if (w->engine->remembers)
		return;
	for (unsigned i = 1; i <= 6; i++) {
		w->home = i % 3 != 0 ? &home : NULL;
		put(w, "/a/b/x", i, &many);
	}
	write_all(w);
	check_read(w, (struct read){READ_OF("/a/b/x")}, "1 2 3 4 5 6");
	op = &batch_add(&w->batch, OP_FORGET)->forget;
	op->channel = SLICE("/a/b/x");
	op->hash = table_hash(op->channel);
	op->home = home;
	home = NULL;
	w->home = &home;
	put(w, "/a/b/x", 7, &many);
	write_all(w);
	check_read(w, (struct read){READ_OF("/a/b/x")}, "7");
}

/* Every part of a message, in whatever company. */
static void
a_message_comes_back_with_its_envelope(struct wrote *w)
{
	static const struct slice envelope = SLICE_INIT("{\"data\":\0}");
	struct read q = {READ_OF("/a/b/x"), .upto = UINT64_MAX,
	    .most = READ_MOST, .most_bytes = SIZE_MAX, .unix_ms = 4000};

	for (unsigned i = 1; i <= 4; i++)
		put_message(w, &many,
		    &(struct msg_deliver){.channel = SLICE("/a/b/x"),
			.offset = i,
			.filter = i % 2 != 0 ? SLICE("page") : SLICE(""),
			.body = i != 4 ? SLICE("body") : SLICE(""),
			.envelope = i > 2 ? envelope : SLICE("")});
	write_all(w);
	w->engine->read(w->engine, &q);
	assert_int_equal(q.count, 4);
	for (unsigned i = 1; i <= q.count; i++) {
		struct msg_deliver m = record_deliver(q.found[i - 1]);

		assert_true(slice_is(m.filter, i % 2 != 0 ? "page" : ""));
		assert_true(slice_is(m.body, i != 4 ? "body" : ""));
		assert_true(slice_eq(m.envelope, i > 2 ? envelope : SLICE("")));
		record_unref(&q.found[i - 1]);
	}
}

static void
patterns_are_read_in_the_order_of_offsets(struct wrote *w)
{
	for (unsigned i = 1; i <= 9; i++)
		put(w,
		    i % 3 == 0 ? "/a/c/y"
		    : i % 2    ? "/a/b/x"
			       : "/a/b/z",
		    i, &many);
	write_all(w);
	check_read(w, (struct read){PATTERN("/a/b/*")}, "1 2 4 5 7 8");
	check_read(
	    w, (struct read){PATTERN("/a/b/*"), .after = 4, .most = 2}, "5 7+");
	check_read(w, (struct read){PATTERN("/a/c/**"), .upto = 8}, "3 6");
	check_read(w, (struct read){PATTERN("/z/c/**")}, "");
	check_read(w, (struct read){PATTERN("/a/b/*"), .shard = 1}, "");
}

static void
a_channel_keeps_what_its_policy_says(struct wrote *w)
{
	static const struct policy three = {.count = 3};
	static const struct policy old = {.count = 100, .age_ms = 2500};
	static const struct policy small = {.count = 100, .bytes = 600};

	for (unsigned i = 1; i <= 15; i += 3) {
		put(w, "/a/b/three", i, &three);
		put(w, "/a/b/old", i + 1, &old);
		put(w, "/a/b/small", i + 2, &small);
	}
	write_all(w);
	check_read(w, (struct read){READ_OF("/a/b/three")}, "7 10 13 !4");
	check_read(w, (struct read){READ_OF("/a/b/old")}, "14 !11");
	check_read(
	    w, (struct read){READ_OF("/a/b/small"), .after = 9}, "12 15");
	check_read(
	    w, (struct read){PATTERN("/a/b/*"), .after = 11}, "12 13 14 15");
	check_read(w, (struct read){PATTERN("/a/b/*"), .after = 4, .most = 4},
	    "7 9 10 12+ !11");
	check_read(w, (struct read){PATTERN("/a/c/*"), .after = 4}, "");
}

static void
a_forgotten_channel_is_gone_and_its_hole_is_known(struct wrote *w)
{
	struct op_forget *op;

	if (w->engine->remembers)
		return;
	put(w, "/a/b/x", 1, &many);
	put(w, "/a/b/y", 2, &many);
	op = &batch_add(&w->batch, OP_FORGET)->forget;
	op->channel = SLICE("/a/b/x");
	op->hash = table_hash(op->channel);
	put(w, "/a/b/y", 3, &many);
	write_all(w);
	check_read(w, (struct read){READ_OF("/a/b/x")}, "");
	check_read(w, (struct read){PATTERN("/a/b/*")}, "2 3 !1");
	check_read(w, (struct read){PATTERN("/a/b/*"), .after = 1}, "2 3");
	put(w, "/a/b/x", 4, &many);
	write_all(w);
	check_read(w, (struct read){READ_OF("/a/b/x")}, "4");
}

static void
a_thousand_trimmed_channels_leave_a_sound_journal(struct wrote *w)
{
	static const struct policy one = {.count = 1};
	uint64_t offset = 1;
	char name[32];

	put(w, "/a/b/first", offset++, &many);
	for (unsigned round = 0; round < 30; round++) {
		for (unsigned i = 0; i < 400; i++) {
			snprintf(name, sizeof(name), "/a/b/%u", i);
			put(w, name, offset++, &one);
		}
		write_all(w);
	}
	check_read(w, (struct read){READ_OF("/a/b/first")}, "1");
	check_read(w, (struct read){READ_OF("/a/b/7")}, "11609 !11209");
	check_read(w,
	    (struct read){PATTERN("/a/b/*"), .after = 11998, .upto = 12001},
	    "11999 12000 12001");
}

struct found {
	struct scan face;
	char keys[256];
};

static void
row_found(
    struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	struct found *f = container_of(q, struct found, face);
	size_t n = strlen(f->keys);

	snprintf(f->keys + n, sizeof(f->keys) - n, "%s%.*s=%.*s%s",
	    n != 0 ? " " : "", (int)key.n, key.p, (int)value.n, value.p,
	    expires != 0 ? "~" : "");
}

static void
check_rows(struct wrote *w, struct scan q, const char *want)
{
	struct found f = {.face = q};
	size_t n;

	f.face.found = row_found;
	f.face.most = q.most != 0 ? q.most : 100;
	f.face.most_bytes = SIZE_MAX;
	w->engine->scan(w->engine, &f.face);
	assert_int_equal(f.face.code, CODE_ok);
	n = strlen(f.keys);
	if (f.face.more)
		snprintf(f.keys + n, sizeof(f.keys) - n, "+");
	assert_string_equal(f.keys, want);
}

static void
row(struct wrote *w, enum space space, const char *key, const char *value)
{
	struct op_row *op =
	    &batch_add(&w->batch, value != NULL ? OP_PUT : OP_DELETE)->row;

	op->space = space;
	op->key = slice_of(key);
	if (value != NULL)
		op->value = slice_of(value);
}

static void
rows_are_put_replaced_and_deleted_in_order(struct wrote *w)
{
	row(w, SPACE_BOX, "b1", "x");
	row(w, SPACE_BOX, "a2", "y");
	row(w, SPACE_BOX, "a1", "z");
	row(w, SPACE_TABLE, "a3", "elsewhere");
	row(w, SPACE_BOX, "a", "");
	row(w, SPACE_BOX, "a2", "again");
	write_all(w);
	check_rows(
	    w, (struct scan){.space = SPACE_BOX}, "a= a1=z a2=again b1=x");
	check_rows(w, (struct scan){.space = SPACE_TABLE}, "a3=elsewhere");
	check_rows(w, (struct scan){.space = SPACE_JOB}, "");
	check_rows(w, (struct scan){.space = SPACE_BOX, .shard = 1}, "");
	check_rows(w, (struct scan){.space = SPACE_BOX, .prefix = SLICE("a")},
	    "a= a1=z a2=again");
	check_rows(w, (struct scan){.space = SPACE_BOX, .most = 2}, "a= a1=z+");
	check_rows(w,
	    (struct scan){
		.space = SPACE_BOX, .prefix = SLICE("a"), .after = SLICE("a1")},
	    "a2=again");
	row(w, SPACE_BOX, "a1", NULL);
	row(w, SPACE_BOX, "none", NULL);
	write_all(w);
	check_rows(w, (struct scan){.space = SPACE_BOX, .after = SLICE("a1")},
	    "a2=again b1=x");
}

static void
a_row_past_its_time_is_not_found(struct wrote *w)
{
	row(w, SPACE_JOB, "k", "v");
	w->batch.ops[0].row.expires = 1000;
	row(w, SPACE_JOB, "l", "v");
	write_all(w);
	check_rows(
	    w, (struct scan){.space = SPACE_JOB, .unix_ms = 999}, "k=v~ l=v");
	check_rows(
	    w, (struct scan){.space = SPACE_JOB, .unix_ms = 1000}, "l=v");
}

static void
each(void (*test)(struct wrote *))
{
	for (size_t i = 0; i < LENGTH(engines); i++) {
		struct redis_server server = {.pid = 0};
		char folder[64];
		struct wrote w = {
		    .engine = engines[i].make(world_folder(folder), &server)};
		struct shard_state s;

		batch_init(&w.batch, 2);
		assert_string_equal(w.engine->name, engines[i].name);
		assert_int_equal(w.engine->open(w.engine, 0, 77, &s), CODE_ok);
		assert_int_equal(s.epoch, 77);
		assert_int_equal(s.top, 0);
		test(&w);
		batch_free(&w.batch);
		w.engine->close(&w.engine);
		assert_null(w.engine);
		world_remove(folder);
		server_end(&server);
	}
}

static void
memory_drops_the_oldest_of_all_past_its_cap(void **state)
{
	struct wrote w = {.engine = engine_memory_new(2, 10 * 250)};
	struct read q = {PATTERN("/a/b/*"), .upto = UINT64_MAX,
	    .most = READ_MOST, .most_bytes = SIZE_MAX};

	(void)state;
	batch_init(&w.batch, 2);
	for (unsigned i = 1; i <= 100; i++)
		put(&w, i % 2 != 0 ? "/a/b/x" : "/a/b/y", i, &many);
	write_all(&w);
	w.engine->read(w.engine, &q);
	assert_in_range(q.count, 5, 20);
	for (unsigned i = 0; i < q.count; i++) {
		assert_int_equal(q.found[i]->offset, 101 - q.count + i);
		record_unref(&q.found[i]);
	}
	assert_int_equal(q.lost, 100 - q.count);
	batch_free(&w.batch);
	w.engine->close(&w.engine);
}

static void
memory_drops_what_is_too_old_by_itself(void **state)
{
	static const struct policy brief = {.count = 100, .age_ms = 5000};
	struct wrote w = {.engine = memory(NULL, NULL)};

	(void)state;
	batch_init(&w.batch, 2);
	for (unsigned i = 1; i <= 9; i++)
		put(&w, "/a/b/x", i * 2, &brief);
	write_all(&w);
	w.engine->tick(w.engine, 18999);
	check_read(
	    &w, (struct read){READ_OF("/a/b/x"), .after = 12}, "14 16 18");
	w.engine->tick(w.engine, 21000);
	check_read(&w, (struct read){READ_OF("/a/b/x")}, "18 !16");
	w.engine->tick(w.engine, 23000);
	check_read(&w, (struct read){READ_OF("/a/b/x")}, " !18");
	batch_free(&w.batch);
	w.engine->close(&w.engine);
}

#define ALL(f)                                                                 \
	static void all_##f(void **state)                                      \
	{                                                                      \
		(void)state;                                                   \
		each(f);                                                       \
	}
ALL(reads_go_on_where_the_last_one_ended)
ALL(a_channel_is_the_same_with_and_without_its_home)
ALL(a_message_comes_back_with_its_envelope)
ALL(patterns_are_read_in_the_order_of_offsets)
ALL(a_channel_keeps_what_its_policy_says)
ALL(a_forgotten_channel_is_gone_and_its_hole_is_known)
ALL(a_thousand_trimmed_channels_leave_a_sound_journal)
ALL(rows_are_put_replaced_and_deleted_in_order)
ALL(a_row_past_its_time_is_not_found)

TESTS(unit(all_reads_go_on_where_the_last_one_ended),
    unit(all_a_channel_is_the_same_with_and_without_its_home),
    unit(all_a_message_comes_back_with_its_envelope),
    unit(all_patterns_are_read_in_the_order_of_offsets),
    unit(all_a_channel_keeps_what_its_policy_says),
    unit(all_a_forgotten_channel_is_gone_and_its_hole_is_known),
    unit(all_a_thousand_trimmed_channels_leave_a_sound_journal),
    unit(all_rows_are_put_replaced_and_deleted_in_order),
    unit(all_a_row_past_its_time_is_not_found),
    unit(memory_drops_the_oldest_of_all_past_its_cap),
    unit(memory_drops_what_is_too_old_by_itself))
