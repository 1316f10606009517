/*
 * writes.c - the ways of a write in and out, which all parts share.
 */
#include "store/writes.h"

#include "common/channel.h"
#include "common/must.h"
#include "common/tally.h"

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
	struct answer a = {.code = (uint8_t)code, .shard = w->shard};

	if (code == CODE_ok)
		a = w->answer;
	if (a.state != KEPT_NOT)
		a.state =
		    (uint8_t)publish_kept(w->all->setup.publishing, a.shard);
	tally_write_answered(code);
	if (w->beside.record != NULL)
		publish_beside_answer(w->all->setup.publishing, &w->beside, &a);
	else
		publish_answer(
		    w->all->setup.publishing, w->publisher, w->seq, &a);
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
	struct write *w = container_of(p, struct write, pledge);

	write_end(w, code == CODE_ok ? w->verdict : code);
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
	w->verdict = CODE_ok;
	w->told = false;
	w->beside = (struct beside){.publisher = from, .seq = w->seq};
	if (publish_seen(all->setup.publishing, from, w->seq))
		return false;
	tally_write_taken();
	w->shard = (uint16_t)channel_shard(msg_home(m), sequence_shards(s));
	if (msg_home(m).n == 0)
		code = CODE_missing_field;
	else if (!sequence_shard(s, w->shard)->owned)
		code = CODE_moved;
	else if (!commit_room(publishing_commit(all->setup.publishing)))
		code = CODE_busy;
	if (code != CODE_ok)
		answer(w, code);
	return code == CODE_ok;
}

bool
writes_pending(const struct writes *all, unsigned shard)
{
	return commit_busy(publishing_commit(all->setup.publishing), shard);
}

bool
write_pending(const struct write *w)
{
	return writes_pending(w->all, w->shard);
}

void
writes_behind(struct writes *all, unsigned shard, struct pledge *pledge)
{
	commit_rows(publishing_commit(all->setup.publishing),
	    &(struct rows){.shard = (uint16_t)shard, .pledge = pledge});
}

void
write_refuse(struct write *w, enum code code)
{
	if (!write_pending(w)) {
		write_end(w, code);
		return;
	}
	w->verdict = code;
	writes_behind(w->all, w->shard, &w->pledge);
}

bool
write_can_tell(const struct write *w)
{
	return publish_can_number(w->all->setup.publishing, w->shard);
}

void
write_tell(struct write *w, const struct msg_deliver *m)
{
	w->told =
	    publish_beside(w->all->setup.publishing, &w->beside, m, &w->tell);
	w->answer.offset = w->beside.record->offset;
}

void
write_keep(
    struct write *w, const struct op *ops, size_t count, uint64_t unix_ms)
{
	struct op few[WRITE_OPS + 2];
	struct op *all =
	    count > WRITE_OPS ? xmalloc((count + 2) * sizeof(*all)) : few;
	struct rows r = {.ops = all, .shard = w->shard, .pledge = &w->pledge};

	if (count != 0)
		memcpy(all, ops, count * sizeof(*ops));
	if (w->told)
		all[count++] = w->tell;
	all[count++] = (struct op){.kind = OP_MARK,
	    .mark = {
		.mark = {w->publisher->boot, w->seq, {w->id[0], w->id[1]}},
		.offset = w->answer.offset,
		.at = unix_ms,
		.shard = w->shard,
	    }};
	r.count = count;
	commit_rows(publishing_commit(w->all->setup.publishing), &r);
	if (all != few)
		free(all);
}
