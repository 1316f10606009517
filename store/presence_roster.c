/*
 * presence_roster.c - the users of a channel in the order of their names, and
 * pages of them.
 *
 * The order is a skip list whose levels come from the hashes of the names: it
 * is the same whenever a page is read, also behind a user who has left, and
 * after a restart.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/presence_own.h"

/* Levels of them. */
static struct user **
user_next(struct user *u)
{
	return (struct user **)(void *)u->bytes;
}

struct slice
user_name(const struct user *u)
{
	return slice_from(table_key(&u->entry), sizeof(u->place));
}

/* On each level the link behind the last user before the name, or at it if
 * `at` is asked for. */
static void
find_links(struct place *place, struct slice name, bool behind,
    struct user **links[LEVELS])
{
	struct user **row = place->first;

	for (unsigned l = LEVELS; l-- > 0;) {
		while (row[l] != NULL) {
			int by = slice_order(user_name(row[l]), name);

			if (by > 0 || (by == 0 && !behind))
				break;
			row = user_next(row[l]);
		}
		links[l] = &row[l];
	}
}

void
order_add(struct place *place, struct user *u)
{
	struct user **links[LEVELS];

	find_links(place, user_name(u), false, links);
	for (unsigned l = 0; l < u->levels; l++) {
		user_next(u)[l] = *links[l];
		*links[l] = u;
	}
}

void
order_remove(struct place *place, struct user *u)
{
	struct user **links[LEVELS];

	find_links(place, user_name(u), false, links);
	for (unsigned l = 0; l < u->levels; l++) {
		must(*links[l] == u);
		*links[l] = user_next(u)[l];
	}
}

static void
tell_user(
    struct presence *p, struct bus_peer *to, uint64_t ref, const struct user *u)
{
	struct msg m = {.id = MSG_present,
	    .present = {
		.ref = ref,
		.user = user_name(u),
		.sessions = u->sessions,
		.since = u->since,
	    }};

	if (u->data != NULL)
		m.present.data = (struct slice){u->data->p, u->data->n};
	p->setup->wire->send(p->setup->wire, to, &m);
}

/* Who left while nothing is announced is there no more. */
static struct user *
here(struct user *u)
{
	while (u != NULL && u->sessions == 0)
		u = *user_next(u);
	return u;
}

static bool
tell_page(struct presence *p, struct bus_peer *to, struct place *place,
    const struct msg_roster *m)
{
	struct user **links[LEVELS], *u;
	bool one = m->user.n != 0;
	size_t bytes = 0;
	uint64_t n = 0;

	find_links(place, one ? m->user : m->after, !one, links);
	u = *links[0];
	if (one && (u == NULL || !slice_eq(user_name(u), m->user)))
		return false;
	for (u = here(u); u != NULL; u = here(*user_next(u))) {
		if (n++ >= m->limit || bytes >= PRESENCE_PAGE)
			return !one;
		bytes += u->data != NULL ? u->data->n : 0;
		tell_user(p, to, m->ref, u);
		if (one)
			return false;
	}
	return false;
}

void
presence_roster(
    struct presence *p, struct bus_peer *to, const struct msg_roster *m)
{
	struct table_entry *e = table_find(p->places, m->channel);
	struct msg end = {.id = MSG_roster_end, .roster_end = {.ref = m->ref}};

	stats_add(STAT_roster_reads, 1);
	p->setup->position(p->setup, m->channel, &end);
	if (e != NULL) {
		struct place *place = container_of(e, struct place, entry);

		end.roster_end.users = place->users;
		end.roster_end.sessions = place->sessions;
		if (m->limit != 0)
			end.roster_end.more = tell_page(p, to, place, m);
	}
	p->setup->wire->send(p->setup->wire, to, &end);
}
