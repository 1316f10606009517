/*
 * redis_take.c - a shard becomes ours: the lease, the numbers, the recall.
 *
 * The lease is taken first, under a term that nobody had: from then on nobody
 * else writes to the shard, so what is read next is all there is.
 */
#include "store/redis_own.h"

#include "common/log.h"
#include "common/must.h"

#include <stdio.h>

enum {
	RECALLS = 1 << 18, /* as many as a store remembers ids */
	BATCHES = 4096,
	BYTES = 4 << 20,
};

struct recalling {
	struct redis_engine *r;
	const struct redis_taking *t;
	struct shard_state *state;
	size_t room;
	char before[48]; /* id of the journal's entry to go on behind */
	bool more;
};

static void
add(struct recalling *g, const struct redis_entry *e)
{
	struct shard_state *s = g->state;

	if (s->recalled == g->room) {
		g->room = g->room != 0 ? g->room * 2 : 1024;
		s->recall = xrealloc(s->recall, g->room * sizeof(*s->recall));
	}
	s->recall[s->recalled++] = (struct recall){e->mark, e->offset, e->at};
}

static void
reverse(struct shard_state *s, size_t first)
{
	for (size_t i = first, k = s->recalled; i + 1 < k; i++) {
		struct recall other = s->recall[i];

		s->recall[i] = s->recall[--k];
		s->recall[k] = other;
	}
}

/* One batch; they come newest first, what is in one oldest first. */
static void
recall_batch(struct recalling *g, struct slice id, struct slice blob)
{
	struct shard_state *s = g->state;
	size_t first = s->recalled;
	struct redis_entry e;

	while (redis_journal_get(&blob, &e)) {
		add(g, &e);
		if (e.at + RECALL_MS < g->t->unix_ms)
			g->more = false;
	}
	reverse(s, first);
	snprintf(g->before, sizeof(g->before), "(%.*s", SLICE_ARGS(id));
	g->more = g->more && s->recalled < RECALLS;
}

static enum code
recall_page(struct recalling *g)
{
	struct redis_cmd c = {0};
	enum code code = CODE_unavailable;

	redis_begin(g->r, &c, g->t->shard, &g->r->lua.recall);
	redis_keys_of(
	    g->r, &c, g->t->shard, (const char *const[]){"journal", NULL});
	redis_cmd_str(&c, g->before);
	redis_cmd_num(&c, BATCHES);
	redis_cmd_num(&c, BYTES);
	redis_net_run(g->t->net, &c, 1);
	if (!redis_failed(&c)) {
		code = CODE_ok;
		g->more = c.reply->n != 0;
		for (size_t i = 0; g->more && i + 2 < c.reply->n; i += 3)
			recall_batch(g, redis_item(c.reply, i),
			    redis_item(c.reply, i + 2));
	}
	redis_cmd_free(&c);
	return code;
}

/* Newest first, as far back as there is any use; told oldest first. */
static enum code
recall(struct redis_engine *r, const struct redis_taking *t,
    struct shard_state *state)
{
	struct recalling g = {
	    .r = r, .t = t, .state = state, .before = "+", .more = true};
	enum code code = CODE_ok;

	while (g.more && code == CODE_ok)
		code = recall_page(&g);
	reverse(state, 0);
	if (code != CODE_ok) {
		free(state->recall);
		state->recall = NULL;
		state->recalled = 0;
	}
	return code;
}

static void
put_mine(struct redis_engine *r, struct redis_cmd *c, unsigned shard)
{
	struct redis_shard *s = &r->shards[shard];

	pthread_mutex_lock(&r->mutex);
	if (s->epoch != 0) {
		redis_cmd_num(c, s->epoch);
		redis_cmd_num(c, s->batch);
		redis_cmd_num(c, s->term);
	} else {
		redis_cmd_str(c, "");
		redis_cmd_str(c, "");
		redis_cmd_str(c, "");
	}
	pthread_mutex_unlock(&r->mutex);
}

static enum code
read_state(const struct redis_cmd *c, unsigned shard, struct shard_state *out)
{
	char text[LOG_VALUE];

	if (c->outcome != REDIS_DONE)
		return CODE_unavailable;
	if (slice_is(redis_item(c->reply, 0), "taken"))
		return CODE_moved;
	if (!slice_is(redis_item(c->reply, 0), "ok")) {
		log_err("redis_take", "shard=%u why=%s", shard,
		    log_value(text, sizeof(text), redis_text(c)));
		return CODE_internal;
	}
	*out = (struct shard_state){
	    .epoch = redis_item_num(c->reply, 2),
	    .top = redis_item_num(c->reply, 3),
	    .reserved = redis_item_num(c->reply, 4),
	    .floor = redis_item_num(c->reply, 5),
	};
	return CODE_ok;
}

static void
settle(struct redis_engine *r, const struct redis_taking *t,
    const struct redis_cmd *c, const struct shard_state *state)
{
	struct redis_shard *s = &r->shards[t->shard];

	if (slice_is(redis_item(c->reply, 7), "1")) {
		redis_count(&r->counts, epochs);
		log_info("epoch", "shard=%u epoch=%llu", t->shard,
		    (unsigned long long)state->epoch);
	}
	pthread_mutex_lock(&r->mutex);
	s->open = true;
	s->sick = CODE_ok;
	s->released = false;
	s->term = redis_item_num(c->reply, 1);
	s->epoch = state->epoch;
	s->batch = redis_item_num(c->reply, 6);
	snprintf(s->owner, sizeof(s->owner), "%llu %s %s",
	    (unsigned long long)s->term, t->name, r->life);
	pthread_mutex_unlock(&r->mutex);
}

enum code
redis_take(struct redis_engine *r, const struct redis_taking *t,
    struct shard_state *state)
{
	uint64_t now = redis_now();
	struct redis_cmd c = {0};
	enum code code;

	redis_begin(r, &c, t->shard, &r->lua.take);
	redis_keys_of(
	    r, &c, t->shard, (const char *const[]){"owner", "meta", NULL});
	redis_cmd_str(&c, t->name);
	redis_cmd_num(&c, REDIS_LEASE_MS);
	redis_cmd_num(&c, t->unix_ms);
	put_mine(r, &c, t->shard);
	redis_cmd_num(&c, REDIS_AHEAD);
	redis_cmd_str(&c, r->life);
	redis_net_run(t->net, &c, 1);
	code = read_state(&c, t->shard, state);
	if (code == CODE_ok)
		code = recall(r, t, state);
	if (code == CODE_ok) {
		settle(r, t, &c, state);
		r->shards[t->shard].until =
		    now + REDIS_LEASE_MS - REDIS_SURE_MS;
	}
	redis_cmd_free(&c);
	return code;
}
