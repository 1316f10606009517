/*
 * redis_write.c - a batch becomes one script per shard, all sent at once.
 *
 *	ok ------- the batch's number is the shard's now
 *	moved ---- the lease is another's; nothing was written
 *	lost ----- Redis does not have the batch before: nothing was written
 *	not sent - nothing was written.  What is published next may be, so all
 *	           of it goes back to the publishers, who keep it in order
 *	           until the shard was taken anew
 *	no answer, though sent: it may be written, now or later.  So nothing
 *	           more is written before the shard was taken anew, under a
 *	           higher term: then what comes late is refused, and what came
 *	           is found in the journal
 */
#include "store/redis_own.h"

#include "common/log.h"
#include "common/must.h"

enum { WORDS = 1000000 }; /* of one command; Redis takes 1,048,576 */

struct part {
	unsigned shard;
	uint64_t batch;  /* its number */
	struct op **ops; /* borrowed; in the order of offsets */
	size_t n;
	struct op_append **appends; /* of a channel side by side */
	size_t count, groups;
	struct buf blob;
};

static int
by_channel(const void *va, const void *vb)
{
	const struct record *a = (*(struct op_append *const *)va)->record,
			    *b = (*(struct op_append *const *)vb)->record;
	int order = (a->hash > b->hash) - (a->hash < b->hash);

	if (order == 0)
		order = slice_order(a->channel, b->channel);
	return order != 0 ? order
	                  : (a->offset > b->offset) - (a->offset < b->offset);
}

static bool
same(const struct op_append *a, const struct op_append *b)
{
	return slice_eq(a->record->channel, b->record->channel);
}

static void
sort_appends(struct part *p)
{
	p->appends = xmalloc(p->n * sizeof(*p->appends));
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i]->kind == OP_APPEND)
			p->appends[p->count++] = &p->ops[i]->append;
	qsort(p->appends, p->count, sizeof(*p->appends), by_channel);
	for (size_t i = 0; i < p->count; i++)
		p->groups += i == 0 || !same(p->appends[i - 1], p->appends[i]);
}

/* What stands before the ops: see redis_lua.h. */
struct sums {
	uint64_t first, top, reserved;
	struct buf journal;
};

static void
sum_op(struct sums *s, const struct op *op)
{
	struct redis_entry e = {.offset = 0};

	if (op->kind == OP_RESERVE && op->reserve.upto > s->reserved)
		s->reserved = op->reserve.upto;
	if (op->kind == OP_APPEND) {
		const struct record *r = op->append.record;

		s->first = s->first != 0 ? s->first : r->offset;
		s->top = r->offset;
		e = (struct redis_entry){
		    r->channel, r->offset, r->at, op->append.mark};
		redis_journal_put(&s->journal, &e);
	}
	if (op->kind == OP_MARK) {
		e = (struct redis_entry){.offset = op->mark.offset,
		    .at = op->mark.at,
		    .mark = op->mark.mark};
		redis_journal_put(&s->journal, &e);
	}
}

static void
word_or_none(struct redis_cmd *c, uint64_t n)
{
	if (n != 0)
		redis_cmd_num(c, n);
	else
		redis_cmd_str(c, "");
}

static void
put_sums(struct redis_cmd *c, const struct part *p)
{
	struct sums s = {.first = 0};

	for (size_t i = 0; i < p->n; i++)
		sum_op(&s, p->ops[i]);
	word_or_none(c, s.top);
	word_or_none(c, s.reserved);
	redis_cmd_word(c, buf_slice(&s.journal));
	redis_cmd_num(c, redis_wall());
	word_or_none(c, s.first);
	buf_free(&s.journal);
}

static void
put_append(struct redis_cmd *c, struct part *p, const struct op_append *a)
{
	const struct record *r = a->record;
	struct buf *b = &p->blob;

	buf_clear(b);
	buf_num(b, r->offset);
	buf_chr(b, ' ');
	if (r->prev != PREV_UNKNOWN)
		buf_num(b, r->prev);
	buf_chr(b, ' ');
	buf_num(b, record_size(r));
	buf_chr(b, ' ');
	buf_num(b, r->at);
	redis_cmd_word(c, buf_slice(b));
	buf_clear(b);
	redis_row_put(b, r);
	redis_cmd_word(c, buf_slice(b));
}

