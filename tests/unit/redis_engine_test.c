/*
 * redis_engine_test.c - the engine on Redis over several lives, and beside
 * others: what it recalls, what it refuses, when it begins a new epoch.
 */
#include "common/table.h"
#include "tests/unit/redis_server.h"

static const struct policy many = {.count = 1000000};

struct world {
	struct redis_server server;
	struct redis_engine_setup setup;
	struct engine *engine;
	struct shard_state state; /* of shard 0 */
	struct batch batch;
	uint64_t offset, now;
};

static enum code
begin(struct world *w)
{
	w->engine = engine_redis_new(&w->setup);
	return w->engine->open(w->engine, 0, w->now, &w->state);
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	log_open("test", "stderr", LEVEL_ERR);
	w->server.keeps = true;
	server_start(&w->server);
	w->setup = server_setup(&w->server);
	w->now = 1000000;
	batch_init(&w->batch, 2);
	assert_int_equal(begin(w), CODE_ok);
	*state = w;
	return 0;
}

static void
end(struct world *w)
{
	free(w->state.recall);
	w->state = (struct shard_state){0};
	if (w->engine != NULL)
		w->engine->close(&w->engine);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	end(w);
	batch_free(&w->batch);
	server_end(&w->server);
	free(w);
	return 0;
}

static void
again(struct world *w)
{
	end(w);
	assert_int_equal(begin(w), CODE_ok);
}

static void
add(struct world *w, const char *channel)
{
	struct op_append *op = &batch_add(&w->batch, OP_APPEND)->append;
	struct record *r =
	    record_new(&(struct msg_deliver){.channel = slice_of(channel),
		.offset = ++w->offset,
		.prev = PREV_UNKNOWN,
		.body = SLICE("0123456789")});

	r->hash = table_hash(r->channel);
	r->kept = true;
	r->at = w->now;
	op->record = r;
	op->policy = &many;
	op->mark = (struct mark){.boot = 3, .seq = w->offset};
}

static enum code
write_by(struct world *w, struct engine *e)
{
	enum code code;

	e->write(e, &w->batch);
	code = w->batch.codes[0];
	for (size_t i = 0; i < w->batch.count; i++)
		if (w->batch.ops[i].kind == OP_APPEND)
			record_unref(&w->batch.ops[i].append.record);
	batch_clear(&w->batch);
	return code;
}

static enum code
put(struct world *w, const char *channel)
{
	add(w, channel);
	return write_by(w, w->engine);
}

struct answer {
	unsigned count;
	uint64_t last, lost, epoch;
};

static struct answer
ask(struct world *w, const char *channel, uint64_t after)
{
	struct read q = {.channel = slice_of(channel),
	    .pattern = strchr(channel, '*') != NULL,
	    .after = after,
	    .upto = UINT64_MAX,
	    .most = READ_MOST,
	    .most_bytes = SIZE_MAX,
	    .unix_ms = w->now};
	struct answer a = {0};

	w->engine->read(w->engine, &q);
	assert_int_equal(q.code, CODE_ok);
	a.count = q.count;
	a.lost = q.lost;
	for (unsigned i = 0; i < q.count; i++) {
		a.last = q.found[i]->offset;
		a.epoch = q.found[i]->epoch;
		record_unref(&q.found[i]);
	}
	return a;
}

static void
a_life_goes_on_where_the_one_before_ended(void **state)
{
	struct world *w = *state;
	uint64_t top;

	assert_int_equal(w->state.epoch, 1000000);
	assert_int_equal(w->state.top, 0);
	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	assert_int_equal(put(w, "/a/b/y"), CODE_ok);
	top = w->state.reserved;
	w->now = 1200000;
	again(w);
	assert_int_equal(w->state.epoch, 1000000);
	assert_int_equal(w->state.top, top);
	assert_true(w->state.reserved > top);
	assert_int_equal(w->state.recalled, 2);
	assert_int_equal(w->state.recall[0].mark.seq, 1);
	assert_int_equal(w->state.recall[1].mark.boot, 3);
	assert_int_equal(w->state.recall[1].mark.seq, 2);
	assert_int_equal(w->state.recall[1].offset, 2);
	assert_int_equal(w->state.recall[1].at, 1000000);
	w->offset = top;
	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	assert_int_equal(ask(w, "/a/b/x", 1).last, top + 1);
	assert_int_equal(ask(w, "/a/b/*", 0).count, 3);
}

static void
what_is_older_than_a_repeat_can_be_is_not_recalled(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(put(w, "/a/b/x"), CODE_ok);
		w->now += RECALL_MS - 1;
	}
	w->now++;
	again(w);
	assert_int_equal(w->state.recall[w->state.recalled - 1].mark.seq, 3);
	assert_true(w->state.recalled < 3);
}

static void
numbers_that_were_reserved_are_not_given_again(void **state)
{
	struct world *w = *state;

	batch_add(&w->batch, OP_RESERVE)->reserve.upto = 5000000;
	assert_int_equal(write_by(w, w->engine), CODE_ok);
	again(w);
	assert_int_equal(w->state.top, 5000000);
}

static void
an_offset_is_not_taken_twice(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	w->offset = 0;
	assert_int_not_equal(put(w, "/a/b/y"), CODE_ok);
	assert_int_equal(ask(w, "/a/b/y", 0).count, 0);
}

