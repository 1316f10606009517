/*
 * attend.c - said once to each life of a link, until it is said to be over.
 *
 * Each attendee remembers the link it was last said on, and which life of it;
 * so a link that ends makes all of that void at once.  A walk over them all
 * says those again for whom it is; it goes on from turn to turn while there
 * is room, and begins anew when another link comes up.
 */
#include "hub/attend.h"

#include "common/buf.h"
#include "common/must.h"
#include "common/stats.h"

struct attendee {
	struct table_entry entry; /* by channel, user, session */
	struct list node;         /* of all, in the order they came */
	struct list attends;      /* who came by it */
	struct body *data;        /* NULL: none */
	uint64_t at;              /* unix ms it came with this data */
	uint64_t boot;            /* of the store that knew it; 0: none did */
	uint32_t life; /* of the link it was said on; 0: it was not */
	uint16_t shard, channel_n, user_n;
	uint8_t link;
	char bytes[]; /* the key */
};

struct attends {
	struct attend_face *face;
	struct table *by_name, *rosters;
	struct list all;     /* struct attendee */
	struct list *at;     /* next of the walk; NULL: none is on */
	struct list unasked; /* struct roster */
	struct list later;   /* struct roster, unasked until the next tick */
	uint64_t ref;
	uint32_t hubs; /* as a store said last */
	bool retry;    /* begin a walk at the next tick */
	struct attend_link {
		uint32_t life;
		bool up, rejoining; /* not all was said again */
	} links[ATTEND_LINKS];
};

enum { KEY_MAX = 255 + 1 + ATTEND_USER_MAX + 1 + ATTEND_SESSION_MAX };

struct attends *
attends_new(struct attend_face *face)
{
	struct attends *a = xcalloc(1, sizeof(*a));

	a->face = face;
	a->by_name = table_new();
	a->rosters = table_new();
	list_init(&a->all);
	list_init(&a->unasked);
	list_init(&a->later);
	return a;
}

void
attends_free(struct attends **ap)
{
	struct attends *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	must(list_empty(&a->all));
	table_free(&a->by_name);
	table_free(&a->rosters);
	free(a);
}

/* A zero byte parts the names: channels and users have none. */
static struct slice
key_of(
    char *room, struct slice channel, struct slice user, struct slice session)
{
	char *at = room;

	memcpy(at, channel.p, channel.n);
	at += channel.n;
	*at++ = '\0';
	memcpy(at, user.p, user.n);
	at += user.n;
	*at++ = '\0';
	memcpy(at, session.p, session.n);
	at += session.n;
	return (struct slice){room, (size_t)(at - room)};
}

static struct attend_who
who_of(const struct attendee *a)
{
	size_t session = a->channel_n + 1u + a->user_n + 1u;
	struct attend_who w = {
	    .channel = {a->bytes, a->channel_n},
	    .user = {a->bytes + a->channel_n + 1, a->user_n},
	    .session = {a->bytes + session, a->entry.key_n - session},
	    .shard = a->shard,
	};

	if (a->data != NULL)
		w.data = (struct slice){a->data->p, a->data->n};
	return w;
}

struct attend_who
attend_who(const struct attend *x)
{
	return who_of(x->attendee);
}

/* The link on which it can be talked about; -1: none now. */
static int
link_of(const struct attends *a, unsigned shard)
{
	int l = a->face->link(a->face, shard);

	return l >= 0 && a->links[l].up ? l : -1;
}

/* It was said on the link as it is now. */
static bool
is_said(const struct attends *a, const struct attendee *x)
{
	return x->life != 0 && a->links[x->link].up &&
	       a->links[x->link].life == x->life &&
	       link_of(a, x->shard) == x->link;
}

static void
say_enter(struct attends *a, struct attendee *x)
{
	int l = link_of(a, x->shard);
	struct attend_who who = who_of(x);
	struct msg m = {.id = MSG_enter,
	    .enter = {
		.channel = who.channel,
		.session = who.session,
		.user = who.user,
		.data = who.data,
		.again = x->boot,
		.at = x->at,
	    }};

	if (l < 0)
		return;
	x->link = (uint8_t)l;
	x->life = a->links[l].life;
	x->boot = a->face->boot(a->face, (unsigned)l);
	a->face->say(a->face, (unsigned)l, &m);
}

