/*
 * publisher.c - marks, and the answers above them.
 *
 * An answer belongs to the publisher, not to the link its question came by:
 * when a publish is still pending while its publisher comes by a new link,
 * the answer goes there, and the repeated publish needs no second one.
 */
#include "store/publisher.h"

#include "common/code.h"
#include "common/must.h"

enum { FIRST = 64 };

struct publishers {
	struct table *all;
	struct list away;
};

struct publishers *
publishers_new(void)
{
	struct publishers *p = xcalloc(1, sizeof(*p));

	p->all = table_new();
	list_init(&p->away);
	return p;
}

static void
forget(struct publishers *all, struct publisher *p)
{
	table_remove(all->all, &p->entry);
	list_remove(&p->node);
	free(p->answers);
	free(p);
}

void
publishers_free(struct publishers **pp)
{
	struct publishers *all = *pp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*pp = NULL;
	if (all == NULL)
		return;
	while ((e = table_next(all->all, &at)) != NULL)
		forget(all, container_of(e, struct publisher, entry));
	table_free(&all->all);
	free(all);
}

static struct publisher *
add(struct publishers *all, uint64_t boot)
{
	struct publisher *p = xcalloc(1, sizeof(*p));

	p->boot = boot;
	p->room = FIRST;
	p->answers = xcalloc(FIRST, sizeof(*p->answers));
	list_init(&p->node);
	table_insert(all->all, &p->entry,
	    (struct slice){(const char *)&p->boot, sizeof(p->boot)});
	return p;
}

struct publisher *
publishers_join(struct publishers *all, struct bus_peer *peer)
{
	struct table_entry *e = table_find(all->all,
	    (struct slice){(const char *)&peer->boot, sizeof(peer->boot)});
	struct publisher *p = e != NULL
	                          ? container_of(e, struct publisher, entry)
	                          : add(all, peer->boot);

	list_remove(&p->node);
	p->peer = peer;
	return p;
}

void
publishers_leave(struct publishers *all, struct publisher *p, uint64_t now)
{
	p->peer = NULL;
	p->away_since = now;
	list_remove(&p->node);
	list_append(&all->away, &p->node);
}

void
publishers_tick(struct publishers *all, uint64_t now)
{
	list_each_safe (at, &all->away) {
		struct publisher *p = container_of(at, struct publisher, node);

		if (p->away_since + PUBLISHER_FORGET_MS > now)
			break;
		if (p->pending == 0)
			forget(all, p);
	}
}

static struct answer *
slot(const struct publisher *p, uint64_t seq)
{
	return &p->answers[seq & (p->room - 1)];
}

/* Whether seq's slot is still its own. */
static bool
remembered(const struct publisher *p, uint64_t seq)
{
	return seq <= p->mark && p->mark - seq < p->room;
}

static void
grow(struct publisher *p)
{
	struct publisher bigger = *p;

	bigger.room = p->room * 2;
	bigger.answers = xcalloc(bigger.room, sizeof(*bigger.answers));
	for (uint64_t seq = p->mark; remembered(p, seq); seq--) {
		*slot(&bigger, seq) = *slot(p, seq);
		if (seq == 0)
			break;
	}
	free(p->answers);
	*p = bigger;
}

/* A hole in the numbers (a store that was restarted sees one at first) leaves
 * slots of nobody. */
static void
advance(struct publisher *p, uint64_t seq)
{
	if (p->room < PUBLISHER_ANSWERS && seq >= p->room)
		grow(p);
	if (seq - p->mark >= p->room) {
		memset(p->answers, 0, p->room * sizeof(*p->answers));
		p->mark = seq;
	}
	while (p->mark < seq)
		*slot(p, ++p->mark) = (struct answer){0};
}

static void
give(struct publisher *p, uint64_t seq, const struct answer *a)
{
	*slot(p, seq) = *a;
	slot(p, seq)->state =
	    (uint8_t)(ANSWER_GIVEN << 4 | (unsigned)answer_kept(a));
}

void
publishers_recall(
    struct publishers *all, const struct recalled *r, uint64_t now)
{
	struct table_entry *e = table_find(
	    all->all, (struct slice){(const char *)&r->boot, sizeof(r->boot)});
	struct publisher *p =
	    e != NULL ? container_of(e, struct publisher, entry) : NULL;

	if (p == NULL) {
		p = add(all, r->boot);
		publishers_leave(all, p, now);
	}
	if (r->seq > p->mark)
		advance(p, r->seq);
	if (remembered(p, r->seq))
		give(p, r->seq, &r->answer);
}

enum answer_state
publisher_see(struct publisher *p, uint64_t seq, const struct answer **out)
{
	*out = NULL;
	if (seq > p->mark)
		advance(p, seq);
	if (!remembered(p, seq))
		return ANSWER_GIVEN;
	if (slot(p, seq)->state == 0) {
		slot(p, seq)->state = ANSWER_PENDING << 4;
		p->pending++;
		return ANSWER_NONE;
	}
	if (slot(p, seq)->state >> 4 == ANSWER_PENDING)
		return ANSWER_PENDING;
	if (slot(p, seq)->state >> 4 == ANSWER_GIVEN)
		*out = slot(p, seq);
	return ANSWER_GIVEN;
}

void
publisher_answer(struct publisher *p, uint64_t seq, const struct answer *a)
{
	must(p->pending != 0);
	p->pending--;
	if (!remembered(p, seq))
		return;
	if (a->code == CODE_moved)
		*slot(p, seq) = (struct answer){0};
	else
		give(p, seq, a);
}
