/*
 * door.h - sockets that an ingress hands over, and those handed back.
 *
 * The hub connects to every door it finds as $run/door.<n>, offers credit,
 * and gets sockets with the bytes read so far.
 */
#ifndef HUB_DOOR_H
#define HUB_DOOR_H

#include "common/slice.h"

struct conn;
struct doors;
struct hub;

struct doors *doors_new(struct hub *, const char *run); /* borrows both */
void doors_free(struct doors **);

/* Say again what can be taken: connections left, or the hub drains. */
void doors_offer(struct doors *);

/* The next request is not ours: its socket goes back with these bytes.  True:
 * the connection is gone, one way or the other.  False: the door is full,
 * nothing has happened; try again soon. */
bool door_give_back(struct conn *, struct slice bytes);

#endif