static struct attendee *
attendee_new(struct attends *a, struct slice key, const struct attend_who *who)
{
	struct attendee *x = xcalloc(1, sizeof(*x) + key.n);

	memcpy(x->bytes, key.p, key.n);
	x->shard = (uint16_t)who->shard;
	x->channel_n = (uint16_t)who->channel.n;
	x->user_n = (uint16_t)who->user.n;
	list_init(&x->attends);
	list_append(&a->all, &x->node);
	table_insert(a->by_name, &x->entry, (struct slice){x->bytes, key.n});
	stats_add(STAT_attendees, 1);
	return x;
}

static struct attendee *
find(const struct attends *a, struct slice key)
{
	struct table_entry *e = table_find(a->by_name, key);

	return e != NULL ? container_of(e, struct attendee, entry) : NULL;
}

void
attend_enter(struct attends *a, struct attend *by, const struct attend_who *who)
{
	char room[KEY_MAX];
	struct slice key = key_of(room, who->channel, who->user, who->session);
	struct attendee *x = find(a, key);
	bool same = x != NULL && slice_eq(who_of(x).data, who->data);

	if (x == NULL)
		x = attendee_new(a, key, who);
	by->attendee = x;
	list_append(&x->attends, &by->node);
	if (same && is_said(a, x))
		return;
	x->at = a->face->unix_ms(a->face);
	if (!same && x->data != NULL)
		body_unref(&x->data);
	if (!same && who->data.n != 0)
		x->data = body_new(who->data);
	say_enter(a, x);
}

static void
attendee_free(struct attends *a, struct attendee *x)
{
	if (a->at == &x->node)
		a->at = x->node.next;
	list_remove(&x->node);
	table_remove(a->by_name, &x->entry);
	if (x->data != NULL)
		body_unref(&x->data);
	free(x);
	stats_sub(STAT_attendees, 1);
}

void
attend_exit(struct attends *a, struct attend *by, bool linger)
{
	struct attendee *x = by->attendee;
	struct msg m = {.id = MSG_exit, .exit = {.linger = linger}};
	struct attend_who who;

	if (x == NULL)
		return;
	by->attendee = NULL;
	list_remove(&by->node);
	if (!list_empty(&x->attends))
		return;
	who = who_of(x);
	m.exit.channel = who.channel;
	m.exit.session = who.session;
	m.exit.user = who.user;
	if (is_said(a, x))
		a->face->say(a->face, x->link, &m);
	attendee_free(a, x);
}

void
attends_entered(struct attends *a, const struct msg_entered *m)
{
	char room[KEY_MAX];
	struct attendee *x =
	    find(a, key_of(room, m->channel, m->user, m->session));
	struct attend pin;

	if (x == NULL)
		return;
	x->life = 0;
	if (m->code == CODE_moved || m->code == CODE_busy) {
		a->retry = true;
		return;
	}
	/* the last one out would free it under us */
	pin.attendee = x;
	list_append(&x->attends, &pin.node);
	while (x->attends.next != &pin.node) {
		struct list *first = x->attends.next;
		struct attend *by = container_of(first, struct attend, node);

		by->refused(by, (enum code)m->code);
		must(x->attends.next != first);
	}
	attend_exit(a, &pin, false);
}

void
attends_hubs(struct attends *a, const struct msg_hubs *m)
{
	a->hubs = (uint32_t)m->count;
}

static void
walk_begin(struct attends *a)
{
	a->at = a->all.next;
}

static void
link_up(struct attends *a, unsigned link)
{
	struct attend_link *l = &a->links[link];
	struct table_cursor at = {0};
	struct table_entry *e;

	l->life++;
	l->up = l->rejoining = true;
	walk_begin(a);
	while ((e = table_next(a->rosters, &at)) != NULL) {
		struct roster *r = container_of(e, struct roster, entry);

		if (link_of(a, r->shard) != (int)link)
			continue;
		table_remove(a->rosters, e);
		list_append(&a->unasked, &r->node);
	}
}

