/*
 * presence.c - sessions come and go; users are told of once.
 *
 *	           first session          told
 *	nobody ------------------> here ---------> present
 *	   ^                        |  last session gone |
 *	   +--------- told ---------+--------------------+
 *
 * What is so (sessions) and what the world takes to be so (told) are kept
 * apart, and user_settle() makes the second what the first is, when it may.
 * A user who comes and goes while nothing is announced is not told of at all.
 */
#include "common/channel.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/presence_own.h"

enum { KEY_MAX = sizeof(void *) + 255 };

/* Names are unique below their owner, so its address is part of the key. */
static struct slice
key_of(char *room, const void *owner, struct slice name)
{
	memcpy(room, &owner, sizeof(owner));
	memcpy(room + sizeof(owner), name.p, name.n);
	return (struct slice){room, sizeof(owner) + name.n};
}

static void
weigh(struct presence *p, size_t n)
{
	p->bytes += n;
	stats_add(STAT_presence_bytes, n);
}

static void
unweigh(struct presence *p, size_t n)
{
	p->bytes -= n;
	stats_sub(STAT_presence_bytes, n);
}

static size_t
place_size(size_t name)
{
	return sizeof(struct place) + name;
}

static size_t
user_size(unsigned levels, size_t key)
{
	return sizeof(struct user) + levels * sizeof(struct user *) + key;
}

static size_t
body_size(const struct body *b)
{
	return b != NULL ? sizeof(*b) + b->n : 0;
}

static struct place *
place_find(const struct presence *p, struct slice name)
{
	struct table_entry *e = table_find(p->places, name);

	return e != NULL ? container_of(e, struct place, entry) : NULL;
}

static struct place *
place_new(struct presence *p, struct slice name)
{
	struct place *l = xcalloc(1, place_size(name.n));

	memcpy(l->name, name.p, name.n);
	l->silent = channel_is_pattern(name);
	l->shard = (uint16_t)channel_shard(name, p->setup->shards);
	table_insert(p->places, &l->entry, (struct slice){l->name, name.n});
	weigh(p, place_size(name.n));
	return l;
}

static struct user *
user_find(
    const struct presence *p, const struct place *place, struct slice name)
{
	char room[KEY_MAX];
	struct table_entry *e;

	if (place == NULL)
		return NULL;
	e = table_find(p->users, key_of(room, place, name));
	return e != NULL ? container_of(e, struct user, entry) : NULL;
}

/* One in four users is on each higher level. */
static unsigned
levels_of(uint32_t hash)
{
	unsigned n = 1;

	while (n < LEVELS && (hash & 3) == 0) {
		n++;
		hash >>= 2;
	}
	return n;
}

static struct user *
user_new(struct presence *p, struct place *place, struct slice name)
{
	char room[KEY_MAX];
	struct slice key = key_of(room, place, name);
	uint32_t hash = table_hash(key);
	unsigned levels = levels_of(hash);
	struct user *u = xcalloc(1, user_size(levels, key.n));
	char *at = u->bytes + levels * sizeof(struct user *);

	memcpy(at, key.p, key.n);
	u->place = place;
	u->levels = (uint8_t)levels;
	list_init(&u->unsettled);
	table_insert_hashed(
	    p->users, &u->entry, (struct slice){at, key.n}, hash);
	weigh(p, user_size(levels, key.n));
	place->known++;
	order_add(place, u);
	return u;
}

static void
user_free(struct presence *p, struct user *u)
{
	struct place *place = u->place;

	must(u->sessions == 0 && !u->told);
	order_remove(place, u);
	list_remove(&u->unsettled);
	table_remove(p->users, &u->entry);
	unweigh(p, user_size(u->levels, u->entry.key_n) + body_size(u->data));
	body_unref(&u->data);
	free(u);
	if (--place->known != 0)
		return;
	table_remove(p->places, &place->entry);
	unweigh(p, place_size(place->entry.key_n));
	free(place);
}

static struct session *
session_find(
    const struct presence *p, const struct user *user, struct slice name)
{
	char room[KEY_MAX];
	struct table_entry *e;

	if (user == NULL)
		return NULL;
	e = table_find(p->sessions, key_of(room, user, name));
	return e != NULL ? container_of(e, struct session, entry) : NULL;
}

