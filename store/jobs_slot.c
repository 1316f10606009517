/*
 * jobs_slot.c - collapse keys: of those that wait, the newest counts.
 *
 * A slot holds the jobs of one key in the order of their numbers.  While one
 * of them is leased no other may be, or the older could arrive last.  All but
 * the newest are out of the race: they end as soon as the newest is safe, and
 * only then it is leased.
 */
#include "common/hash.h"
#include "common/must.h"
#include "store/jobs_own.h"

static struct hash_wide
slot_hash(const struct job *j)
{
	char room[31 + 1 + 63 + 255 + 1 + 255 + 1];
	struct slice lane = table_key(&j->lane->entry);
	char *at = room;

	memcpy(at, lane.p, lane.n);
	at += lane.n;
	*at++ = '\0';
	memcpy(at, j->bytes, j->target_n);
	at += j->target_n;
	*at++ = '\0';
	memcpy(at, j->bytes + j->target_n, j->collapse_n);
	at += j->collapse_n;
	must(at <= room + sizeof(room));
	return hash_wide((struct slice){room, (size_t)(at - room)});
}

static struct slot *
get(struct job *j)
{
	struct hash_wide h = slot_hash(j);
	struct slice key = {(const char *)&h, sizeof(h)};
	struct table_entry *e = table_find(j->all->slots, key);
	struct slot *s;

	if (e != NULL)
		return container_of(e, struct slot, entry);
	s = xcalloc(1, sizeof(*s));
	memcpy(s->hash, &h, sizeof(h));
	list_init(&s->jobs);
	table_insert(j->all->slots, &s->entry,
	    (struct slice){(const char *)s->hash, sizeof(s->hash)});
	return s;
}

static struct job *
of(struct list *node)
{
	return container_of(node, struct job, in_slot);
}

void
slot_enter(struct job *j)
{
	struct list *at;

	if (j->slot == NULL) {
		j->slot = get(j);
		j->slot->users++;
	}
	if (j->slot->leased == j)
		j->slot->leased = NULL;
	list_remove(&j->in_slot);
	at = j->slot->jobs.prev;
	while (at != &j->slot->jobs && of(at)->number > j->number)
		at = at->prev;
	list_append(at->next, &j->in_slot);
}

void
slot_lease(struct job *j)
{
	if (j->slot == NULL)
		return;
	list_remove(&j->in_slot);
	j->slot->leased = j;
}

void
slot_leave(struct job *j)
{
	struct slot *s = j->slot;

	j->slot = NULL;
	if (s == NULL)
		return;
	list_remove(&j->in_slot);
	if (s->leased == j)
		s->leased = NULL;
	if (--s->users != 0)
		return;
	table_remove(j->all->slots, &s->entry);
	free(s);
}

struct job *
slot_last(struct job *j)
{
	struct slot *s = j->slot;
	struct list *at;

	if (s == NULL)
		return NULL;
	at = s->jobs.prev;
	if (at == &j->in_slot)
		at = at->prev;
	return at != &s->jobs ? of(at) : NULL;
}

struct job *
slot_before(struct job *j)
{
	return j->slot != NULL && j->in_slot.prev != &j->slot->jobs
	           ? of(j->in_slot.prev)
	           : NULL;
}

/* Those before it may be with a pusher since before a boot, or could come
 * back if their end cannot be written. */
bool
slot_blocked(const struct job *j)
{
	const struct slot *s = j->slot;

	return s != NULL && (s->leased != NULL || s->jobs.next != &j->in_slot ||
				s->jobs.prev != &j->in_slot);
}

/* Enqueues are safe in the order of their numbers: if the next one is not,
 * none behind it is. */
bool
slot_superseded(const struct job *j)
{
	return j->slot != NULL && j->in_slot.next != &j->slot->jobs &&
	       !of(j->in_slot.next)->pending;
}
