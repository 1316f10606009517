/*
 * rows.c - a skip list.
 *
 * A node of height h is on the lists 0 to h - 1; three of four are on list 0
 * only.  `above` collects the last node before a key on each list, which is
 * all that putting and deleting need.
 */
#include "store/rows.h"

#include "common/must.h"

enum { LISTS = 16 }; /* enough for 4^16 rows */

struct rows_node {
	struct rows_row row;
	char *bytes; /* key, then value */
	unsigned height;
	struct rows_node *next[];
};

struct rows_map {
	struct rows_node *head; /* of all lists; has no row */
	struct rows_node *hand; /* rows_map_expire() goes on here; or NULL */
	uint64_t dice;
};

static struct rows_node *
node_new(unsigned height)
{
	struct rows_node *n =
	    xcalloc(1, sizeof(*n) + height * sizeof(struct rows_node *));

	n->height = height;
	return n;
}

static void
node_free(struct rows_node *n)
{
	free(n->bytes);
	free(n);
}

struct rows_map *
rows_map_new(void)
{
	struct rows_map *m = xcalloc(1, sizeof(*m));

	m->head = node_new(LISTS);
	m->dice = 0x9e3779b97f4a7c15u;
	return m;
}

void
rows_map_free(struct rows_map **mp)
{
	struct rows_map *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	for (struct rows_node *n = m->head, *next; n != NULL; n = next) {
		next = n->next[0];
		node_free(n);
	}
	free(m);
}

/* The last node before the key on every list. */
static void
find(const struct rows_map *m, struct slice key, struct rows_node *above[LISTS])
{
	struct rows_node *n = m->head;

	for (unsigned i = LISTS; i-- != 0;) {
		while (n->next[i] != NULL &&
		       slice_order(n->next[i]->row.key, key) < 0)
			n = n->next[i];
		above[i] = n;
	}
}

static struct rows_node *
at(struct rows_node *above[LISTS], struct slice key)
{
	struct rows_node *n = above[0]->next[0];

	return n != NULL && slice_eq(n->row.key, key) ? n : NULL;
}

/* xorshift: heights need to be spread, not secret. */
static unsigned
height(struct rows_map *m)
{
	unsigned h = 1;

	m->dice ^= m->dice << 13;
	m->dice ^= m->dice >> 7;
	m->dice ^= m->dice << 17;
	for (uint64_t d = m->dice; h < LISTS && (d & 3) == 0; d >>= 2)
		h++;
	return h;
}

static void
fill(struct rows_node *n, const struct rows_row *r)
{
	char *bytes = xmalloc(r->key.n + r->value.n + 1);

	if (r->key.n != 0)
		memcpy(bytes, r->key.p, r->key.n);
	if (r->value.n != 0)
		memcpy(bytes + r->key.n, r->value.p, r->value.n);
	free(n->bytes);
	n->bytes = bytes;
	n->row.key = (struct slice){bytes, r->key.n};
	n->row.value = (struct slice){bytes + r->key.n, r->value.n};
	n->row.expires = r->expires;
}

void
rows_map_put(struct rows_map *m, const struct rows_row *r)
{
	struct rows_node *above[LISTS], *n;

	find(m, r->key, above);
	n = at(above, r->key);
	if (n == NULL) {
		n = node_new(height(m));
		for (unsigned i = 0; i < n->height; i++) {
			n->next[i] = above[i]->next[i];
			above[i]->next[i] = n;
		}
	}
	fill(n, r);
}

void
rows_map_delete(struct rows_map *m, struct slice key)
{
	struct rows_node *above[LISTS], *n;

	find(m, key, above);
	n = at(above, key);
	if (n == NULL)
		return;
	for (unsigned i = 0; i < n->height; i++)
		above[i]->next[i] = n->next[i];
	if (m->hand == n)
		m->hand = n->next[0];
	node_free(n);
}

void
rows_map_expire(struct rows_map *m, uint64_t unix_ms, unsigned look)
{
	if (m->hand == NULL)
		m->hand = m->head->next[0];
	for (unsigned i = 0; i < look && m->hand != NULL; i++) {
		struct rows_node *n = m->hand;

		m->hand = n->next[0];
		if (n->row.expires != 0 && n->row.expires <= unix_ms)
			rows_map_delete(m, n->row.key);
	}
}

const struct rows_node *
rows_map_from(const struct rows_map *m, struct slice key)
{
	struct rows_node *above[LISTS];

	find(m, key, above);
	return above[0]->next[0];
}

const struct rows_node *
rows_map_after(const struct rows_map *m, struct slice key)
{
	const struct rows_node *n = rows_map_from(m, key);

	return n != NULL && slice_eq(n->row.key, key) ? n->next[0] : n;
}

const struct rows_node *
rows_next(const struct rows_node *n)
{
	return n->next[0];
}

struct rows_row
rows_row(const struct rows_node *n)
{
	return n->row;
}
