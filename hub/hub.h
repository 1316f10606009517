/*
 * hub.h - the stage that owns clients' connections, and what its modules
 * share.
 *
 * One thread and one loop.  Frames of a turn go to subs.h, which frames them
 * into runs; at the end of the turn they are written.  While a flush is
 * unfinished the bus is held, so that the store learns of it; clients, timers
 * and beats go on.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "common/daemon.h"
#include "common/keys.h"
#include "common/native.h"
#include "common/trust.h"
#include "common/tyron.h"
#include "hub/attend.h"
#include "hub/fates.h"
#include "hub/form.h"
#include "hub/run.h"
#include "hub/subs.h"
#include "hub/websocket.h"

enum {
	HUB_SCRATCH = 32768,  /* bytes read at once; with those kept, they must
	                       * fit a hand-over: 65535 */
	HUB_DIRTY_EVERY = 32, /* flushes between looks at the clock */
	HUB_DESCRIPTORS = 24, /* for doors, listeners and log */
	HUB_LINK = 8,         /* for each store: a link, and the next one */
};

/* What to do with who does not read. */
enum slow { SLOW_DISCONNECT, SLOW_SKIP };

/* What Incus' clients are to find; redis borrows from the settings. */
struct incus_limits {
	bool broadcasts;        /* clients may send messages */
	bool connected_present; /* whoever is connected is present */
	bool empty_ok;          /* a poll ends with 200, not 204 */
	bool empty_beat;        /* empty texts besides pings */
	bool cookie;            /* a poll's place goes by cookie, too */
	bool sets;              /* Redis is told who is here */
	uint64_t poll, nobody, ping;
	const char *redis; /* channel for clients' messages; "": the store */
};

/* What Bayeux' clients are to find. */
struct bayeux_limits {
	uint64_t timeout; /* of a connect; silence of 1.6 is the end */
	uint64_t ping;    /* 0: sockets are not pinged */
	uint64_t sessions;
	bool expiry; /* a subscription ends with its token */
};

/* Settings, read once; times are in ms, sizes in bytes. */
struct hub_limits {
	uint64_t connections, per_address, subscriptions;
	uint64_t message, backlog, recent;
	uint64_t head, idle, first, ping, pong, heartbeat, spread, retry;
	uint64_t roster;   /* users in the answer to a subscribe */
	uint64_t commands; /* unanswered publishes of one connection */
	enum slow slow;
	int level; /* of deflate */
	bool echo, deflate;
	unsigned personas;    /* of our own listeners, besides ours */
	struct trust trusted; /* proxies */
	const char *origins;  /* allowed, a list; "*" is any */
	struct incus_limits incus;
	struct tyron_rules tyron;
	struct bayeux_limits bayeux;
};

struct addresses;
struct accepts;
struct doors;
struct incus_hub;
struct incus_bus;
struct bayeux_hub;
struct statsd;

struct hub {
	struct daemon d; /* first */
	struct hub_limits limits;
	struct subs_face subs_face;
	struct runs *runs;
	struct fates_face fates_face;
	struct fates *fates;
	struct deflate *deflate;
	struct forms *forms;
	struct subs *subs;
	struct attend_face attend_face;
	struct attends *attends;
	struct incus_hub *incus;
	struct incus_bus *incus_bus; /* NULL: Redis is not told of clients */
	struct bayeux_hub *bayeux;
	struct statsd *statsd; /* NULL: none */
	uint64_t gauges_ref;   /* of the stats asked for last */
	struct keys *keys;
	struct websocket_rules rules;
	unsigned age; /* s */
	struct addresses *addresses;
	struct accepts *accepts;
	struct doors *doors;
	struct list conns; /* all but the dead */
	struct list dirty; /* with something to write this turn */
	struct list dead;  /* freed at the end of the turn */
	size_t conns_n;
	struct turn turn;
	struct timer second, drain;
	uint64_t drain_began;  /* ms of the loop */
	size_t drain_conns;    /* there were then */
	struct buf json, text; /* scratch of whoever builds an answer */
	struct native native;  /* the message that is being read */
	bool flushing;         /* bytes may be written at once */
	bool held;             /* the bus is */
	/* While a request is opened: its head and all that came behind it, as
	 * door_pass_on() wants it. */
	struct slice request;
	char scratch[HUB_SCRATCH];
};

extern const struct option hub_options[];
extern const struct stage hub_stage;

/* The parts that need neither settings nor listeners; d.loop, d.bus and
 * limits are set.  For hub_start() and for tests. */
void hub_open(struct hub *);
void hub_close(struct hub *); /* kills the connections */

/* Frames and links of the bus. */
void hub_frame(struct hub *, const struct msg *);
void hub_link_up(struct hub *);
void hub_link_down(struct hub *);

/* A store was heard: channels can be joined. */
static inline bool
hub_knows_shards(const struct hub *h)
{
	return bus_shards(h->d.bus) != 0;
}

static inline uint64_t
hub_unix_s(const struct hub *h)
{
	return loop_unix_ms(h->d.loop) / 1000;
}

static inline struct slice
hub_date(const struct hub *h)
{
	return loop_date(h->d.loop);
}

#endif
