/*
 * tracks.c - tracked messages by their name and by their number.
 *
 * Numbers begin at random, so that those of two stores, or of two lives of
 * one, do not meet in a hub.
 */
#include "store/tracks.h"

#include "common/fate.h"
#include "common/hash.h"
#include "common/list.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/table.h"

enum { NAME_MAX_BYTES = 255 + 1 + 255 }; /* application, a zero, id */

/* One life of a hub, while it is linked or something is known by it. */
struct life {
	struct list node; /* of all */
	uint64_t boot;
	struct bus_peer *peer; /* NULL: its link is down */
	uint64_t since;        /* ms: down since */
	unsigned refs;         /* reports that are its */
};

/* Of one hub. */
struct report {
	struct life *life;
	struct msg_fates fates; /* track 0: it told nothing yet */
};

/* All messages of one name, the newest last. */
struct name {
	struct table_entry entry; /* application, a zero, id */
	struct list tracks;
	unsigned count;
	char bytes[];
};

struct track {
	struct table_entry entry; /* the number */
	struct list age, same;    /* of all, oldest first; of its name */
	struct name *name;
	uint64_t number;
	uint64_t epoch, offset, expires;
	uint64_t at, since; /* accepted: unix ms, and ms */
	uint64_t missed;    /* expired in history, once for each who asked */
	struct report *reports;
	unsigned reports_n, room;
	uint16_t shard;
	uint8_t kept;
	uint8_t channel_n;
	char channel[];
};

struct tracks {
	struct tracks_setup setup;
	struct table *names, *numbers;
	struct list age, lives;
	uint64_t next;
};

struct tracks *
tracks_new(const struct tracks_setup *setup)
{
	struct tracks *all = xcalloc(1, sizeof(*all));

	all->setup = *setup;
	all->names = table_new();
	all->numbers = table_new();
	list_init(&all->age);
	list_init(&all->lives);
	all->next = hash_random() >> 1 | 1;
	return all;
}

static void
life_unref(struct life *l)
{
	l->refs--;
	if (l->refs != 0 || l->peer != NULL)
		return;
	list_remove(&l->node);
	free(l);
}

/* Hubs that are there have no use for their numbers any more. */
static void
tell_untrack(struct tracks *all, struct bus_peer *peer, uint64_t number)
{
	struct msg m = {.id = MSG_untrack, .untrack = {.track = number}};

	all->setup.wire->send(all->setup.wire, peer, &m);
}

static void
forget(struct tracks *all, struct track *t, enum stat_id why)
{
	struct name *n = t->name;

	for (unsigned i = 0; i < t->reports_n; i++) {
		struct life *l = t->reports[i].life;

		if (l->peer != NULL)
			tell_untrack(all, l->peer, t->number);
		life_unref(l);
	}
	table_remove(all->numbers, &t->entry);
	list_remove(&t->age);
	list_remove(&t->same);
	if (--n->count == 0) {
		table_remove(all->names, &n->entry);
		free(n);
	}
	free(t->reports);
	free(t);
	stats_sub(STAT_tracks, 1);
	stats_add(why, 1);
}

static struct track *
oldest(const struct tracks *all)
{
	return container_of(all->age.next, struct track, age);
}

void
tracks_free(struct tracks **ap)
{
	struct tracks *all = *ap;
	struct list *at;

	*ap = NULL;
	if (all == NULL)
		return;
	list_each (l, &all->lives)
		container_of(l, struct life, node)->peer = NULL;
	while (!list_empty(&all->age))
		forget(all, oldest(all), STAT_tracks_old);
	while ((at = list_shift(&all->lives)) != NULL)
		free(container_of(at, struct life, node));
	table_free(&all->names);
	table_free(&all->numbers);
	free(all);
}

/* The application of a channel: its first segment. */
static struct slice
app_of(struct slice channel)
{
	struct slice rest = slice_from(channel, 1), app = rest;

	slice_cut(&rest, '/', &app);
	return app;
}

static struct slice
name_key(char room[NAME_MAX_BYTES], struct slice app, struct slice id)
{
	must(app.n + 1 + id.n <= NAME_MAX_BYTES);
	memcpy(room, app.p, app.n);
	room[app.n] = '\0';
	memcpy(room + app.n + 1, id.p, id.n);
	return (struct slice){room, app.n + 1 + id.n};
}

static struct name *
name_find(const struct tracks *all, struct slice key)
{
	struct table_entry *e = table_find(all->names, key);

	return e != NULL ? container_of(e, struct name, entry) : NULL;
}

