/*
 * supervise.h - what to do about one child process, and when.
 *
 * Pure: it starts nothing and owns nothing.  Report what happened, together
 * with the time (ms, any steady clock); the answer is what to do now.
 */
#ifndef COMMON_SUPERVISE_H
#define COMMON_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

enum supervise_event {
	SUPERVISE_TICK,     /* time went by; the first one starts the child */
	SUPERVISE_IS_READY, /* it told so */
	SUPERVISE_DIED,     /* or could not be started */
	SUPERVISE_REFUSED,  /* it ended with 100: its settings are wrong */
	SUPERVISE_RETRY,    /* the settings may be better now */
	SUPERVISE_STOP,
	SUPERVISE_STOP_NOW,
	SUPERVISE_EVENTS
};

enum supervise_action {
	SUPERVISE_NOTHING,
	SUPERVISE_START,
	SUPERVISE_TERMINATE, /* ask: SIGTERM */
	SUPERVISE_KILL       /* SIGKILL, to the whole group */
};

enum supervise_state {
	SUPERVISE_WAITING,  /* dead, to be started when `due` */
	SUPERVISE_STARTING, /* alive, not ready yet */
	SUPERVISE_READY,
	SUPERVISE_STOPPING, /* asked to end, killed when `due` */
	SUPERVISE_KILLED,   /* death is on its way */
	SUPERVISE_FAILED,   /* refused: dead until somebody retries */
	SUPERVISE_STOPPED,  /* dead for good */
	SUPERVISE_STATES
};

struct supervise_times {  /* ms */
	uint64_t first;   /* wait after a first death */
	uint64_t last;    /* the wait doubles up to this */
	uint64_t healthy; /* having lived so long makes a death a first one */
	uint64_t grace;   /* from SIGTERM to SIGKILL */
};

struct supervise {
	const struct supervise_times *times; /* borrowed */
	enum supervise_state state;
	uint64_t since; /* when the child was started */
	uint64_t wait;  /* after the next death: first <= wait <= last */
	uint64_t due;   /* when a TICK is wanted; UINT64_MAX is never */
};

/* Waiting, and due at once. */
void supervise_init(
    struct supervise *, const struct supervise_times *, uint64_t now);

enum supervise_action supervise_step(
    struct supervise *, enum supervise_event, uint64_t now);

bool supervise_over(const struct supervise *); /* will not start by itself */

#endif
