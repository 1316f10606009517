/*
 * bridge_list.c - one list, exactly once.
 *
 * One question at a time is open, and the next one is chosen from what is
 * due, in this order:
 *
 *   ADOPT   at start, and every second: registers us and finds the dead
 *   KEYS    at start, and when something was adopted
 *   FETCH   while there are ids whose items we do not have
 *   TAKE    until it brings nothing
 *   WAIT    then
 *
 * An item is in one of three places: `todo` (its bytes are in Redis only),
 * flying (in the table alone), `settled` (answered, Redis not told yet).  An
 * id in the table is never published a second time by this life.
 */
#include "ingress/bridge_list.h"

#include "common/backoff.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/table.h"
#include "common/tally.h"
#include "ingress/bridge_script.h"

enum { FETCH_IDS = 64, DONE_IDS = 256 };

struct item {
	struct ticket ticket;
	struct table_entry entry; /* of list.items */
	struct list node;         /* of todo or settled; else flying */
	struct bridge_list *list;
	uint64_t number; /* behind the last colon of the id */
	unsigned tries;
	enum code code; /* when settled */
	uint32_t n;
	char id[];
};

struct bridge_list {
	struct list_io *io;
	struct table *items; /* every id we know, by id */
	struct list todo, settled;
	size_t flying;
	bool running, draining;
	bool open;   /* a question is */
	bool paused; /* until resumed */
	bool adopt_due, keys_due, take_due;
	size_t fetching;   /* ids asked for, the first of todo */
	unsigned refusals; /* by Redis, a bit for each step: it was said */
	struct backoff busy;
};

static void go(struct bridge_list *);

static void
item_free(struct item *i)
{
	list_remove(&i->node);
	table_remove(i->list->items, &i->entry);
	if (i->ticket.item != NULL)
		tally_abandoned();
	ticket_forget(&i->ticket);
	free(i);
}

/* Numbers come from one clock, whoever gave them, so they are the order. */
static uint64_t
number_of(struct slice id)
{
	const char *colon = id.n != 0 ? memrchr(id.p, ':', id.n) : NULL;
	uint64_t n = 0;

	if (colon != NULL)
		slice_num(slice_from(id, (size_t)(colon - id.p) + 1), &n);
	return n;
}

static void
tell_bad(struct slice id, enum code code)
{
	char text[LOG_VALUE];

	stats_add(STAT_redis_bad_items, 1);
	log_warn("bad_item", "id=%s code=%s", log_value(text, sizeof(text), id),
	    code_name(code));
}

static void
settle(struct item *i, enum code code)
{
	i->code = code;
	list_append(&i->list->settled, &i->node);
}

static void
pause_for(struct bridge_list *l, unsigned ms)
{
	if (l->paused)
		return;
	l->paused = true;
	l->io->pause(l->io, ms);
}

/* Try again: always, so many times, or never. */
static bool
again(const struct item *i, enum code code)
{
	if (code == CODE_full || code == CODE_too_many ||
	    code == CODE_timeout || code == CODE_internal)
		return i->tries < LIST_TRIES;
	return code_passes(code);
}

/* What is tried again is read again: its bytes were not kept. */
static void
answered(struct ticket *t, const struct msg_published *p)
{
	struct item *i = container_of(t, struct item, ticket);
	struct bridge_list *l = i->list;
	enum code code = (enum code)p->code;

	l->flying--;
	i->tries++;
	tally_answered(code);
	if (code == CODE_ok) {
		backoff_worked(&l->busy);
		settle(i, code);
	} else if (!again(i, code)) {
		settle(i, code);
	} else if (!l->running || l->draining) {
		item_free(i); /* the next start finds it in the hash */
	} else {
		list_append(&l->todo, &i->node);
		pause_for(l, backoff_failed(&l->busy));
	}
	go(l);
}

static struct item *
item_new(struct bridge_list *l, struct slice id)
{
	struct item *i = xcalloc(1, sizeof(*i) + id.n);

	i->list = l;
	i->ticket.answered = answered;
	i->number = number_of(id);
	i->n = (uint32_t)id.n;
	memcpy(i->id, id.p, id.n);
	list_init(&i->node);
	table_insert(l->items, &i->entry, (struct slice){i->id, i->n});
	return i;
}

static void
publish(struct bridge_list *l, struct item *i, struct slice item)
{
	enum code code = l->io->publish(
	    l->io, (struct slice){i->id, i->n}, item, &i->ticket);

	tally_taken();
	if (code == CODE_ok) {
		l->flying++;
	} else {
		tally_refused(code);
		settle(i, code);
	}
}

