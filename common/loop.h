/*
 * loop.h - one thread's event loop: descriptors, timers, turns, signals.
 *
 * A watch is embedded in its owner, who finds itself with container_of();
 * an idle one costs 56 bytes and no allocation.  Timers are wheel.h's, armed
 * on loop_wheel().  A turn is one round of the loop: everything that became
 * ready is served, then the turn hooks run, then it sleeps.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include "common/list.h"
#include "common/slice.h"
#include "common/wheel.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* Zero it before its first use; it must be still (loop_unwatch) before its
 * memory or its descriptor goes away. */
struct watch {
	void (*ready)(struct watch *, unsigned events);
	uint64_t opaque[6];
};

/* A hook into every turn.  work (may be NULL) runs after descriptors and
 * timers were served.  end runs last, before the sleep, and returns true when
 * it has more to do: then there is no sleep.  Hooks added last end first, so
 * what a stage says at its end still leaves with the bus's. */
struct turn {
	struct list node;
	void (*work)(struct turn *);
	bool (*end)(struct turn *);
};

struct loop *loop_new(void);
void loop_free(struct loop **); /* and sets it to NULL */

int loop_run(struct loop *); /* until loop_stop; returns its status */
void loop_stop(struct loop *, int status);

uint64_t loop_now(const struct loop *);     /* ms, monotonic, of this turn */
uint64_t loop_unix_ms(const struct loop *); /* wall clock of this turn */
/* That as a header line of HTTP, "Date: ...\r\n", made once a second; borrowed
 * for this turn. */
struct slice loop_date(const struct loop *);

/* What the loop did since this was asked last: turns, and how long the longest
 * took from waking up to sleep, in which nobody else was served. */
struct loop_busy {
	uint64_t turns, longest_us;
};
struct loop_busy loop_busy(struct loop *);
uint64_t clock_us(void); /* monotonic, right now */

/* Watch fd for events; again to change them; 0 is watched for nothing. */
void loop_watch(struct loop *, struct watch *, int fd, unsigned events);
void loop_unwatch(struct loop *, struct watch *); /* harmless when still */

/* The same for a descriptor that lives on in another process: there closing
 * it here does not end the kernel's watch, which would wake us for ever. */
void loop_release(struct loop *, struct watch *, int fd);

struct wheel *loop_wheel(struct loop *);
void loop_arm(struct loop *, struct timer *, uint64_t in_ms);

void loop_add_turn(struct loop *, struct turn *);

/* Have `caught` called at each signal, on the loop's thread.  The signal is
 * blocked, here and in threads that begin later, and breaks off no call; and
 * it stays so, for what comes while a stage stops must not end it. */
struct signal_watch {
	void (*caught)(struct signal_watch *, int signo);
	uint64_t opaque[8];
};
void loop_signal(struct loop *, struct signal_watch *, int signo);

/* A way for another thread to have `woken` called on the loop's thread. */
struct waker {
	void (*woken)(struct waker *);
	uint64_t opaque[8];
	struct loop *loop;
};
void loop_add_waker(struct loop *, struct waker *);
void waker_wake(struct waker *); /* from any thread */
void loop_remove_waker(struct waker *);

#endif
