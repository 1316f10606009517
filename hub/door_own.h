/*
 * door_own.h - private to door.c and door_on.c: the ends of the doors.
 */
#ifndef HUB_DOOR_OWN_H
#define HUB_DOOR_OWN_H

#include "common/list.h"
#include "common/loop.h"
#include "common/msg.h"
#include "common/passing.h"
#include "hub/door.h"

enum {
	DOOR_LISTENERS = 32, /* names of them; LISTENERS_MAX of two ingresses */
	DOOR_STATE = 3072,   /* of a hand-over, as in msg.def */
};

struct door {
	struct list node;
	struct watch watch;
	struct doors *doors;
	uint64_t number;
	int fd;
	unsigned taken; /* since the last offer */
};

struct doors {
	struct hub *hub;
	const char *run;
	struct list open;
	struct timer look;
	struct watch made; /* inotify's: something was made in the folder */
	int notify;        /* -1: there is none */
	char *listeners[DOOR_LISTENERS]; /* NULL: nobody came by it */
	struct list onward;              /* struct onward, oldest first */
	unsigned onward_n;
	struct timer again; /* for them */
	struct buf frame;
	char record[PASSING_MAX];
};

/* door.c: the door it came in by, else any; NULL: there is none. */
struct door *door_for(struct doors *, const struct conn *);
/* The frame it goes with, but for its listener; the bytes are borrowed. */
struct msg door_frame(const struct conn *, struct slice bytes);

/* door_on.c: those that wait for a full door. */
void door_on_begin(struct doors *);
void door_on_end(struct doors *); /* closes them */

#endif