static void
put_appends(struct redis_cmd *c, struct part *p)
{
	for (size_t from = 0, to; from < p->count; from = to) {
		const struct policy *policy;

		for (to = from + 1;
		     to < p->count && same(p->appends[from], p->appends[to]);
		     to++)
			;
		policy = p->appends[to - 1]->policy;
		redis_cmd_str(c, "c");
		redis_cmd_num(c, policy->count);
		redis_cmd_num(c, policy->age_ms);
		redis_cmd_num(c, policy->bytes);
		redis_cmd_num(c, to - from);
		for (size_t i = from; i < to; i++)
			put_append(c, p, p->appends[i]);
	}
}

static void
put_row(struct redis_cmd *c, const struct op *op)
{
	redis_cmd_str(c, op->kind == OP_PUT ? "p" : "d");
	redis_cmd_num(c, op->row.space);
	redis_cmd_word(c, op->row.key);
	if (op->kind == OP_DELETE)
		return;
	redis_cmd_word(c, op->row.value);
	redis_cmd_num(c, op->row.expires);
}

/* A Redis that is full may still be told what goes. */
static bool
only_takes(const struct part *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i]->kind == OP_APPEND || p->ops[i]->kind == OP_PUT)
			return false;
	return true;
}

/* Its shard is ours and well, as far as we know. */
static enum code
stand(struct redis_engine *r, struct part *p, char owner[REDIS_OWNER])
{
	struct redis_shard *s = &r->shards[p->shard];
	enum code code;

	pthread_mutex_lock(&r->mutex);
	memcpy(owner, s->owner, REDIS_OWNER);
	p->batch = s->batch + 1;
	code = s->open ? s->sick : CODE_moved;
	pthread_mutex_unlock(&r->mutex);
	return code;
}

static enum code
put_part(struct redis_engine *r, struct redis_cmd *c, struct part *p)
{
	char owner[REDIS_OWNER];
	enum code code = stand(r, p, owner);

	if (code != CODE_ok)
		return code;
	sort_appends(p);
	redis_begin(r, c, p->shard, &r->lua.write);
	redis_keys(r, c, p->shard, p->groups);
	for (size_t i = 0; i < p->count; i++)
		if (i == 0 || !same(p->appends[i - 1], p->appends[i]))
			redis_key_channel(
			    r, c, p->shard, p->appends[i]->record->channel);
	redis_cmd_str(c, owner);
	redis_cmd_num(c, p->batch);
	redis_cmd_num(c, p->batch - 1);
	redis_cmd_num(c, REDIS_LEASE_MS);
	put_sums(c, p);
	redis_cmd_str(c, only_takes(p) ? "1" : "");
	put_appends(c, p);
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i]->kind == OP_PUT || p->ops[i]->kind == OP_DELETE)
			put_row(c, p->ops[i]);
	return c->words < WORDS ? CODE_ok : CODE_too_large;
}

static void
fill_prevs(const struct part *p, struct slice prevs)
{
	for (size_t i = 0; i < p->count; i++) {
		struct record *r = p->appends[i]->record;
		struct slice word;
		uint64_t prev;

		if (r->prev != PREV_UNKNOWN)
			continue;
		if (slice_cut(&prevs, ' ', &word) && slice_num(word, &prev))
			r->prev = prev;
		else
			r->prev = 0;
	}
}

void
redis_fall_sick(struct redis_engine *r, unsigned shard, enum code code)
{
	pthread_mutex_lock(&r->mutex);
	r->shards[shard].sick = code;
	redis_keeper_poke(r);
	pthread_mutex_unlock(&r->mutex);
}