static void
who_lost_a_shard_writes_nothing_to_it(void **state)
{
	struct world *w = *state;
	struct engine *old = w->engine;

	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	free(w->state.recall);
	assert_int_equal(begin(w), CODE_ok); /* another life of that name */
	add(w, "/a/b/x");
	assert_int_equal(write_by(w, old), CODE_moved);
	w->offset = w->state.top;
	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	add(w, "/a/b/x");
	assert_int_equal(write_by(w, old), CODE_moved);
	assert_int_equal(ask(w, "/a/b/x", 0).count, 2);
	old->close(&old);
}

static void
a_lease_that_lapsed_unnoticed_goes_on(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	SERVER_SAY(&w->server, "DEL", "test:{s0}:owner");
	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	SERVER_SAY(&w->server, "SET", "test:{s0}:owner", "9999999999999 other");
	assert_int_equal(put(w, "/a/b/x"), CODE_moved);
	assert_int_equal(ask(w, "/a/b/x", 0).count, 2);
}

static void
what_redis_kept_over_a_restart_is_the_same_epoch(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	server_stop(&w->server);
	server_start(&w->server);
	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	assert_int_equal(ask(w, "/a/b/x", 0).count, 2);
	assert_int_equal(ask(w, "/a/b/x", 0).epoch, 1000000);
}

static void
a_redis_that_has_less_is_written_nothing_to_and_begins_an_epoch(void **state)
{
	struct world *w = *state;
	struct shard_state s;

	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	SERVER_SAY(&w->server, "COPY", "test:{s0}:meta", "before");
	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	SERVER_SAY(&w->server, "COPY", "before", "test:{s0}:meta", "REPLACE");
	assert_int_equal(put(w, "/a/b/x"), CODE_moved);
	assert_int_equal(w->engine->open(w->engine, 0, 1000, &s), CODE_ok);
	assert_true(s.epoch > 1000000);
	free(s.recall);
	SERVER_SAY(&w->server, "FLUSHALL");
	assert_int_equal(w->engine->open(w->engine, 0, 1000, &s), CODE_ok);
	assert_true(s.epoch > 1000001);
	free(s.recall);
}

static void
who_takes_a_shard_from_another_redis_begins_an_epoch(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	server_stop(&w->server);
	server_start(&w->server);
	w->now = 2000000;
	again(w);
	assert_int_equal(w->state.epoch, 2000000);
	assert_int_equal(ask(w, "/a/b/x", 0).count, 1);
}

static void
a_redis_that_is_away_refuses_and_one_that_is_back_takes(void **state)
{
	struct world *w = *state;
	uint64_t began;

	end(w);
	w->setup.net.timeout_ms = 300;
	assert_int_equal(begin(w), CODE_ok);
	w->offset = w->state.top;
	server_stop(&w->server);
	assert_int_equal(put(w, "/a/b/x"), CODE_moved); /* it was connected */
	server_start(&w->server);
	again(w);
	w->offset = w->state.top;
	server_stop(&w->server);
	SERVER_ASK(&w->server, "PING");
	began = redis_now();
	end(w);
	assert_int_equal(begin(w), CODE_unavailable);
	assert_true(redis_now() - began < 5000);
	server_start(&w->server);
	again(w);
	w->offset = w->state.top;
	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
}

static enum code
row(struct world *w, enum op_kind kind, const char *key)
{
	struct op_row *op = &batch_add(&w->batch, kind)->row;

	op->key = slice_of(key);
	op->value = SLICE("1");
	return write_by(w, w->engine);
}

static void
a_full_redis_takes_nothing_and_keeps_what_it_has(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	assert_int_equal(row(w, OP_PUT, "old"), CODE_ok);
	SERVER_SAY(&w->server, "CONFIG", "SET", "maxmemory", "1");
	assert_int_equal(put(w, "/a/b/x"), CODE_full);
	assert_int_equal(ask(w, "/a/b/x", 0).count, 1);
	w->offset--;
	assert_true(engine_full(w->engine, 0));
	assert_int_equal(row(w, OP_PUT, "new"), CODE_full);
	assert_int_equal(row(w, OP_DELETE, "old"), CODE_ok);
	again(w); /* its owner may change */
	w->offset = w->state.top;
	assert_int_equal(put(w, "/a/b/x"), CODE_full);
	w->offset--;
	SERVER_SAY(&w->server, "CONFIG", "SET", "maxmemory", "0");
	assert_int_equal(put(w, "/a/b/x"), CODE_ok);
	assert_int_equal(ask(w, "/a/b/x", 0).count, 2);
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(story(a_life_goes_on_where_the_one_before_ended),
    story(what_is_older_than_a_repeat_can_be_is_not_recalled),
    story(numbers_that_were_reserved_are_not_given_again),
    story(an_offset_is_not_taken_twice),
    story(who_lost_a_shard_writes_nothing_to_it),
    story(a_lease_that_lapsed_unnoticed_goes_on),
    story(what_redis_kept_over_a_restart_is_the_same_epoch),
    story(a_redis_that_has_less_is_written_nothing_to_and_begins_an_epoch),
    story(who_takes_a_shard_from_another_redis_begins_an_epoch),
    story(a_redis_that_is_away_refuses_and_one_that_is_back_takes),
    story(a_full_redis_takes_nothing_and_keeps_what_it_has))