void
attends_link(struct attends *a, unsigned link, bool up)
{
	must(link < ATTEND_LINKS);
	if (up && !a->links[link].up)
		link_up(a, link);
	a->links[link].up = up;
}

/* All was said: what is not, is not here any more. */
static void
walk_end(struct attends *a)
{
	struct msg m = {.id = MSG_reentered, .reentered = {.hubs = a->hubs}};

	a->at = NULL;
	for (unsigned i = 0; i < ATTEND_LINKS; i++) {
		struct attend_link *l = &a->links[i];

		if (l->up && l->rejoining)
			a->face->say(a->face, i, &m);
		l->rejoining = l->rejoining && !l->up;
	}
}

/* False: a link has no room, and its turn comes later. */
static bool
walk_step(struct attends *a)
{
	struct attendee *x = container_of(a->at, struct attendee, node);
	int l = link_of(a, x->shard);

	if (l >= 0 && !is_said(a, x)) {
		if (!a->face->room(a->face, (unsigned)l))
			return false;
		say_enter(a, x);
	}
	a->at = a->at->next;
	return true;
}

static void
ask(struct attends *a, struct roster *r, unsigned link)
{
	struct msg m = {.id = MSG_roster,
	    .roster = {
		.ref = r->ref,
		.channel = r->channel,
		.after = r->after,
		.limit = r->limit,
		.user = r->user,
	    }};

	table_insert(a->rosters, &r->entry,
	    (struct slice){(const char *)&r->ref, sizeof(r->ref)});
	r->begin(r);
	a->face->say(a->face, link, &m);
}

/* Behind what was said of those who are there: they are in the answer. */
static void
ask_all(struct attends *a)
{
	list_each_safe (at, &a->unasked) {
		struct roster *r = container_of(at, struct roster, node);
		int l = link_of(a, r->shard);

		if (l < 0)
			continue;
		list_remove(&r->node);
		ask(a, r, (unsigned)l);
	}
}

bool
attends_turn(struct attends *a)
{
	unsigned steps = ATTEND_STEPS;

	if (a->at != NULL) {
		while (a->at != &a->all && steps-- != 0)
			if (!walk_step(a))
				return false;
		if (a->at != &a->all)
			return true;
		walk_end(a);
	}
	ask_all(a);
	return false;
}

void
attends_tick(struct attends *a)
{
	struct list *node;

	if (a->retry && a->at == NULL)
		walk_begin(a);
	a->retry = false;
	while ((node = list_shift(&a->later)) != NULL)
		list_append(&a->unasked, node);
}

void
roster_ask(struct attends *a, struct roster *r)
{
	int l = link_of(a, r->shard);

	r->ref = ++a->ref;
	list_init(&r->node);
	if (l >= 0 && a->at == NULL)
		ask(a, r, (unsigned)l);
	else
		list_append(&a->unasked, &r->node);
}

static struct roster *
roster_of(const struct attends *a, uint64_t ref)
{
	struct table_entry *e = table_find(
	    a->rosters, (struct slice){(const char *)&ref, sizeof(ref)});

	return e != NULL ? container_of(e, struct roster, entry) : NULL;
}

void
roster_drop(struct attends *a, struct roster *r)
{
	if (r->ref == 0)
		return;
	if (roster_of(a, r->ref) == r)
		table_remove(a->rosters, &r->entry);
	list_remove(&r->node);
	r->ref = 0;
}

void
attends_present(struct attends *a, const struct msg_present *m)
{
	struct roster *r = roster_of(a, m->ref);

	if (r != NULL)
		r->present(r, m);
}

void
attends_roster_end(struct attends *a, const struct msg_roster_end *m)
{
	struct roster *r = roster_of(a, m->ref);

	if (r == NULL)
		return;
	table_remove(a->rosters, &r->entry);
	if (m->code == CODE_moved || m->code == CODE_busy) {
		list_append(&a->later, &r->node);
		return;
	}
	r->ref = 0;
	r->end(r, m);
}
