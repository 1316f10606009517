/*
 * table.c - linear hashing, so that growing is nobody's bad luck.
 *
 * A table that doubles rehashes a million elements inside one unlucky insert,
 * some 100 ms in which a hub serves nobody.  Here each insert past one
 * element per bucket splits exactly one bucket.  Buckets live in segments of
 * one page, found through a directory that is the only thing ever moved:
 * 2,000 pointers for a million elements.
 *
 * With n buckets and m the smallest 2^k - 1 with m >= n - 1, an element
 * stands in hash & m, or if that bucket does not exist yet, in
 * hash & (m >> 1), from which it will be split.
 */
#include "common/table.h"

#include "common/hash.h"
#include "common/must.h"

#include <stdatomic.h>

enum { SEGMENT = 512 }; /* buckets: one page of pointers */

struct table {
	struct table_entry ***segments; /* used of room are allocated */
	uint32_t used, room;
	uint32_t buckets; /* >= 1 once there is a segment */
	uint32_t mask;    /* the m above */
	size_t count;
};

static struct table_entry **
slot(const struct table *t, uint32_t bucket)
{
	return &t->segments[bucket / SEGMENT][bucket % SEGMENT];
}

static struct table_entry **
slot_of(const struct table *t, uint32_t hash)
{
	uint32_t bucket = hash & t->mask;

	return slot(t, bucket < t->buckets ? bucket : hash & (t->mask >> 1));
}

static void
add_segment(struct table *t)
{
	if (t->used == t->room) {
		t->room = t->room != 0 ? t->room * 2 : 4;
		t->segments =
		    xrealloc(t->segments, t->room * sizeof(*t->segments));
	}
	t->segments[t->used++] = xcalloc(SEGMENT, sizeof(**t->segments));
}

/* One bucket more: what belongs there leaves the bucket it waited in. */
static void
split(struct table *t)
{
	uint32_t fresh = t->buckets;
	struct table_entry **from, **to, *e;

	if (fresh == UINT32_MAX)
		return;
	if (fresh > t->mask)
		t->mask = t->mask * 2 + 1;
	if (fresh / SEGMENT == t->used)
		add_segment(t);
	t->buckets++;
	from = slot(t, fresh & (t->mask >> 1));
	to = slot(t, fresh);
	while ((e = *from) != NULL) {
		if ((e->hash & t->mask) != fresh) {
			from = &e->next;
			continue;
		}
		*from = e->next;
		e->next = NULL;
		*to = e;
		to = &e->next;
	}
}

/* A table that never holds anything costs one small block. */
struct table *
table_new(void)
{
	return xcalloc(1, sizeof(struct table));
}

void
table_free(struct table **tp)
{
	struct table *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	for (uint32_t i = 0; i < t->used; i++)
		free(t->segments[i]);
	free(t->segments);
	free(t);
}

size_t
table_count(const struct table *t)
{
	return t->count;
}

uint32_t
table_hash(struct slice key)
{
	static _Atomic uint64_t seed; /* drawn once; 0 is not yet */
	uint64_t s = seed, none = 0;

	if (s == 0) {
		s = hash_random() | 1;
		if (!atomic_compare_exchange_strong(&seed, &none, s))
			s = none;
	}
	return (uint32_t)hash_bytes(key, s);
}

struct table_entry *
table_find_hashed(const struct table *t, struct slice key, uint32_t hash)
{
	struct table_entry *e;

	if (t->count == 0)
		return NULL;
	for (e = *slot_of(t, hash); e != NULL; e = e->next)
		if (e->hash == hash && slice_eq(table_key(e), key))
			return e;
	return NULL;
}

void
table_ahead(const struct table *t, const uint32_t hashes[], unsigned n,
    struct table_entry *found[])
{
	for (unsigned i = 0; i < n; i++)
		found[i] = t->count != 0 ? *slot_of(t, hashes[i]) : NULL;
	for (unsigned i = 0; i < n; i++)
		while (found[i] != NULL && found[i]->hash != hashes[i])
			found[i] = found[i]->next;
}

struct table_entry *
table_find(const struct table *t, struct slice key)
{
	return table_find_hashed(t, key, table_hash(key));
}

void
table_insert_hashed(
    struct table *t, struct table_entry *e, struct slice key, uint32_t hash)
{
	struct table_entry **at;

	must(key.n <= UINT32_MAX);
	if (t->buckets == 0) {
		add_segment(t);
		t->buckets = 1;
	}
	if (t->count >= t->buckets)
		split(t);
	at = slot_of(t, hash);
	*e = (struct table_entry){*at, key.p, (uint32_t)key.n, hash};
	*at = e;
	t->count++;
}

void
table_insert(struct table *t, struct table_entry *e, struct slice key)
{
	table_insert_hashed(t, e, key, table_hash(key));
}

void
table_remove(struct table *t, struct table_entry *e)
{
	struct table_entry **at;

	must(t->count != 0);
	for (at = slot_of(t, e->hash); *at != e; at = &(*at)->next)
		must(*at != NULL);
	*at = e->next;
	e->next = NULL;
	t->count--;
}

struct table_entry *
table_next(const struct table *t, struct table_cursor *c)
{
	struct table_entry *e = c->next;

	while (e == NULL) {
		if (c->bucket >= t->buckets)
			return NULL;
		e = *slot(t, c->bucket++);
	}
	c->next = e->next;
	return e;
}
