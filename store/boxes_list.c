/*
 * boxes_list.c - what a box holds, from the engine, behind all that came
 * before.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/boxes_own.h"

static bool
item_of(uint64_t ref, const struct rows_row *r, struct msg *m)
{
	struct slice key = r->key, box;
	struct box_value v;

	if (!slice_cut(&key, '\0', &box) || !box_value_read(r->value, &v))
		return false;
	*m = (struct msg){.id = MSG_item,
	    .item = {
		.ref = ref,
		.key = key,
		.version = v.version,
		.at = v.at,
		.expires = r->expires,
		.type = v.type,
		.body = v.body,
	    }};
	return true;
}

static void
list_end(uint64_t ref, enum code code, bool more, struct msg *m)
{
	*m = (struct msg){.id = MSG_list_end,
	    .list_end = {.ref = ref, .code = code, .more = more}};
}

static enum code
check_list(const struct boxes *all, const struct msg_list *m, unsigned shard)
{
	if (channel_check(m->box) != NULL)
		return CODE_bad_channel;
	return sequence_shard(all->setup.sequence, shard)->owned ? CODE_ok
	                                                         : CODE_moved;
}

/* What the engine has is what there is, unless something waits before us. */
void
boxes_list(struct boxes *all, struct pages_peer *peer, const struct msg_list *m)
{
	unsigned shard =
	    channel_shard(m->box, sequence_shards(all->setup.sequence));
	enum code code = check_list(all, m, shard);
	struct table_entry *e = table_find(all->by_name, m->box);
	struct box *b = e != NULL ? container_of(e, struct box, entry) : NULL;
	char prefix[ROW_KEY], after[ROW_KEY];
	struct walk_setup setup = {
	    .space = SPACE_BOX,
	    .shard = (uint16_t)shard,
	    .prefix = box_key(prefix, m->box, SLICE("")),
	    .after =
		m->after.n != 0 ? box_key(after, m->box, m->after) : SLICE(""),
	    .ref = m->ref,
	    .limit = (unsigned)m->limit,
	    .row = item_of,
	    .end = list_end,
	};
	struct walk *w;

	stats_add(STAT_bus_moved, code == CODE_moved);
	if (code != CODE_ok ||
	    (b != NULL && box_idle(b) && b->dir.count == 0)) {
		pages_refuse(all->setup.pages, peer, &setup, code);
		return;
	}
	if ((w = walk_new(all->setup.pages, peer, &setup)) == NULL)
		return;
	if (b != NULL && b->state != BOX_READY) {
		walk_stand(w, &b->lists);
		return;
	}
	walk_go(w);
}
