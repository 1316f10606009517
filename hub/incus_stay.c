/*
 * incus_stay.c - clients, and the items that count them.
 */
#include "common/must.h"
#include "common/stats.h"
#include "hub/incus_sets_own.h"

struct incus_stay {
	struct incus_item *user, *page, *session; /* NULL: none */
};

static void
count(struct incus_sets *s, int n)
{
	s->waiting += (size_t)n;
	stats_set(STAT_incus_sets_waiting, s->waiting);
}

/* ---- Items */

static struct incus_item *
item_of(struct incus_sets *s, char kind, struct slice name)
{
	struct table_entry *e;
	struct slice key;
	struct incus_item *i;

	buf_clear(&s->key);
	buf_chr(&s->key, kind);
	buf_put(&s->key, name);
	key = buf_slice(&s->key);
	if ((e = table_find(s->items, key)) != NULL)
		return container_of(e, struct incus_item, entry);
	i = xcalloc(1, sizeof(*i) + key.n);
	memcpy(i->key, key.p, key.n);
	list_init(&i->node);
	table_insert(s->items, &i->entry, (struct slice){i->key, key.n});
	return i;
}

struct slice
incus_item_name(const struct incus_item *i)
{
	return i != NULL ? slice_from(table_key(&i->entry), 1) : SLICE("");
}

/* Take it off its list. */
void
incus_item_rest(struct incus_sets *s, struct incus_item *i)
{
	list_remove(&i->node);
	if (i->where != INCUS_RESTING)
		count(s, -1);
	i->where = INCUS_RESTING;
}

void
incus_item_free(struct incus_sets *s, struct incus_item *i)
{
	incus_item_rest(s, i);
	table_remove(s->items, &i->entry);
	free(i);
}

/* It has changed, on this side or that: where does it belong now? */
void
incus_item_settle(struct incus_sets *s, struct incus_item *i)
{
	if (i->where == INCUS_ASKED ||
	    (i->where == INCUS_DUE && i->now != i->told))
		return; /* looked at again when answered; told soon */
	incus_item_rest(s, i);
	if (i->now != i->told) {
		list_append(&s->due, &i->node);
		i->where = INCUS_DUE;
		count(s, 1);
		incus_sets_soon(s);
	} else if (i->now == 0) {
		incus_item_free(s, i);
	} else if (incus_item_is_session(i)) {
		list_append(&s->fresh, &i->node);
	}
}

/* ---- Stays */

static void
grow(struct incus_sets *s, struct incus_item *i)
{
	i->now++;
	incus_item_settle(s, i);
}

static void
shrink(struct incus_sets *s, struct incus_item **ip)
{
	struct incus_item *i = *ip;

	*ip = NULL;
	if (i == NULL)
		return;
	must(i->now != 0);
	i->now--;
	incus_item_settle(s, i);
}

struct incus_stay *
incus_stay_new(struct incus_sets *s, struct slice user)
{
	struct incus_stay *stay = xcalloc(1, sizeof(*stay));

	stay->user = item_of(s, 'u', user);
	grow(s, stay->user);
	return stay;
}

void
incus_stay_page(
    struct incus_sets *s, struct incus_stay *stay, struct slice page)
{
	struct incus_item *old = stay->page;

	stay->page = NULL;
	if (page.n != 0) {
		stay->page = item_of(s, 'p', page);
		grow(s, stay->page);
	}
	shrink(s, &old);
}

/* Again: with the time of now.  One session may have two stays, as a connection
 * moves. */
void
incus_stay_present(
    struct incus_sets *s, struct incus_stay *stay, struct slice session)
{
	struct incus_item *i = stay->session;

	if (i == NULL) {
		i = stay->session = item_of(s, 'h', session);
		i->now++;
	}
	i->user = stay->user;
	if (i->where != INCUS_ASKED && i->told != 0)
		i->told = INCUS_UNKNOWN;
	incus_item_settle(s, i);
}

void
incus_stay_absent(struct incus_sets *s, struct incus_stay *stay)
{
	shrink(s, &stay->session);
}

void
incus_stay_end(struct incus_sets *s, struct incus_stay **stayp)
{
	struct incus_stay *stay = *stayp;

	*stayp = NULL;
	if (stay == NULL)
		return;
	shrink(s, &stay->session);
	shrink(s, &stay->page);
	shrink(s, &stay->user);
	free(stay);
}

struct slice
incus_stay_user(const struct incus_stay *stay)
{
	return incus_item_name(stay->user);
}

struct slice
incus_stay_on(const struct incus_stay *stay)
{
	return incus_item_name(stay->page);
}
