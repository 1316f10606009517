/*
 * watch.c - copies to taps.
 */
#include "store/watch.h"

#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"

struct watch_row {
	struct list node;
	enum msg_id frame;
	bool pattern;
	struct slice channel; /* empty: all */
	char bytes[];
};

struct watches {
	struct wire *wire;
	struct list peers; /* struct watch_peer */
};

struct watches *
watches_new(struct wire *wire)
{
	struct watches *w = xcalloc(1, sizeof(*w));

	w->wire = wire;
	list_init(&w->peers);
	return w;
}

void
watches_free(struct watches **wp)
{
	free(*wp);
	*wp = NULL;
}

void
watch_peer_init(struct watch_peer *p, struct bus_peer *peer)
{
	*p = (struct watch_peer){.peer = peer};
	list_init(&p->all);
	list_init(&p->own);
}

void
watch_peer_gone(struct watch_peer *p)
{
	struct list *node;

	while ((node = list_shift(&p->own)) != NULL)
		free(container_of(node, struct watch_row, node));
	list_remove(&p->all);
	p->count = 0;
}

bool
watches_add(struct watches *w, struct watch_peer *p, const struct msg_watch *m)
{
	enum msg_id frame = msg_by_name(m->frame);
	struct watch_row *row;

	if (p->count == WATCHES_MOST ||
	    (frame != MSG_publish && frame != MSG_deliver))
		return false;
	if (m->channel.n != 0 && channel_check(m->channel) != NULL &&
	    channel_pattern_check(m->channel) != NULL)
		return false;
	row = xmalloc(sizeof(*row) + m->channel.n);
	row->frame = frame;
	row->pattern = channel_is_pattern(m->channel);
	row->channel = (struct slice){row->bytes, m->channel.n};
	if (m->channel.n != 0)
		memcpy(row->bytes, m->channel.p, m->channel.n);
	list_append(&p->own, &row->node);
	if (p->count++ == 0)
		list_append(&w->peers, &p->all);
	return true;
}

bool
watches_any(const struct watches *w)
{
	return !list_empty(&w->peers);
}

static bool
wants(const struct watch_peer *p, enum msg_id frame, struct slice channel)
{
	list_each (at, &p->own) {
		const struct watch_row *row =
		    container_of(at, struct watch_row, node);

		if (row->frame == frame &&
		    (row->channel.n == 0 ||
			(row->pattern ? channel_match(row->channel, channel)
				      : slice_eq(row->channel, channel))))
			return true;
	}
	return false;
}

static void
copy(struct watches *w, const struct msg *m, struct slice channel)
{
	list_each_safe (at, &w->peers) {
		struct watch_peer *p = container_of(at, struct watch_peer, all);

		if (!wants(p, m->id, channel))
			continue;
		if (bus_server_room(p->peer)) {
			stats_add(STAT_watch_copies, 1);
			w->wire->send(w->wire, p->peer, m);
		} else {
			stats_add(STAT_watch_drops, 1);
		}
	}
}

void
watches_copy(struct watches *w, const struct msg *deliver)
{
	const struct msg_deliver *d = &deliver->deliver;
	struct msg m = {.id = MSG_publish,
	    .publish = {
		.seq = d->offset,
		.channel = d->channel,
		.type = d->type,
		.body = d->body,
		.id = d->id,
		.expires = d->expires,
		.filter = d->filter,
		.envelope = d->envelope,
	    }};

	copy(w, &m, d->channel);
	copy(w, deliver, d->channel);
}
