/*
 * redis_read.c - the history of a channel, and rows, on the reader's thread.
 */
#include "store/redis_own.h"

#include "common/log.h"
#include "common/must.h"

#include <stdio.h>

static void
put_place(struct redis_cmd *c, uint64_t offset)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu-0", (unsigned long long)offset);
	redis_cmd_str(c, offset != UINT64_MAX ? text : "+");
}

static enum code
code_of(const struct redis_cmd *c, unsigned shard)
{
	char text[LOG_VALUE];

	if (c->outcome != REDIS_DONE)
		return CODE_unavailable;
	if (c->reply->kind == REDIS_IS_ARRAY)
		return CODE_ok;
	log_err("redis_read", "shard=%u why=%s", shard,
	    log_value(text, sizeof(text), redis_text(c)));
	return CODE_internal;
}

static void
take_rows(struct read *q, const struct redis_reply *a)
{
	for (size_t i = 3; i + 2 < a->n && q->count < READ_MOST; i += 3) {
		struct redis_row row = {
		    .channel = q->channel,
		    .id = redis_item(a, i),
		    .head = redis_item(a, i + 1),
		    .blob = redis_item(a, i + 2),
		    .epoch = redis_item_num(a, 0),
		    .shard = q->shard,
		};
		struct record *r = redis_row_get(&row);

		if (r == NULL) {
			q->code = CODE_internal;
			return;
		}
		q->found[q->count++] = r;
	}
}

static void
read_channel(struct redis_engine *r, struct read *q)
{
	struct redis_cmd c = {0};
	uint64_t more, lost;

	redis_begin(r, &c, q->shard, &r->lua.read);
	redis_cmd_num(&c, 2);
	redis_key_channel(r, &c, q->shard, q->channel);
	redis_key(r, &c, q->shard, "meta");
	put_place(&c, q->after + 1);
	put_place(&c, q->upto);
	redis_cmd_num(&c, q->most);
	redis_cmd_num(&c, q->most_bytes < 1 << 30 ? q->most_bytes : 1 << 30);
	redis_cmd_num(&c, q->unix_ms);
	redis_net_run(r->reader, &c, 1);
	q->code = code_of(&c, q->shard);
	if (q->code == CODE_ok) {
		more = redis_item_num(c.reply, 1);
		lost = redis_item_num(c.reply, 2);
		q->lost = lost > q->after ? lost : 0;
		q->more = more != 0;
		if (q->more)
			q->reached = more - 1;
		take_rows(q, c.reply);
	}
	redis_cmd_free(&c);
}

void
redis_read(struct engine *e, struct read *q)
{
	struct redis_engine *r = redis_of(e);

	if (!read_begin(q))
		return;
	if (q->pattern)
		redis_read_pattern(r, q);
	else
		read_channel(r, q);
	read_end(q);
}

/* A key behind which ZRANGEBYLEX begins. */
static void
put_from(struct redis_cmd *c, const struct scan *q)
{
	char key[ROW_KEY + 1];
	struct slice from = q->after.n != 0 ? q->after : q->prefix;

	must(from.n <= ROW_KEY);
	key[0] = q->after.n != 0 ? '(' : '[';
	memcpy(key + 1, from.p != NULL ? from.p : "", from.n);
	redis_cmd_word(c, (struct slice){key, from.n + 1});
}

void
redis_scan(struct engine *e, struct scan *q)
{
	struct redis_engine *r = redis_of(e);
	struct redis_cmd c = {0};

	scan_begin(q);
	redis_begin(r, &c, q->shard, &r->lua.scan);
	redis_keys_rows(r, &c, q->shard, q->space);
	put_from(&c, q);
	redis_cmd_num(&c, q->most);
	redis_cmd_num(&c, q->most_bytes < 1 << 24 ? q->most_bytes : 1 << 24);
	redis_cmd_num(&c, q->unix_ms);
	redis_cmd_word(&c, q->prefix);
	redis_net_run(r->reader, &c, 1);
	q->code = code_of(&c, q->shard);
	if (q->code == CODE_ok) {
		q->more = slice_is(redis_item(c.reply, 0), "1");
		for (size_t i = 1; i + 2 < c.reply->n; i += 3) {
			q->found(q, redis_item(c.reply, i),
			    redis_item(c.reply, i + 1),
			    redis_item_num(c.reply, i + 2));
			q->count++;
		}
	}
	redis_cmd_free(&c);
}