static struct name *
name_get(struct tracks *all, struct slice channel, struct slice id)
{
	char room[NAME_MAX_BYTES];
	struct slice key = name_key(room, app_of(channel), id);
	struct name *n = name_find(all, key);

	if (n != NULL)
		return n;
	n = xcalloc(1, sizeof(*n) + key.n);
	memcpy(n->bytes, key.p, key.n);
	list_init(&n->tracks);
	table_insert(all->names, &n->entry, (struct slice){n->bytes, key.n});
	return n;
}

static struct slice
channel_of(const struct track *t)
{
	return (struct slice){t->channel, t->channel_n};
}

static struct track *
on_channel(const struct name *n, struct slice channel)
{
	list_each (at, &n->tracks) {
		struct track *t = container_of(at, struct track, same);

		if (slice_eq(channel_of(t), channel))
			return t;
	}
	return NULL;
}

static struct track *
of_number(const struct tracks *all, uint64_t number)
{
	struct table_entry *e = table_find(all->numbers,
	    (struct slice){(const char *)&number, sizeof(number)});

	return e != NULL ? container_of(e, struct track, entry) : NULL;
}

static void
make_room(struct tracks *all, struct slice channel, struct slice id)
{
	char room[NAME_MAX_BYTES];
	struct name *n = name_find(all, name_key(room, app_of(channel), id));
	struct track *t = n != NULL ? on_channel(n, channel) : NULL;

	if (t == NULL && n != NULL && n->count == TRACKS_SAME)
		t = container_of(n->tracks.next, struct track, same);
	if (t != NULL)
		forget(all, t, STAT_tracks_replaced);
	if (table_count(all->numbers) >= all->setup.most)
		forget(all, oldest(all), STAT_tracks_full);
}

uint64_t
tracks_begin(struct tracks *all, const struct track_new *new)
{
	const struct msg_deliver *m = new->message;
	struct track *t;

	if (all->setup.most == 0)
		return 0;
	make_room(all, m->channel, m->id);
	t = xcalloc(1, sizeof(*t) + m->channel.n);
	t->number = all->next++;
	t->epoch = m->epoch;
	t->offset = m->offset;
	t->expires = m->expires;
	t->at = new->unix_ms;
	t->since = new->now_ms;
	t->shard = (uint16_t) new->shard;
	t->kept = (uint8_t) new->kept;
	t->channel_n = (uint8_t)m->channel.n;
	memcpy(t->channel, m->channel.p, m->channel.n);
	t->name = name_get(all, m->channel, m->id);
	t->name->count++;
	list_append(&t->name->tracks, &t->same);
	list_append(&all->age, &t->age);
	table_insert(all->numbers, &t->entry,
	    (struct slice){(const char *)&t->number, sizeof(t->number)});
	stats_add(STAT_tracks, 1);
	stats_add(STAT_tracks_begun, 1);
	return t->number;
}

static struct life *
life_find(struct tracks *all, uint64_t boot)
{
	list_each (at, &all->lives) {
		struct life *l = container_of(at, struct life, node);

		if (l->boot == boot)
			return l;
	}
	return NULL;
}

static struct life *
life_get(struct tracks *all, struct bus_peer *peer)
{
	struct life *l = life_find(all, peer->boot);

	if (l != NULL)
		return l;
	l = xcalloc(1, sizeof(*l));
	l->boot = peer->boot;
	l->peer = peer;
	list_append(&all->lives, &l->node);
	return l;
}

/* NULL: there are too many. */
static struct report *
report_of(struct tracks *all, struct track *t, struct bus_peer *peer)
{
	struct report *r;

	for (unsigned i = 0; i < t->reports_n; i++)
		if (t->reports[i].life->boot == peer->boot)
			return &t->reports[i];
	if (t->reports_n == TRACKS_HUBS) {
		stats_add(STAT_drop_overflow, 1);
		return NULL;
	}
	if (t->reports_n == t->room) {
		t->room = t->room != 0 ? t->room * 2 : 1;
		t->reports =
		    xrealloc(t->reports, t->room * sizeof(t->reports[0]));
	}
	r = &t->reports[t->reports_n++];
	*r = (struct report){.life = life_get(all, peer)};
	r->life->refs++;
	return r;
}

void
tracks_sent(struct tracks *all, uint64_t number, struct bus_peer *peer)
{
	struct track *t = of_number(all, number);

	if (t != NULL)
		report_of(all, t, peer);
}

