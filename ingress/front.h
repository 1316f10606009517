/*
 * front.h - what all connections of an ingress share.
 *
 * One thread, so scratch space is shared as well: it is used within a call
 * and never kept.
 */
#ifndef INGRESS_FRONT_H
#define INGRESS_FRONT_H

#include "common/address.h"
#include "common/buf.h"
#include "common/bus.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/native.h"
#include "common/trust.h"
#include "common/tyron.h"
#include "ingress/auth.h"

struct access;
struct statsd;
struct door;
struct relays;
struct asks;
struct gauges;
struct feedback;
struct peers;

enum {
	/* A socket is passed on with what was read; with a head of 16 kB
	 * before it that must stay below the 64 kB of a hand-over. */
	READ_MAX = 32768,
	PIPELINE_MAX = 64, /* requests of a connection that wait for answers */
	ORIGINS_MAX = 32,
};

struct limits {
	uint64_t head_ms, body_ms, idle_ms; /* of HTTP's three phases */
	uint64_t stream_ms;                 /* silence of a stream of lines */
	uint64_t answer_ms; /* until an unanswered request fails */
	uint64_t write_ms;  /* without progress */
	size_t body_max;
	unsigned per_address; /* connections; 0 is no limit */
};

struct origins {
	bool any;
	unsigned n;
	struct slice at[ORIGINS_MAX];
	char *lines[ORIGINS_MAX]; /* header lines for each */
};

struct front {
	struct loop *loop;
	struct bus *bus;
	struct auth *auth;
	struct access *access; /* NULL: nobody wants a line of each request */
	struct statsd *statsd; /* NULL: there is none */
	struct door *door;
	struct relays *relays;
	struct asks *asks;     /* questions on their way */
	struct gauges *gauges; /* metrics on their way */
	struct feedback *feedback;
	const char *admin_key; /* empty: nobody administrates */
	struct peers *peers;
	struct limits limits;
	struct origins origins;
	struct trust trusted; /* proxies */
	struct tyron_rules tyron;
	bool draining;
	const char *name;    /* of this instance */
	struct list clients; /* all of them */
	struct list dirty;   /* something to be written, or to go on with */
	struct list waiting; /* for the bus */
	uint64_t rooms;      /* bus_rooms() when they were last served */
	struct list gone;    /* to be freed at the end of the turn */
	unsigned nclients;
	struct turn turn;
	struct buf out, text, lines;
	struct native native; /* the message that is being read */
	char scratch[READ_MAX];
	/* The last client has left; for a drain.  May be NULL. */
	void (*empty)(struct front *);
};

void front_init(struct front *, struct loop *);
void front_end(struct front *); /* drops every connection */

/* Publishes may be taken on, of some shards; of what has that name. */
bool front_can_publish(const struct front *);
bool front_has_room(const struct front *, struct slice home);

/* Close one connection that is not in use, for the sake of its descriptor;
 * false: all are. */
bool front_shed(struct front *);

/* Read one word of the setting; false: too many. */
bool front_add_origin(struct front *, struct slice);

/* The header lines about a page of this origin (p is NULL: none was named)
 * reading the answer; *may tells whether it may.  Where not every origin may,
 * every answer says that it depends on it, for caches. */
struct slice front_cors(const struct front *, struct slice origin, bool *may);
/* For whoever has the head of a request, whole, and little else. */
struct slice front_cors_of(const struct front *, struct slice head);

#endif
