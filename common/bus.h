/*
 * bus.h - a stage's end of the bus: one link to each store.
 *
 * The bus opens a link per store named in the settings, says hello, keeps it
 * alive, and opens a new one when it died.  Frames sent in a turn leave
 * together at its end.  Frames come to the face, a bounded batch per turn.
 *
 * Writes - publishes, jobs, items, rows - are numbered, kept until answered,
 * and sent again in order when a link returns, before anything new; each is
 * answered exactly once, by ticket (outbox.h).  Sending never blocks and
 * never fails; what a link that is down is sent is dropped, because up() is
 * where a stage says again all that must hold.
 */
#ifndef COMMON_BUS_H
#define COMMON_BUS_H

#include "common/bus_socket.h"
#include "common/loop.h"
#include "common/msg.h"
#include "common/outbox.h"

struct bus;
struct bus_link; /* to one store */

/* What a stage hears.  Every function may be NULL.  The msg and its slices
 * are borrowed for the call. */
struct bus_face {
	/* The store welcomed us, and forgot whatever was said before: say
	 * again what must hold there. */
	void (*up)(struct bus_face *, struct bus_link *);
	/* The link is gone; nothing sent on it can be relied upon. */
	void (*down)(struct bus_face *, struct bus_link *);
	/* The shard has another owner, or the same one after it was not, or it
	 * serves it now: what was said of it before is void.  The link may be
	 * down. */
	void (*owner)(struct bus_face *, unsigned shard);
	void (*frame)(struct bus_face *, struct bus_link *, const struct msg *);
	/* These frames are about to come; see bus_frames.h. */
	void (*ahead)(struct bus_face *, const struct msg *, unsigned);
	/* bus_room() is true again after it was false. */
	void (*room)(struct bus_face *, struct bus_link *);
	/* bus_can_publish() is true again after it was false. */
	void (*publishable)(struct bus_face *);
};

/* Where a pipe reads and writes. */
struct bus_pipe_ends {
	int in, out;
};

struct bus_setup {
	struct loop *loop;
	struct bus_face *face;    /* borrowed */
	const char *stores;       /* [name@]endpoint ..., by spaces; or "-" */
	const char *stage, *name; /* as in hello */
	struct bus_keys keys;
	struct bus_pipe_ends pipe; /* with "-"; both 0: stdin and stdout */
};

/* NULL when the settings are wrong; *why says how. */
struct bus *bus_open(const struct bus_setup *, const char **why);
void bus_close(struct bus **); /* and sets it to NULL */

/* All shards have an owner whose link is up. */
bool bus_ready(const struct bus *);
uint64_t bus_boot(const struct bus *);   /* ours, as our hello says */
unsigned bus_shards(const struct bus *); /* 0: not told yet */

/* Links by number, for walks; the link that owns a shard, NULL when it is
 * unknown or down. */
unsigned bus_links(const struct bus *);
struct bus_link *bus_link_at(struct bus *, unsigned);
struct bus_link *bus_owner(struct bus *, unsigned shard);
/* Any link that is up, for what any store does; NULL: none. */
struct bus_link *bus_any(struct bus *);
bool bus_link_up(const struct bus_link *);
const char *bus_link_name(const struct bus_link *);
unsigned bus_link_number(const struct bus_link *);
uint64_t bus_link_boot(const struct bus_link *); /* of the store, while up */

/* A number of the stage's own for each link; 0 at first. */
uint64_t *bus_link_tally(struct bus_link *);

/* The window of the link has room; to be asked before bulk is sent. */
bool bus_room(const struct bus_link *);
void bus_send(struct bus_link *, const struct msg *);

/* Every store has room, whichever the next write goes to; any has; the one
 * has that keeps what is of this name.  Then rooms() grows with each time that
 * there is room where there was none. */
bool bus_can_publish(const struct bus *);
bool bus_may_publish(const struct bus *);
bool bus_has_room(const struct bus *, struct slice home);
uint64_t bus_rooms(const struct bus *);

/* Publish, or write what else msg_writes(); the seq is filled in here, the
 * rest is copied.  The ticket is answered later, never inside the call. */
void bus_publish(struct bus *, struct msg *, struct ticket *);
size_t bus_unanswered(const struct bus *); /* publishes */

/* While held, nothing is taken from the network: the window fills, and the
 * store learns that we are busy. */
void bus_hold(struct bus *, bool);

/* Say bye on every link and send what waits; before a clean exit. */
void bus_leave(struct bus *);

/* It is a pipe whose input has ended: nothing will come any more. */
bool bus_ended(const struct bus *);

#endif
