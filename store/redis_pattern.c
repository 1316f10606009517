/*
 * redis_pattern.c - the history of a pattern: the journal names what matches,
 * then each message is fetched from its channel.
 *
 * What the journal names and is not there any more is lost.  So is, as far as
 * we can know, something that the journal itself does not reach back to.
 */
#include "store/redis_own.h"

#include "common/channel.h"
#include "common/log.h"
#include "common/must.h"

#include <stdio.h>

enum {
	PAGE = READ_MOST + 1,
	BATCHES = 64,      /* of the journal at once */
	BYTES = 256 << 10, /* and of it */
	LOOK = 16,         /* pages one read may pass */
};

struct wanted {
	uint64_t offset;
	char name[CHANNEL_MAX + 1];
	size_t n;
};

struct search {
	struct redis_engine *r;
	struct read *q;
	uint64_t at;    /* all up to here was looked at */
	uint64_t epoch; /* of the shard */
	size_t bytes;   /* found */
	struct wanted wanted[PAGE];
	unsigned count;
};

static bool
failed(struct search *s, const struct redis_cmd *c)
{
	if (!redis_failed(c))
		return false;
	s->q->code =
	    c->outcome == REDIS_DONE ? CODE_internal : CODE_unavailable;
	if (c->outcome == REDIS_DONE)
		log_err("redis_read", "shard=%u why=\"%.*s\"", s->q->shard,
		    SLICE_ARGS(redis_text(c)));
	return true;
}

/* False: the page is full, and this one has to wait. */
static bool
want(struct search *s, const struct redis_entry *e)
{
	struct wanted *w = &s->wanted[s->count];

	if (e->channel.n == 0 || e->offset <= s->at || e->offset > s->q->upto ||
	    e->channel.n > CHANNEL_MAX ||
	    !channel_match(s->q->channel, e->channel))
		return true;
	if (s->count == PAGE)
		return false;
	w->offset = e->offset;
	w->n = e->channel.n;
	memcpy(w->name, e->channel.p, e->channel.n);
	s->count++;
	return true;
}

/* One batch of the journal, whose id is top-batch. */
static bool
look_at(struct search *s, struct slice id, struct slice blob)
{
	struct redis_entry e;
	struct slice top;
	uint64_t last;

	while (redis_journal_get(&blob, &e)) {
		if (!want(s, &e))
			return false;
		if (e.channel.n != 0 && e.offset > s->at)
			s->at = e.offset;
	}
	if (slice_cut(&id, '-', &top) && slice_num(top, &last) && last > s->at)
		s->at = last;
	return s->at < s->q->upto;
}

/* The next page of what matches.  False: it failed. */
static bool
next_page(struct search *s)
{
	struct redis_cmd c = {0};
	char from[32];
	size_t i = 2;
	bool ok;

	s->count = 0;
	snprintf(from, sizeof(from), "%llu-0", (unsigned long long)s->at + 1);
	redis_begin(s->r, &c, s->q->shard, &s->r->lua.journal);
	redis_keys_of(s->r, &c, s->q->shard,
	    (const char *const[]){"journal", "meta", NULL});
	redis_cmd_str(&c, from);
	redis_cmd_num(&c, BATCHES);
	redis_cmd_num(&c, BYTES);
	redis_net_run(s->r->reader, &c, 1);
	ok = !failed(s, &c);
	if (ok) {
		uint64_t gone = redis_item_num(c.reply, 1);

		s->epoch = redis_item_num(c.reply, 0);
		if (s->at < gone && gone > s->q->lost)
			s->q->lost = gone;
		while (i + 2 < c.reply->n && look_at(s, redis_item(c.reply, i),
						 redis_item(c.reply, i + 2)))
			i += 3;
		if (c.reply->n <= 2)
			s->at = s->q->upto;
	}
	redis_cmd_free(&c);
	return ok;
}

/* How old it may be stands at the end of its head. */
static bool
too_old(struct slice head, uint64_t now)
{
	const char *space = head.n != 0 ? memrchr(head.p, ' ', head.n) : NULL;
	uint64_t by = 0;

	if (space != NULL)
		slice_num(slice_from(head, (size_t)(space - head.p) + 1), &by);
	return by != 0 && by <= now;
}

static struct record *
record_of(struct search *s, const struct wanted *w, const struct redis_cmd *c)
{
	const struct redis_reply *row, *fields;
	struct redis_row in = {
	    .channel = {w->name, w->n},
	    .epoch = s->epoch,
	    .shard = s->q->shard,
	};

	if (c->reply->n != 1 || c->reply->items[0].n != 2)
		return NULL;
	row = &c->reply->items[0];
	fields = &row->items[1];
	in.id = redis_item(row, 0);
	in.head = redis_item(fields, 1);
	in.blob = redis_item(fields, 3);
	return too_old(in.head, s->q->unix_ms) ? NULL : redis_row_get(&in);
}

/* False: no more is wanted. */
static bool
found(struct search *s, const struct wanted *w, struct record *r)
{
	struct read *q = s->q;

	if (r == NULL) {
		if (w->offset > q->lost)
			q->lost = w->offset;
		return true;
	}
	if (q->count == q->most || s->bytes >= q->most_bytes) {
		record_unref(&r);
		q->more = true;
		q->reached = w->offset - 1;
		return false;
	}
	q->found[q->count++] = r;
	s->bytes += record_size(r);
	return true;
}

/* False: that was all that is wanted, or it failed. */
static bool
fetch_page(struct search *s)
{
	struct redis_cmd *cmds = xcalloc(PAGE, sizeof(*cmds));
	bool go_on = true;

	for (unsigned i = 0; i < s->count; i++) {
		const struct wanted *w = &s->wanted[i];
		char id[32];

		snprintf(
		    id, sizeof(id), "%llu-0", (unsigned long long)w->offset);
		cmds[i].slot = s->r->shards[s->q->shard].slot;
		redis_cmd_str(&cmds[i], "XRANGE");
		redis_key_channel(
		    s->r, &cmds[i], s->q->shard, (struct slice){w->name, w->n});
		redis_cmd_str(&cmds[i], id);
		redis_cmd_str(&cmds[i], id);
	}
	redis_net_run(s->r->reader, cmds, s->count);
	for (unsigned i = 0; i < s->count; i++) {
		if (go_on)
			go_on = !failed(s, &cmds[i]) &&
			        found(s, &s->wanted[i],
				    record_of(s, &s->wanted[i], &cmds[i]));
		redis_cmd_free(&cmds[i]);
	}
	free(cmds);
	return go_on;
}

void
redis_read_pattern(struct redis_engine *r, struct read *q)
{
	struct search *s = xcalloc(1, sizeof(*s));
	unsigned pages = 0;

	s->r = r;
	s->q = q;
	s->at = q->after;
	while (next_page(s) && fetch_page(s) && s->at < q->upto)
		if (++pages == LOOK) {
			q->more = true;
			q->reached = s->at;
			break;
		}
	free(s);
}
