/*
 * core_own.h - between core.c, which holds the parts, and core_frame.c,
 * which hands them frames.  Nobody else includes it.
 */
#ifndef STORE_CORE_OWN_H
#define STORE_CORE_OWN_H

#include "store/boxes.h"
#include "store/core.h"
#include "store/counters.h"
#include "store/jobs.h"
#include "store/lease.h"
#include "store/presence.h"
#include "store/publish.h"
#include "store/rejoin.h"
#include "store/replay.h"
#include "store/tables.h"
#include "store/tracks.h"
#include "store/worker.h"
#include "store/writes.h"

/* What hangs on a peer of the bus. */
struct bus_peer_state {
	struct bus_peer *peer;
	struct publisher *publisher;
	struct route_peer route;
	struct replay_peer replay;
	struct pages_peer pages;
	struct watch_peer watch;
	struct jobs_peer jobs;
	struct presence_peer presence;
	struct counters counters;
	struct list dead;
	unsigned errands;        /* of a bridge: those it has */
	bool refused;            /* and it could not do the last one */
	unsigned asked;          /* of others: those on their way */
	struct bus_peer *bridge; /* with the last; means something if any are */
	/* By shard, the last message that told it to send something again; and
	 * the last of all; 0: it knows. */
	uint64_t *bounced, newest;
};

struct core {
	struct core_setup *setup;
	struct bus_server *server;
	struct bus_server_face face;
	struct wire wire;
	struct sequence_setup sequence_setup;
	struct sequence *sequence;
	struct route_setup route_setup;
	struct route *route;
	struct replays_setup replays_setup;
	struct replays *replays;
	struct publishing_setup publishing_setup;
	struct publishing *publishing;
	struct rejoin_setup rejoin_setup;
	struct rejoin *rejoin;
	struct writes *writes;
	struct jobs_setup jobs_setup;
	struct jobs *jobs;
	struct pages *pages;
	struct boxes *boxes;
	struct tables_setup tables_setup;
	struct tables *tables;
	struct keyring *keyring;
	struct publishers *publishers;
	struct ids *ids;
	struct watches *watches;
	struct tracks *tracks;
	struct presence_setup presence_setup;
	struct presence *presence;
	struct list rosters; /* struct late_roster */
	unsigned late_rosters;
	struct core_errands {
		struct list on_way; /* struct errand */
		struct table *by_number;
		uint64_t number; /* the last one */
		struct timer late;
	} errands;
	struct worker *committer, *reader;
	struct core_write {
		struct work work;
		struct engine *engine;
		struct batch *batch;
	} write; /* one at a time; so is the read */
	struct core_read {
		struct work work;
		struct engine *engine;
		struct read *read;
	} read;
	struct lease_face lease_face;
	struct lent *lent;   /* one per shard; NULL: the setting decides */
	uint64_t sure_until; /* ms: until then all that is ours stays so */
	bool late;           /* what this turn decided may not be told */
	struct turn turn;
	struct timer second, quarter, last_words;
	struct list dead; /* struct bus_peer_state */
	bool working;     /* between the first call of a turn and its end */
	bool draining;
};

void core_make_rows(struct core *); /* boxes, tables, keys */
void core_free_rows(struct core *);
void core_on_box(struct core *, struct bus_peer_state *, const struct msg *);
void core_on_list(struct core *, struct bus_peer_state *, const struct msg *);
void core_on_table(struct core *, struct bus_peer_state *, const struct msg *);
void core_on_scan(struct core *, struct bus_peer_state *, const struct msg *);

static inline struct publish_time
core_time(const struct core *c)
{
	return (struct publish_time){
	    loop_now(c->setup->loop), loop_unix_ms(c->setup->loop)};
}

/* core_presence.c: presence made, and its clock. */
void core_presence_open(struct core *);
void core_presence_start(struct core *);
void core_presence_close(struct core *);

/* core_tracks.c: tracks made, and made known to who meets messages. */
void core_tracks_open(struct core *);
void core_fates(struct core *, struct bus_peer_state *, const struct msg *);
void core_message(struct core *, struct bus_peer_state *, const struct msg *);

/* core_roster.c: as code says, or it is told, now or behind what is pending. */
enum code core_roster_ask(
    struct core *, struct bus_peer *, const struct msg_roster *);
void core_roster_gone(struct core *, const struct bus_peer *);
void core_rosters_free(struct core *);

/* Its frames. */
void core_enter(struct core *, struct bus_peer_state *, const struct msg *);
void core_exit(struct core *, struct bus_peer_state *, const struct msg *);
void core_reentered(struct core *, struct bus_peer_state *, const struct msg *);
void core_roster(struct core *, struct bus_peer_state *, const struct msg *);

/* core_errand.c: what a bridge has Redis do. */
void core_errands_open(struct core *);
void core_errands_close(struct core *);
void core_errands_gone(struct core *, const struct bus_peer *);
void core_ask_redis(struct core *, struct bus_peer_state *, const struct msg *);
void core_told_redis(
    struct core *, struct bus_peer_state *, const struct msg *);

/* Any frame but publish. */
void core_frame(struct core *, struct bus_peer_state *, const struct msg *);

/* False: the engine cannot. */
bool core_open_shards(struct core *);
/* Takes the recall. */
void core_begin_shard(struct core *, unsigned shard, struct shard_state *);

/* What is held of a shard's rows while it is ours; the reading blocks. */
struct shard_rows {
	struct snapshot keys, jobs;
};
void core_rows_want(struct core *, unsigned shard, struct shard_rows *);
enum code core_rows_read(struct shard_rows *);
void core_rows_free(struct shard_rows *);

/* Shards that are lent (core_lent.c). */
void core_lend(struct core *); /* begins it */
void core_lend_end(struct core *);
void core_tell_owners(struct core *, struct bus_peer *);
/* A peer is told to send again what was of that shard. */
void core_bounced(struct publishing_setup *, struct bus_peer *, unsigned shard);
/* It may have been sent before the peer heard that. */
bool core_is_stale(struct core *, struct bus_peer *, const struct msg *);
void core_let_go(struct core *); /* what nothing pends of any more */
void core_write_failed(struct publishing_setup *, unsigned shard, enum code);
void core_check_leases(struct core *); /* before anything is decided */
void core_drop_late(struct core *);    /* at the end of a turn */

#endif