static struct session *
session_new(struct presence *p, struct user *user, struct slice name)
{
	struct session *s = xcalloc(1, sizeof(*s) + sizeof(user) + name.n);

	s->user = user;
	list_init(&s->holders);
	list_init(&s->linger);
	table_insert(p->sessions, &s->entry, key_of(s->bytes, user, name));
	weigh(p, sizeof(*s) + s->entry.key_n);
	user->place->users += user->sessions++ == 0;
	user->place->sessions++;
	stats_add(STAT_presence_sessions, 1);
	return s;
}

void
session_end(struct presence *p, struct session *s)
{
	struct user *u = s->user;

	stats_sub(STAT_presence_sessions, 1);
	stats_sub(STAT_presence_lingering, !list_empty(&s->linger));
	list_remove(&s->linger);
	table_remove(p->sessions, &s->entry);
	unweigh(p, sizeof(*s) + s->entry.key_n);
	free(s);
	u->place->sessions--;
	u->place->users -= --u->sessions == 0;
	user_settle(p, u);
}

/* Its connection is lost. */
static void
linger(struct presence *p, struct session *s)
{
	s->due = linger_due(p);
	list_append(&p->lingering, &s->linger);
	stats_add(STAT_presence_lingering, 1);
}

static struct holder *
holder_find(const struct session *s, const struct presence_hub *hub)
{
	list_each (at, &s->holders) {
		struct holder *h = container_of(at, struct holder, in_session);

		if (h->hub == hub)
			return h;
	}
	return NULL;
}

void
holder_free(struct presence *p, struct holder *h)
{
	list_remove(&h->in_session);
	list_remove(&h->in_hub);
	unweigh(p, sizeof(*h));
	free(h);
}

/* It came by another hub: one that lost its link and did not say it again has
 * no part in it any more. */
static void
drop_stale(struct presence *p, struct session *s, const struct presence_hub *by)
{
	list_each_safe (at, &s->holders) {
		struct holder *h = container_of(at, struct holder, in_session);

		if (h->hub != by && h->link != h->hub->link)
			holder_free(p, h);
	}
}

/* Said (again) by this hub: it lingers no more, and is not stale. */
static void
hold(struct presence *p, struct session *s, struct presence_hub *hub)
{
	struct holder *h = holder_find(s, hub);

	stats_sub(STAT_presence_lingering, !list_empty(&s->linger));
	list_remove(&s->linger);
	drop_stale(p, s, hub);
	if (h == NULL) {
		h = xmalloc(sizeof(*h));
		*h = (struct holder){.session = s, .hub = hub};
		weigh(p, sizeof(*h));
		list_init(&h->in_hub);
		list_append(&s->holders, &h->in_session);
	}
	h->link = hub->link;
	list_remove(&h->in_hub);
	list_append(&hub->held, &h->in_hub);
}

static void
put_event(struct presence *p, const struct user *u, const char *what)
{
	struct buf *b = &p->body;

	buf_clear(b);
	buf_printf(b, "{\"%s\":{", what);
	json_escape(b, user_name(u));
	if (u->sessions == 0)
		buf_str(b, ":null}}");
	else if (u->data == NULL)
		buf_str(b, ":{}}}");
	else
		buf_printf(b, ":%.*s}}", (int)u->data->n, u->data->p);
}

/* False: the store is busy. */
static bool
announce(struct presence *p, const struct user *u, const char *what)
{
	if (u->place->silent)
		return true;
	put_event(p, u, what);
	if (p->setup->publish(p->setup, table_key(&u->place->entry),
		buf_slice(&p->body)) != CODE_busy)
		return true;
	stats_add(STAT_presence_retries, 1);
	return false;
}

/* What the world takes to be so. */
static void
user_told(struct user *u, bool told)
{
	u->told = told;
	u->changed = false;
	if (told)
		stats_add(STAT_presence_users, 1);
	else
		stats_sub(STAT_presence_users, 1);
}

static bool
tell(struct presence *p, struct user *u)
{
	bool here = u->sessions != 0;

	if (here && !u->told) {
		if (!announce(p, u, "join"))
			return false;
		user_told(u, true);
		stats_add(STAT_presence_joins, 1);
	} else if (!here && u->told) {
		if (!announce(p, u, "leave"))
			return false;
		user_told(u, false);
		stats_add(STAT_presence_leaves, 1);
	} else if (here && u->changed) {
		if (!announce(p, u, "update"))
			return false;
		u->changed = false;
		stats_add(STAT_presence_updates, 1);
	}
	return true;
}

