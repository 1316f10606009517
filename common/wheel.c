/*
 * wheel.c - a hierarchical wheel of 4 levels of 256 slots.
 *
 * Level 0 has a slot per ms, level 1 one per 256 ms, and so on: 2^32 ms in
 * all.  A timer stands on the lowest level whose digit is the highest in
 * which its due time differs from `now`; when the clock reaches the slot of a
 * higher level, its timers are dealt out to the levels below.  A bit per slot
 * lets the clock step over empty slots, so a wheel left alone for an hour
 * catches up at once.  Bits are cleared late: cancelling does not know its
 * wheel, so a set bit only means that a slot may hold something.
 *
 * Everything armed is due after `now`, or waits in `late` or `firing`.
 */
#include "common/wheel.h"

#include "common/must.h"

enum { LEVELS = 4, BITS = 8, SLOTS = 1 << BITS, WORDS = SLOTS / 64 };

struct wheel {
	uint64_t now;     /* of the hands; <= target */
	uint64_t target;  /* of the latest advance */
	struct list late; /* due at the next advance */
	struct list firing;
	uint64_t maybe[LEVELS][WORDS];
	struct list slots[LEVELS][SLOTS];
};

static unsigned
digit(uint64_t t, unsigned level)
{
	return (unsigned)(t >> (level * BITS)) & (SLOTS - 1);
}

struct wheel *
wheel_new(uint64_t now)
{
	struct wheel *w = xcalloc(1, sizeof(*w));

	w->now = w->target = now;
	list_init(&w->late);
	list_init(&w->firing);
	for (unsigned l = 0; l < LEVELS; l++)
		for (unsigned s = 0; s < SLOTS; s++)
			list_init(&w->slots[l][s]);
	return w;
}

void
wheel_free(struct wheel **wp)
{
	free(*wp);
	*wp = NULL;
}

static void
place(struct wheel *w, struct timer *t)
{
	uint64_t at = t->due, differs;
	unsigned level = 0, slot;

	if (at - w->now > UINT32_MAX) /* as far as the wheel reaches */
		at = w->now + UINT32_MAX;
	for (differs = at ^ w->now; differs >> BITS != 0; differs >>= BITS)
		level++;
	if (level >= LEVELS) /* beyond the carry: the last digit wraps */
		level = LEVELS - 1;
	slot = digit(at, level);
	w->maybe[level][slot / 64] |= (uint64_t)1 << slot % 64;
	list_append(&w->slots[level][slot], &t->node);
}

void
wheel_arm(struct wheel *w, struct timer *t, uint64_t due)
{
	list_remove(&t->node);
	t->due = due;
	if (due <= w->target)
		list_append(&w->late, &t->node);
	else
		place(w, t);
}

/* How many slots of a level lie between its digit of now and the next that
 * may hold something, 1 to SLOTS; 0 when there is none. */
static unsigned
next_slot(const struct wheel *w, unsigned level)
{
	unsigned first = digit(w->now, level) + 1;

	for (unsigned i = 0; i < SLOTS;) {
		unsigned slot = (first + i) % SLOTS;
		uint64_t word = w->maybe[level][slot / 64] >> slot % 64;

		if (word != 0) {
			i += (unsigned)__builtin_ctzll(word);
			return i < SLOTS ? i + 1 : 0;
		}
		i += 64 - slot % 64;
	}
	return 0;
}

/* The next moment at which some slot must be looked at. */
static uint64_t
next_stop(const struct wheel *w)
{
	uint64_t best = UINT64_MAX;

	for (unsigned l = 0; l < LEVELS; l++) {
		uint64_t base = w->now >> (l * BITS);
		unsigned ahead = next_slot(w, l);
		uint64_t at = (base + ahead) << (l * BITS);

		if (ahead != 0 && at < best)
			best = at;
	}
	return best;
}

/* now has just become a stop: deal out the slots that begin here, the highest
 * first, and collect what is due. */
static void
stop_here(struct wheel *w)
{
	for (unsigned l = LEVELS; l-- != 0;) {
		unsigned slot = digit(w->now, l);
		struct list here;

		if ((w->now & (((uint64_t)1 << (l * BITS)) - 1)) != 0)
			continue;
		w->maybe[l][slot / 64] &= ~((uint64_t)1 << slot % 64);
		list_init(&here);
		list_move(&here, &w->slots[l][slot]);
		for (struct list *n; (n = list_shift(&here)) != NULL;) {
			struct timer *t = container_of(n, struct timer, node);

			if (t->due <= w->now)
				list_append(&w->firing, n);
			else
				place(w, t);
		}
	}
}

/* Fire what is collected; false: most is used up. */
static bool
fire(struct wheel *w, unsigned *most)
{
	struct list *n;

	while (*most != 0 && (n = list_shift(&w->firing)) != NULL) {
		struct timer *t = container_of(n, struct timer, node);

		--*most;
		t->fire(t);
	}
	return list_empty(&w->firing);
}

bool
wheel_advance_some(struct wheel *w, uint64_t now, unsigned most)
{
	uint64_t stop;

	if (now > w->target)
		w->target = now;
	list_move(&w->firing, &w->late);
	for (;;) {
		if (!fire(w, &most))
			return true;
		stop = next_stop(w);
		if (stop > w->target)
			break;
		w->now = stop;
		stop_here(w);
	}
	w->now = w->target;
	return false;
}

void
wheel_advance(struct wheel *w, uint64_t now)
{
	wheel_advance_some(w, now, UINT32_MAX);
}

uint64_t
wheel_wait(const struct wheel *w)
{
	uint64_t stop;

	if (!list_empty(&w->late) || !list_empty(&w->firing))
		return 0;
	stop = next_stop(w);
	return stop == UINT64_MAX ? stop : stop - w->now;
}
