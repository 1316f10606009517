/*
 * id.c - idempotency ids, forgotten oldest first.
 */
#include "store/id.h"

#include "common/hash.h"
#include "common/must.h"

enum { SCOPE = 255 + 1 + 255 }; /* channel, a zero, id */

struct ids {
	struct table *all;
	struct list oldest;
	size_t most;
};

struct ids *
ids_new(size_t most)
{
	struct ids *ids = xcalloc(1, sizeof(*ids));

	ids->all = table_new();
	ids->most = most;
	list_init(&ids->oldest);
	return ids;
}

static void
forget(struct ids *ids, struct id *id)
{
	table_remove(ids->all, &id->entry);
	list_remove(&id->node);
	free(id);
}

void
ids_free(struct ids **ip)
{
	struct ids *ids = *ip;
	struct list *node;

	*ip = NULL;
	if (ids == NULL)
		return;
	while ((node = list_shift(&ids->oldest)) != NULL) {
		struct id *id = container_of(node, struct id, node);
		struct id_waiter *w;

		while ((w = id->waiters) != NULL) {
			id->waiters = w->next;
			free(w);
		}
		forget(ids, id);
	}
	table_free(&ids->all);
	free(ids);
}

/* A pending one stays however old: its answer is to come. */
static void
forget_old(struct ids *ids, uint64_t now)
{
	for (unsigned i = 0; i < 2 && !list_empty(&ids->oldest); i++) {
		struct id *id = container_of(ids->oldest.next, struct id, node);

		if (id->pending ||
		    (id->at + ID_MS > now && table_count(ids->all) < ids->most))
			break;
		forget(ids, id);
	}
}

static struct hash_wide
scope_hash(const struct id_scope *s)
{
	char room[SCOPE];
	size_t n = s->channel.n + 1 + s->id.n;

	must(n <= sizeof(room));
	memcpy(room, s->channel.p, s->channel.n);
	room[s->channel.n] = '\0';
	memcpy(room + s->channel.n + 1, s->id.p, s->id.n);
	return hash_wide((struct slice){room, n});
}

static struct id *
add(struct ids *ids, const uint64_t hash[2])
{
	struct id *id = xcalloc(1, sizeof(*id));

	memcpy(id->hash, hash, sizeof(id->hash));
	list_append(&ids->oldest, &id->node);
	table_insert(ids->all, &id->entry,
	    (struct slice){(const char *)id->hash, sizeof(id->hash)});
	return id;
}

struct id *
ids_see(
    struct ids *ids, const struct id_scope *scope, uint64_t now, bool *repeat)
{
	struct hash_wide hash = scope_hash(scope);
	struct table_entry *e;
	struct id *id;

	forget_old(ids, now);
	e = table_find(
	    ids->all, (struct slice){(const char *)&hash, sizeof(hash)});
	if (e != NULL) {
		id = container_of(e, struct id, entry);
		*repeat = id->pending || id->at + ID_MS > now;
		if (*repeat)
			return id;
		forget(ids, id);
	}
	*repeat = false;
	id = add(ids, (const uint64_t[]){hash.low, hash.high});
	id->at = now;
	id->pending = true;
	return id;
}

void
ids_recall(struct ids *ids, const struct id_recalled *r)
{
	struct id *id;

	if (table_find(ids->all,
		(struct slice){(const char *)r->hash, sizeof(r->hash)}) != NULL)
		return;
	id = add(ids, r->hash);
	id->at = r->at;
	id->answer = r->answer;
	forget_old(ids, r->at);
}

void
id_wait(struct id *id, struct publisher *p, uint64_t seq)
{
	struct id_waiter *w = xmalloc(sizeof(*w));

	*w = (struct id_waiter){id->waiters, p, seq};
	id->waiters = w;
}

struct id_waiter *
id_settle(struct id *id, const struct answer *a)
{
	struct id_waiter *w = id->waiters;

	id->answer = *a;
	id->pending = false;
	id->waiters = NULL;
	return w;
}

struct id_waiter *
id_fail(struct ids *ids, struct id *id)
{
	struct id_waiter *w = id->waiters;

	forget(ids, id);
	return w;
}