static bool
has_room(const struct bridge_list *l)
{
	return l->flying < LIST_FLYING && l->io->can_publish(l->io);
}

static void
ask(struct bridge_list *l, const struct list_command *c)
{
	l->open = true;
	l->io->ask(l->io, c);
}

static void
ask_fetch(struct bridge_list *l)
{
	struct slice ids[FETCH_IDS];
	struct list_command c = {.step = LIST_FETCH, .ids = ids};

	list_each (at, &l->todo) {
		struct item *i = container_of(at, struct item, node);

		ids[c.n++] = (struct slice){i->id, i->n};
		if (c.n == FETCH_IDS)
			break;
	}
	l->fetching = c.n;
	ask(l, &c);
}

static void
go(struct bridge_list *l)
{
	if (!l->running || l->draining || l->open || l->paused)
		return;
	if (l->adopt_due)
		ask(l, &(struct list_command){.step = LIST_ADOPT});
	else if (l->keys_due)
		ask(l, &(struct list_command){.step = LIST_KEYS});
	else if (!has_room(l))
		return;
	else if (!list_empty(&l->todo))
		ask_fetch(l);
	else if (l->take_due)
		ask(l, &(struct list_command){.step = LIST_TAKE});
	else
		ask(l, &(struct list_command){.step = LIST_WAIT});
}

static void
on_adopt(struct bridge_list *l, const struct redis_reply *r)
{
	l->adopt_due = false;
	if (r->number <= 0)
		return;
	stats_add(STAT_redis_adopted, (uint64_t)r->number);
	log_info("adopted", "items=%lld", (long long)r->number);
	l->keys_due = true;
	l->take_due = true; /* some may be without a number yet */
}

static int
by_number(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a;
	const struct item *y = *(struct item *const *)b;

	return (x->number > y->number) - (x->number < y->number);
}

/* A hash has no order: put the new ones in theirs, behind what was known. */
static void
on_keys(struct bridge_list *l, const struct redis_reply *r)
{
	struct item **found = xcalloc(r->n, sizeof(*found));
	size_t n = 0;

	l->keys_due = false;
	for (size_t i = 0; i < r->n; i++) {
		struct slice id = r->items[i].text;

		if (r->items[i].kind == REDIS_IS_STRING &&
		    table_find(l->items, id) == NULL)
			found[n++] = item_new(l, id);
	}
	qsort(found, n, sizeof(struct item *), by_number);
	for (size_t i = 0; i < n; i++)
		list_append(&l->todo, &found[i]->node);
	free(found);
}

/* An id without an item was adopted by another, or settled by one. */
static void
on_fetch(struct bridge_list *l, const struct redis_reply *r)
{
	size_t n = r->n < l->fetching ? r->n : l->fetching;

	for (size_t k = 0; k < n; k++) {
		struct item *i =
		    container_of(list_shift(&l->todo), struct item, node);

		if (r->items[k].kind == REDIS_IS_STRING)
			publish(l, i, r->items[k].text);
		else
			item_free(i);
	}
	l->fetching = 0;
}

/* An id without an item was too large, and is aside already. */
static void
on_take(struct bridge_list *l, const struct redis_reply *r)
{
	l->take_due = r->n != 0;
	stats_add(STAT_redis_items, r->n / 2);
	for (size_t k = 0; k + 1 < r->n; k += 2) {
		struct slice id = r->items[k].text;

		if (r->items[k + 1].kind != REDIS_IS_STRING)
			tell_bad(id, CODE_too_large);
		else if (table_find(l->items, id) == NULL)
			publish(l, item_new(l, id), r->items[k + 1].text);
	}
}

static void
on_wait(struct bridge_list *l, const struct redis_reply *r)
{
	(void)r;
	l->take_due = true;
}

static const char *
name_of(enum list_step step)
{
	static const char *const names[] = {
	    [LIST_ADOPT] = "adopt",
	    [LIST_KEYS] = "keys",
	    [LIST_FETCH] = "fetch",
	    [LIST_TAKE] = "take",
	    [LIST_WAIT] = "wait",
	    [LIST_DONE] = "done",
	    [LIST_BAD] = "bad",
	};

	return names[step];
}

