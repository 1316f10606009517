/*
 * wheel.h - timers by the million.
 *
 * A timer is embedded in what it watches and borrowed while armed.  Arming,
 * re-arming and cancelling cost O(1); advancing costs what is due, plus at
 * most 4 moves per timer over its whole life.  The clock is the caller's:
 * any count of ms that never falls.  Nothing fires before it is due.
 */
#ifndef COMMON_WHEEL_H
#define COMMON_WHEEL_H

#include "common/list.h"

#include <stdbool.h>
#include <stdint.h>

struct timer {
	struct list node;
	uint64_t due; /* ms, of the same clock */
	void (*fire)(struct timer *);
};

struct wheel;

struct wheel *wheel_new(uint64_t now_ms);
void wheel_free(struct wheel **); /* cancels nothing: timers dangle */

static inline void
timer_init(struct timer *t, void (*fire)(struct timer *))
{
	list_init(&t->node);
	t->due = 0;
	t->fire = fire;
}

static inline bool
timer_armed(const struct timer *t)
{
	return !list_empty(&t->node);
}

/* Fire at due, or at the next advance if that is past.  Arming an armed timer
 * moves it. */
void wheel_arm(struct wheel *, struct timer *, uint64_t due);

/* Harmless on a timer that is not armed. */
static inline void
timer_cancel(struct timer *t)
{
	list_remove(&t->node);
}

/* Fire what is due at now, in order of ms.  A fired timer is not armed any
 * more; fire may arm, cancel or free any timer.  What it arms for now or
 * before fires at the next advance. */
void wheel_advance(struct wheel *, uint64_t now);

/* The same, but leave after about that many: true when more is due. */
bool wheel_advance_some(struct wheel *, uint64_t now, unsigned most);

/* ms from the last advance after which advancing may be needed: never late,
 * at times early.  UINT64_MAX: no timer is armed. */
uint64_t wheel_wait(const struct wheel *);

#endif
