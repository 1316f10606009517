/*
 * door.h - sockets that an ingress hands over, and those handed back.
 *
 * The hub connects to every door it finds as $run/door.<n>, offers credit,
 * and gets sockets with the bytes read so far.
 */
#ifndef HUB_DOOR_H
#define HUB_DOOR_H

#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

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

enum { HUB_TAGS = 2147483647 }; /* tags are 1 to this; below 36^6 */

/* A number for a hub as long as it lives, by which it is found through the
 * doors of its host. */
uint32_t hub_tag(const struct hub *);

/*
 * What was just read is for a session of the hub with that tag: the socket
 * goes there, by way of the ingress, with these bytes, which begin with it: of
 * a request its head (hub->request), of an upgraded connection the message as
 * its client would write it (websocket_put_client).  Of such a one also goes
 * what its dialect saves.  What was answered before is written first.
 *
 * True: the connection is gone, or is ours to forget.  False: nothing has
 * happened, and it is to be answered here as of a session that is gone: it is
 * not written out, was passed on before, is too large for a hand-over, no
 * ingress is there, or too many wait for it.  Where no hub has that tag it
 * comes back, is read again, and false is returned then: for one message, so
 * a dialect that reads several at once sets conn.passed to false behind each.
 *
 * While the door is full, or its ingress restarts, the socket waits for it, 2 s
 * at most.
 */
bool door_pass_on(struct conn *, uint32_t tag, struct slice bytes);
enum { DOOR_BYTES = 65535 }; /* of a hand-over, as in msg.def */
/* It was not passed on only because it is longer. */
bool door_is_too_long(const struct conn *, struct slice bytes);

#endif