/* A list whose wait is refused, as by a full Redis, is looked at instead. */
static void
refused(struct bridge_list *l, enum list_step step, const struct redis_reply *r)
{
	char why[LOG_VALUE];

	l->fetching = 0;
	if (slice_starts(r->text, SLICE(SCRIPT_LOST))) {
		l->io->lost(l->io);
		return;
	}
	stats_add(STAT_redis_refused, 1);
	if ((l->refusals & 1U << step) == 0)
		log_err("redis_refused", "step=%s why=%s", name_of(step),
		    log_value(why, sizeof(why), r->text));
	l->refusals |= 1U << step;
	if (step == LIST_WAIT)
		l->take_due = true;
	pause_for(l, LIST_ERROR_PAUSE);
}

static void
accepted(struct bridge_list *l, enum list_step step)
{
	if ((l->refusals & 1U << step) != 0)
		log_info("redis_accepts", "step=%s", name_of(step));
	l->refusals &= ~(1U << step);
}

void
bridge_list_answer(
    struct bridge_list *l, enum list_step step, const struct redis_reply *r)
{
	static void (*const handlers[])(
	    struct bridge_list *, const struct redis_reply *) = {
	    [LIST_ADOPT] = on_adopt,
	    [LIST_KEYS] = on_keys,
	    [LIST_FETCH] = on_fetch,
	    [LIST_TAKE] = on_take,
	    [LIST_WAIT] = on_wait,
	};

	if (step == LIST_DONE || step == LIST_BAD) {
		if (r != NULL && r->kind == REDIS_IS_ERROR)
			refused(l, step, r);
		else if (r != NULL)
			accepted(l, step);
		return;
	}
	l->open = false;
	if (r == NULL || !l->running)
		return;
	if (r->kind == REDIS_IS_ERROR) {
		refused(l, step, r);
	} else {
		accepted(l, step);
		handlers[step](l, r);
	}
	go(l);
}

void
bridge_list_settle(struct bridge_list *l)
{
	struct slice ids[DONE_IDS];
	struct item *done[DONE_IDS];
	struct list *node;

	if (!l->running || list_empty(&l->settled))
		return;
	do {
		struct list_command c = {.step = LIST_DONE, .ids = ids};

		while (c.n < DONE_IDS &&
		       (node = list_shift(&l->settled)) != NULL) {
			struct item *i = container_of(node, struct item, node);

			done[c.n] = i;
			ids[c.n++] = (struct slice){i->id, i->n};
			if (i->code == CODE_ok)
				continue;
			/* not with the others: it goes elsewhere */
			l->io->ask(
			    l->io, &(struct list_command){.step = LIST_BAD,
				       .ids = &ids[--c.n],
				       .n = 1,
				       .reason = code_name(i->code)});
			tell_bad((struct slice){i->id, i->n}, i->code);
			item_free(i);
		}
		if (c.n != 0)
			l->io->ask(l->io, &c);
		for (size_t k = 0; k < c.n; k++)
			item_free(done[k]);
	} while (!list_empty(&l->settled));
}

void
bridge_list_start(struct bridge_list *l)
{
	l->running = true;
	l->open = false;
	l->adopt_due = l->keys_due = l->take_due = true;
	bridge_list_settle(l);
	go(l);
}

/* The bytes of what is todo are in Redis only, and it will be found there. */
void
bridge_list_stop(struct bridge_list *l)
{
	struct list *node;

	l->running = l->open = false;
	l->fetching = 0;
	while ((node = list_shift(&l->todo)) != NULL)
		item_free(container_of(node, struct item, node));
}

void
bridge_list_room(struct bridge_list *l)
{
	go(l);
}

void
bridge_list_resume(struct bridge_list *l)
{
	l->paused = false;
	go(l);
}

void
bridge_list_adopt(struct bridge_list *l)
{
	l->adopt_due = true;
	go(l);
}

void
bridge_list_drain(struct bridge_list *l)
{
	l->draining = true;
}

bool
bridge_list_idle(const struct bridge_list *l)
{
	return l->flying == 0 && (!l->running || list_empty(&l->settled));
}

struct bridge_list *
bridge_list_new(struct list_io *io)
{
	struct bridge_list *l = xcalloc(1, sizeof(*l));

	l->io = io;
	l->items = table_new();
	list_init(&l->todo);
	list_init(&l->settled);
	backoff_init(&l->busy, LIST_BUSY_MIN, LIST_BUSY_MAX);
	return l;
}

void
bridge_list_free(struct bridge_list **lp)
{
	struct bridge_list *l = *lp;
	struct table_cursor c = {0};
	struct table_entry *e;

	*lp = NULL;
	if (l == NULL)
		return;
	while ((e = table_next(l->items, &c)) != NULL)
		item_free(container_of(e, struct item, entry));
	table_free(&l->items);
	free(l);
}