/* Who is not here may be at a hub that has not said so yet. */
static bool
held(const struct presence *p, const struct user *u)
{
	const struct presence_shard *s = &p->shards[u->place->shard];

	return p->holding || s->left ||
	       (u->sessions == 0 && p->clock < s->until);
}

bool
user_settle(struct presence *p, struct user *u)
{
	bool done = !held(p, u) && tell(p, u);

	list_remove(&u->unsettled);
	if (u->sessions == 0 && !u->told)
		user_free(p, u);
	else if (!done)
		list_append(&p->unsettled, &u->unsettled);
	return done;
}

void
user_drop(struct presence *p, struct user *u)
{
	if (u->told) {
		user_told(u, false);
		stats_add(STAT_presence_left, 1);
	}
	if (u->sessions == 0)
		user_free(p, u);
}

/* It was announced, by a life of this store that ended or by another one, or
 * by us before the shard went and came. */
static bool
is_known(const struct presence *p, const struct user *u, uint64_t again)
{
	return again != 0 && (again != p->setup->boot ||
				 p->clock < p->shards[u->place->shard].back);
}

/* The newest data is the user's; what is told again after a restart comes in
 * any order. */
static void
take_data(struct presence *p, struct user *u, const struct msg_enter *m,
    uint64_t unix_ms)
{
	uint64_t at = m->at == 0 || m->at > unix_ms ? unix_ms : m->at;
	struct slice old = {NULL, 0};

	if (u->since == 0 || at < u->since)
		u->since = at;
	if (at < u->at)
		return;
	u->at = at;
	if (u->data != NULL)
		old = (struct slice){u->data->p, u->data->n};
	if (m->data.n == 0 || slice_eq(old, m->data))
		return;
	unweigh(p, body_size(u->data));
	body_unref(&u->data);
	u->data = body_new(m->data);
	weigh(p, body_size(u->data));
	u->changed = u->told;
}

static enum code
check(const struct presence *p, const struct place *place,
    const struct user *user, const struct msg_enter *m)
{
	size_t need = sizeof(struct session) + sizeof(struct holder) +
	              sizeof(user) + m->session.n + m->data.n;

	if ((user == NULL || user->sessions == 0) && place != NULL &&
	    place->users >= p->setup->users)
		return CODE_too_many;
	if (user != NULL && user->sessions >= p->setup->sessions)
		return CODE_too_many;
	if (place == NULL)
		need += place_size(m->channel.n);
	if (user == NULL)
		need += user_size(LEVELS, sizeof(place) + m->user.n);
	return p->bytes + need <= p->setup->bytes ? CODE_ok : CODE_full;
}

static enum code
check_names(const struct msg_enter *m)
{
	if (m->user.n == 0 || m->session.n == 0)
		return CODE_missing_field;
	if (m->data.n != 0 && json_check(m->data, NULL, NULL) != NULL)
		return CODE_bad_json;
	return CODE_ok;
}

enum code
presence_enter(struct presence *p, struct presence_peer *peer,
    const struct msg_enter *m, uint64_t unix_ms)
{
	struct presence_hub *hub = hub_of(p, peer);
	struct place *place = place_find(p, m->channel);
	struct user *user = user_find(p, place, m->user);
	struct session *s = session_find(p, user, m->session);
	enum code code = check_names(m);

	if (code == CODE_ok && s == NULL)
		code = check(p, place, user, m);
	if (code != CODE_ok) {
		stats_add(STAT_presence_refused, 1);
		return code;
	}
	if (place == NULL)
		place = place_new(p, m->channel);
	if (user == NULL)
		user = user_new(p, place, m->user);
	if (s == NULL)
		s = session_new(p, user, m->session);
	hold(p, s, hub);
	take_data(p, user, m, unix_ms);
	if (!user->told && is_known(p, user, m->again)) {
		user_told(user, true);
		stats_add(STAT_presence_restored, 1);
	}
	user_settle(p, user);
	return CODE_ok;
}

void
presence_exit(
    struct presence *p, struct presence_peer *peer, const struct msg_exit *m)
{
	struct user *user = user_find(p, place_find(p, m->channel), m->user);
	struct session *s = session_find(p, user, m->session);
	struct holder *h = s != NULL ? holder_find(s, hub_of(p, peer)) : NULL;

	if (h == NULL)
		return;
	holder_free(p, h);
	if (!list_empty(&s->holders))
		return;
	if (m->linger != 0)
		linger(p, s);
	else
		session_end(p, s);
}
