/*
 * replay_own.h - between replay.c, which goes on, and replay_tell.c, which
 * speaks.  Nobody else includes it.
 */
#ifndef STORE_REPLAY_OWN_H
#define STORE_REPLAY_OWN_H

#include "common/channel.h"
#include "store/replay.h"

enum replay_kind { REPLAY_JOIN, REPLAY_HISTORY, REPLAY_READ };

struct replay {
	struct list node; /* of its peer */
	struct replay_peer *owner;
	struct join *join; /* REPLAY_JOIN: the one it is for */
	enum replay_kind kind;
	bool pattern;
	bool oldest; /* from the oldest kept: no hole before it */
	bool close;  /* REPLAY_JOIN: only what came meanwhile was missing */
	uint16_t shard;
	uint64_t ref;         /* generation, or the read's */
	uint64_t start;       /* offset it began behind */
	uint64_t after, upto; /* the invariant's position; last wanted */
	uint64_t known;       /* last offset the listener was told of */
	uint64_t lost;        /* a hole to be told: pattern: when we pass it */
	unsigned left;        /* REPLAY_READ: messages it may have */
	bool more;            /* REPLAY_READ: the limit ended it */
	enum gap_reason hole; /* REPLAY_READ: for read_end */
	uint64_t hole_to;
	uint64_t top;  /* of the shard when the last read began */
	uint64_t seen; /* highest offset released when the read began,
				 * of the topic or, for a pattern, the shard */
	enum code code;
	struct slice name;
	char bytes[];
};

struct replays {
	struct replays_setup *setup;
	struct list active; /* struct replay_peer */
	struct read read;
	char name[CHANNEL_PATTERN]; /* read.channel; outlives the replay */
	struct replay *reading;     /* NULL: none, or it was cancelled */
	bool busy;                  /* a read is under way */
	uint64_t unix_ms;           /* of this turn */
};

struct gap_told {
	uint64_t epoch, from, to;
	enum gap_reason reason;
};

void replay_tell_gap(
    struct replays *, struct replay *, const struct gap_told *);
/* A message, unless it has expired; `after` moves to it. */
void replay_tell(struct replays *, struct replay *, const struct record *);
/* joined or read_end. */
void replay_tell_end(struct replays *, struct replay *);
/* A pattern's hole, if it ends before that offset. */
void replay_tell_lost(struct replays *, struct replay *, uint64_t before);

#endif