static struct track *
of_record(const struct tracks *all, const struct record *r)
{
	char room[NAME_MAX_BYTES];
	struct name *n;
	struct track *t;

	if (table_count(all->numbers) == 0 || r->id.n == 0)
		return NULL;
	n = name_find(all, name_key(room, app_of(r->channel), r->id));
	t = n != NULL ? on_channel(n, r->channel) : NULL;
	return t != NULL && t->epoch == r->epoch && t->offset == r->offset
	           ? t
	           : NULL;
}

uint64_t
tracks_replay(struct tracks *all, const struct record *r, struct bus_peer *peer)
{
	struct track *t = of_record(all, r);

	return t != NULL && report_of(all, t, peer) != NULL ? t->number : 0;
}

void
tracks_expired(struct tracks *all, const struct record *r)
{
	struct track *t = of_record(all, r);

	if (t != NULL)
		t->missed++;
}

void
tracks_came(struct tracks *all, struct bus_peer *peer)
{
	struct life *l = life_find(all, peer->boot);

	if (l != NULL)
		l->peer = peer;
}

void
tracks_gone(struct tracks *all, const struct bus_peer *peer, uint64_t now)
{
	struct life *l = life_find(all, peer->boot);

	if (l == NULL || l->peer != peer)
		return;
	l->peer = NULL;
	l->since = now;
	l->refs++;
	life_unref(l);
}

/* What it tells of a message we do not know, or no more, it may forget. */
void
tracks_fates(
    struct tracks *all, struct bus_peer *peer, const struct msg_fates *m)
{
	struct track *t = of_number(all, m->track);
	struct report *r;

	stats_add(STAT_fates_told, 1);
	if (t == NULL)
		tell_untrack(all, peer, m->track);
	else if ((r = report_of(all, t, peer)) != NULL)
		r->fates = *m;
}

static void
add_report(struct msg_message_is *m, const struct report *r, uint64_t now)
{
	struct msg_fates fates = r->fates;
	bool lost =
	    r->life->peer == NULL && now - r->life->since >= TRACKS_LOST_MS;

	m->sent++;
	m->told += fates.track != 0;
	m->lost += lost;
	m->recipients += fates.recipients;
	for (unsigned i = 0; i < FATES_OF_HUBS; i++)
		*message_is_at(m, (enum fate)i) += *fates_at(&fates, i);
	if (lost)
		m->hub_lost += fates_pending(&fates);
}

static void
tell(struct tracks *all, struct bus_peer *peer, const struct track *t,
    struct msg_message_is *m)
{
	struct msg is = {.id = MSG_message_is};

	m->channel = channel_of(t);
	m->epoch = t->epoch;
	m->offset = t->offset;
	m->at = t->at;
	m->expires = t->expires;
	m->kept = t->kept;
	m->recipients += t->missed;
	m->expired += t->missed;
	is.message_is = *m;
	all->setup.wire->send(all->setup.wire, peer, &is);
}

void
tracks_ask(struct tracks *all, struct bus_peer *peer,
    const struct msg_message *m, uint64_t now)
{
	struct msg end = {
	    .id = MSG_message_end, .message_end = {.ref = m->ref}};
	char room[NAME_MAX_BYTES];
	struct name *n = name_find(all, name_key(room, m->app, m->id));
	struct list *at = n != NULL ? n->tracks.prev : NULL;

	for (; n != NULL && at != &n->tracks; at = at->prev) {
		struct track *t = container_of(at, struct track, same);
		struct msg_message_is is = {.ref = m->ref};

		if (m->channel.n != 0 && !slice_eq(m->channel, channel_of(t)))
			continue;
		for (unsigned i = 0; i < t->reports_n; i++)
			add_report(&is, &t->reports[i], now);
		tell(all, peer, t, &is);
	}
	all->setup.wire->send(all->setup.wire, peer, &end);
}

void
tracks_leave(struct tracks *all, unsigned shard)
{
	list_each_safe (at, &all->age) {
		struct track *t = container_of(at, struct track, age);

		if (t->shard == shard)
			forget(all, t, STAT_tracks_left);
	}
}

void
tracks_tick(struct tracks *all, uint64_t now)
{
	while (!list_empty(&all->age) &&
	       now - oldest(all)->since >= all->setup.keep_ms)
		forget(all, oldest(all), STAT_tracks_old);
}