/* An error of Redis, or an answer that is none of ours. */
static enum code
judge_error(struct redis_engine *r, const struct part *p, struct slice why)
{
	char text[LOG_VALUE];

	log_err("redis_write", "shard=%u why=%s", p->shard,
	    log_value(text, sizeof(text), why));
	if (slice_starts(why, SLICE("OOM"))) {
		engine_was_full(&r->face, p->shard);
		return CODE_full;
	}
	redis_fall_sick(r, p->shard, CODE_moved);
	return CODE_moved;
}

static enum code
judge(struct redis_engine *r, const struct part *p, const struct redis_cmd *c)
{
	struct slice said = redis_item(c->reply, 0);

	if (c->outcome == REDIS_NOT && r->keeper == NULL)
		return CODE_unavailable;
	if (c->outcome == REDIS_NOT) {
		redis_fall_sick(r, p->shard, CODE_moved);
		return CODE_moved;
	}
	if (c->outcome == REDIS_UNKNOWN) {
		redis_count(&r->counts, doubts);
		redis_fall_sick(r, p->shard, CODE_moved);
		return CODE_moved;
	}
	if (slice_is(said, "moved") || slice_is(said, "lost")) {
		redis_fall_sick(r, p->shard, CODE_moved);
		return CODE_moved;
	}
	if (!slice_is(said, "ok"))
		return judge_error(r, p, said.n != 0 ? said : redis_text(c));
	pthread_mutex_lock(&r->mutex);
	r->shards[p->shard].batch = p->batch;
	pthread_mutex_unlock(&r->mutex);
	fill_prevs(p, redis_item(c->reply, 1));
	return CODE_ok;
}

static uint8_t
kept(const struct redis_cmd *c)
{
	int64_t n = c->replicas + KEPT_REPLICAS - 1;

	if (c->replicas <= 0)
		return KEPT_NOT;
	return (uint8_t)(n < KEPT_REPLICAS_MOST ? n : KEPT_REPLICAS_MOST);
}

/* The ops of each shard, side by side in `ops`; how many shards have any. */
static unsigned
divide(struct redis_engine *r, const struct batch *b, struct part *parts,
    struct op **ops)
{
	size_t *at = xcalloc(r->setup.shards + 1, sizeof(*at));
	unsigned n = 0;

	for (size_t i = 0; i < b->count; i++)
		at[op_shard(&b->ops[i]) + 1]++;
	for (unsigned s = 0; s < r->setup.shards; s++) {
		if (at[s + 1] != 0)
			parts[n++] = (struct part){
			    .shard = s, .ops = ops + at[s], .n = at[s + 1]};
		at[s + 1] += at[s];
	}
	for (size_t i = 0; i < b->count; i++)
		ops[at[op_shard(&b->ops[i])]++] = &b->ops[i];
	free(at);
	return n;
}

static void
part_free(struct part *p)
{
	free(p->appends);
	buf_free(&p->blob);
}

void
redis_write(struct engine *e, struct batch *b)
{
	struct redis_engine *r = redis_of(e);
	struct part *parts = xcalloc(r->setup.shards, sizeof(*parts));
	struct redis_cmd *cmds = xcalloc(r->setup.shards, sizeof(*cmds));
	struct op **ops = xmalloc(b->count * sizeof(*ops));
	unsigned n = divide(r, b, parts, ops), sent = 0;

	for (unsigned i = 0; i < n; i++) {
		struct part p = parts[i];
		enum code code = put_part(r, &cmds[sent], &p);

		b->codes[p.shard] = code;
		if (code == CODE_ok) {
			parts[sent++] = p;
			continue;
		}
		redis_cmd_free(&cmds[sent]);
		part_free(&p);
	}
	redis_net_run(r->writer, cmds, sent);
	for (unsigned i = 0; i < sent; i++) {
		b->codes[parts[i].shard] = judge(r, &parts[i], &cmds[i]);
		b->kept[parts[i].shard] = kept(&cmds[i]);
		redis_cmd_free(&cmds[i]);
		part_free(&parts[i]);
	}
	free(parts);
	free(cmds);
	free(ops);
}
