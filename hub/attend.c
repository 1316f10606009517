/*
 * attend.c - said once to each life of a link, until it is said to be over.
 *
 * Each attendee remembers the link it was last said on, and which life of it;
 * so a link that ends makes all of that void at once, and so does a shard that
 * moves.  A walk over them all
 * says those again for whom it is; it goes on from turn to turn while there
 * is room, and begins anew when another link comes up.
 */
#include "hub/attend_own.h"

#include "common/buf.h"
#include "common/must.h"
#include "common/stats.h"

enum { KEY_MAX = 255 + 1 + ATTEND_USER_MAX + 1 + ATTEND_SESSION_MAX };

struct attends *
attends_new(struct attend_face *face)
{
	struct attends *a = xcalloc(1, sizeof(*a));

	a->face = face;
	a->ticks = 1;
	list_init(&a->parted);
	a->by_name = table_new();
	a->rosters = table_new();
	list_init(&a->all);
	list_init(&a->unasked);
	list_init(&a->later);
	return a;
}

static void
attendee_free(struct attends *a, struct attendee *x)
{
	if (a->at == &x->node)
		a->at = x->node.next;
	a->nparted -= x->gone != 0;
	stats_sub(STAT_attendees, x->gone == 0);
	list_remove(&x->parting);
	list_remove(&x->node);
	table_remove(a->by_name, &x->entry);
	if (x->data != NULL)
		body_unref(&x->data);
	free(x);
}

void
attends_free(struct attends **ap)
{
	struct attends *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	while (!list_empty(&a->parted))
		attendee_free(
		    a, container_of(a->parted.next, struct attendee, parting));
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

/* It was said on the link as it is now. */
static bool
is_said(const struct attends *a, const struct attendee *x)
{
	return x->life != 0 && a->links[x->link].up &&
	       a->links[x->link].life == x->life &&
	       a->moves[x->shard] == x->moves &&
	       attend_link_of(a, x->shard) == x->link;
}

static void
say_enter(struct attends *a, struct attendee *x)
{
	int l = attend_link_of(a, x->shard);
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
	x->moves = a->moves[x->shard];
	x->before = x->boot;
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
	list_init(&x->parting);
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

/* Who went lately is here again, and has to be said. */
static void
come_back(struct attends *a, struct attendee *x)
{
	list_remove(&x->parting);
	x->gone = x->life = 0;
	a->nparted--;
	stats_add(STAT_attendees, 1);
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
	else if (x->gone != 0)
		come_back(a, x);
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
say_exit(struct attends *a, const struct attendee *x)
{
	struct attend_who who = who_of(x);
	struct msg m = {.id = MSG_exit,
	    .exit = {
		.channel = who.channel,
		.session = who.session,
		.user = who.user,
		.linger = x->linger,
	    }};

	a->face->say(a->face, x->link, &m);
}

/* It is remembered, unless no store was told of it. */
static void
part(struct attends *a, struct attendee *x)
{
	if (x->boot == 0) {
		attendee_free(a, x);
		return;
	}
	x->gone = a->ticks;
	list_append(&a->parted, &x->parting);
	stats_sub(STAT_attendees, 1);
	if (++a->nparted > ATTEND_PARTED_MOST)
		attendee_free(
		    a, container_of(a->parted.next, struct attendee, parting));
}

void
attend_exit(struct attends *a, struct attend *by, bool linger)
{
	struct attendee *x = by->attendee;

	if (x == NULL)
		return;
	by->attendee = NULL;
	list_remove(&by->node);
	if (!list_empty(&x->attends))
		return;
	x->linger = linger;
	if (is_said(a, x))
		say_exit(a, x);
	part(a, x);
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
	x->boot = x->before;
	if (m->code == CODE_moved || m->code == CODE_busy) {
		a->retry = true;
		return;
	}
	if (x->gone != 0) {
		attendee_free(a, x);
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

	l->life++;
	l->up = l->rejoining = true;
	walk_begin(a);
	rosters_link(a, link);
}

void
attends_link(struct attends *a, unsigned link, bool up)
{
	must(link < ATTEND_LINKS);
	if (up && !a->links[link].up)
		link_up(a, link);
	a->links[link].up = up;
}

void
attends_owner(struct attends *a, unsigned shard)
{
	must(shard < ATTEND_SHARDS);
	a->moves[shard]++;
	walk_begin(a);
	rosters_owner(a, shard);
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

/* A store that knew who is gone heard so, or takes him for lost with the
 * link. */
static bool
has_to_hear(const struct attends *a, const struct attendee *x, unsigned link)
{
	return x->gone == 0 || x->moves != a->moves[x->shard] ||
	       x->boot != a->face->boot(a->face, link);
}

/* False: a link has no room, and its turn comes later. */
static bool
walk_step(struct attends *a)
{
	struct attendee *x = container_of(a->at, struct attendee, node);
	int l = attend_link_of(a, x->shard);

	if (l >= 0 && !is_said(a, x) && has_to_hear(a, x, (unsigned)l)) {
		if (!a->face->room(a->face, (unsigned)l))
			return false;
		say_enter(a, x);
		if (x->gone != 0)
			say_exit(a, x);
	}
	a->at = a->at->next;
	return true;
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
	rosters_ask(a);
	return false;
}

void
attends_tick(struct attends *a)
{
	struct list *node;

	a->ticks++;
	while ((node = a->parted.next) != &a->parted) {
		struct attendee *x =
		    container_of(node, struct attendee, parting);

		if (a->ticks - x->gone < ATTEND_PARTED_TICKS)
			break;
		attendee_free(a, x);
	}
	if (a->retry && a->at == NULL)
		walk_begin(a);
	a->retry = false;
	while ((node = list_shift(&a->later)) != NULL)
		list_append(&a->unasked, node);
}
