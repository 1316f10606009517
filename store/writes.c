/*
 * writes.c - the ways of a write in and out, which all parts share.
 */
#include "store/writes.h"

#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"

struct writes {
	struct writes_setup setup;
};

struct writes *
writes_new(const struct writes_setup *setup)
{
	struct writes *all = xcalloc(1, sizeof(*all));

	all->setup = *setup;
	return all;
}

void
writes_free(struct writes **ap)
{
	free(*ap);
	*ap = NULL;
}

static void
answer(struct write *w, enum code code)
{
	struct answer a = {.code = (uint8_t)code};

	if (code == CODE_ok)
		a = w->answer;
	stats_add(code == CODE_ok     ? STAT_writes_accepted
		  : code == CODE_busy ? STAT_writes_busy
				      : STAT_writes_refused,
	    1);
	publish_answer(w->all->setup.publishing, w->publisher, w->seq, &a);
}

void
write_end(struct write *w, enum code code)
{
	answer(w, code);
	if (w->answered != NULL)
		w->answered(w, code);
}

static void
settled(struct pledge *p, enum code code)
{
	write_end(container_of(p, struct write, pledge), code);
}

/* A refusal in here is before the part knows of it. */
bool
write_begin(struct write *w, struct writes *all, struct publisher *from,
    const struct msg *m)
{
	struct sequence *s = all->setup.sequence;
	enum code code = CODE_ok;

	w->all = all;
	w->publisher = from;
	w->seq = m->publish.seq;
	w->pledge.settled = settled;
	if (publish_seen(all->setup.publishing, from, w->seq))
		return false;
	w->shard = (uint16_t)channel_shard(msg_home(m), sequence_shards(s));
	if (msg_home(m).n == 0)
		code = CODE_missing_field;
	else if (!sequence_shard(s, w->shard)->owned)
		code = CODE_moved;
	else if (!commit_room(publishing_commit(all->setup.publishing)))
		code = CODE_busy;
	stats_add(STAT_bus_moved, code == CODE_moved);
	if (code != CODE_ok)
		answer(w, code);
	return code == CODE_ok;
}

void
write_keep(
    struct write *w, const struct op *ops, size_t count, uint64_t unix_ms)
{
	struct op all[WRITE_OPS];
	struct rows r = {
	    .ops = all,
	    .count = count + 1,
	    .shard = w->shard,
	    .pledge = &w->pledge,
	};

	must(count < WRITE_OPS);
	if (count != 0)
		memcpy(all, ops, count * sizeof(*ops));
	all[count] = (struct op){.kind = OP_MARK,
	    .mark = {
		.mark = {w->publisher->boot, w->seq, {w->id[0], w->id[1]}},
		.offset = w->answer.offset,
		.at = unix_ms,
		.shard = w->shard,
	    }};
	commit_rows(publishing_commit(w->all->setup.publishing), &r);
}
