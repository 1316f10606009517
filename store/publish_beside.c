/*
 * publish_beside.c - a message that goes along with a write of another kind.
 */
#include "store/publish_own.h"

bool
publish_can_number(struct publishing *p, unsigned shard)
{
	return reserves_left(p->reserves, shard);
}

bool
publish_beside(struct publishing *p, struct beside *b,
    const struct msg_deliver *m, struct op *op)
{
	struct sequence *s = p->setup->sequence;
	uint32_t hash = table_hash(m->channel);
	struct topic *t = sequence_find(s, m->channel, hash);
	struct msg_deliver d = *m;

	if (t == NULL)
		t = sequence_add(s, m->channel, hash);
	d.epoch = sequence_shard(s, t->shard)->epoch;
	d.offset = sequence_next(s, t, &d.prev);
	t->pending++;
	b->topic = t;
	b->record = record_new(&d);
	b->record->hash = hash;
	b->record->shard = t->shard;
	b->record->kept = t->policy->count != 0;
	b->record->at = p->time.unix_ms;
	*op = (struct op){.kind = OP_APPEND,
	    .append = {
		.record = b->record, .policy = t->policy, .home = &t->home}};
	return b->record->kept;
}

void
publish_beside_answer(
    struct publishing *p, struct beside *b, const struct answer *as)
{
	struct msg m = {
	    .id = MSG_deliver, .deliver = record_deliver(b->record)};
	struct fan f = {.deliver = &m, .kept = b->record->kept};
	struct answer a = *as;
	bool full = false;

	b->topic->pending--;
	if (a.code == CODE_ok)
		full = publish_fan_out(p, b->topic, &f, &a);
	else
		sequence_refused(b->topic, b->record->prev);
	record_unref(&b->record);
	if (full)
		publish_withhold(p, b->publisher, b->seq, &a);
	else
		publish_answer(p, b->publisher, b->seq, &a);
}
