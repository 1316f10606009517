/*
 * rocks_life.h - a durable engine that is opened, written to, asked, and
 * opened again, for tests.
 */
#ifndef TESTS_UNIT_ROCKS_LIFE_H
#define TESTS_UNIT_ROCKS_LIFE_H

#include "common/table.h"
#include "tests/unit/rocks_world.h"

static const struct policy many = {.count = 1000000};

struct world {
	char folder[64], path[128];
	struct rocks_setup setup;
	struct engine *engine;
	struct shard_state state; /* of shard 0 */
	struct batch batch;
	uint64_t offset, now;
};

static inline void
begin(struct world *w)
{
	w->engine = world_open(&w->setup);
	assert_int_equal(
	    w->engine->open(w->engine, 0, w->setup.unix_ms, &w->state),
	    CODE_ok);
}

static inline struct world *
world(void)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_folder(w->folder);
	snprintf(w->path, sizeof(w->path), "%s/rocks", w->folder);
	w->setup = world_setup(w->path);
	w->setup.unix_ms = w->now = 1000000;
	batch_init(&w->batch, 2);
	begin(w);
	return w;
}

static inline void
end(struct world *w)
{
	free(w->state.recall);
	w->state = (struct shard_state){0};
	w->engine->close(&w->engine);
}

static inline void
world_end(struct world *w)
{
	end(w);
	batch_free(&w->batch);
	world_remove(w->folder);
	free(w);
}

static inline void
again(struct world *w)
{
	end(w);
	begin(w);
}

static inline void
add(struct world *w, const char *channel, const struct policy *p)
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
	op->policy = p;
	op->mark = (struct mark){.boot = 3, .seq = w->offset};
}

static inline enum code
write_out(struct world *w)
{
	enum code code;

	w->engine->tick(w->engine, w->now);
	w->engine->write(w->engine, &w->batch);
	code = w->batch.codes[0];
	for (size_t i = 0; i < w->batch.count; i++)
		if (w->batch.ops[i].kind == OP_APPEND)
			record_unref(&w->batch.ops[i].append.record);
	batch_clear(&w->batch);
	return code;
}

static inline void
put(struct world *w, const char *channel)
{
	add(w, channel, &many);
	assert_int_equal(write_out(w), CODE_ok);
}

struct answer {
	unsigned count;
	uint64_t first, last, prev, lost; /* prev: of the first */
};

static inline struct answer
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
		a.first = i == 0 ? q.found[i]->offset : a.first;
		a.prev = i == 0 ? q.found[i]->prev : a.prev;
		a.last = q.found[i]->offset;
		record_unref(&q.found[i]);
	}
	return a;
}

#endif
