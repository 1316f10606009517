/*
 * id.h - a user's idempotency ids: the same publish twice is one message.
 *
 * An id's scope is the channel (which is an application's) it was published
 * on.  It is remembered for 5 minutes, or until too many newer ones came, by
 * a 16-byte hash.  A repeat of a publish that is pending waits for the same
 * answer.  Copies nothing but the hash; O(1).
 */
#ifndef STORE_ID_H
#define STORE_ID_H

#include "common/list.h"
#include "common/table.h"
#include "store/publisher.h"

enum { ID_MS = 300000 };

/* One more publish that waits for the answer. */
struct id_waiter {
	struct id_waiter *next;
	struct publisher *publisher;
	uint64_t seq;
};

struct id {
	struct table_entry entry;
	struct list node; /* of all, oldest first */
	uint64_t hash[2];
	uint64_t at; /* ms */
	bool pending;
	struct answer answer; /* unless pending */
	struct id_waiter *waiters;
};

struct ids;

struct ids *ids_new(size_t most);
void ids_free(struct ids **);

struct id_scope {
	struct slice channel, id;
};

/* The id of a publish.  *repeat: it was there; either it is pending, and the
 * caller may add a waiter, or it has the answer.  Else it is pending now. */
struct id *ids_see(
    struct ids *, const struct id_scope *, uint64_t now_ms, bool *repeat);

/* A life before this one saw it, so long ago, and answered it like that. */
struct id_recalled {
	uint64_t hash[2];
	uint64_t at; /* ms, as now_ms */
	struct answer answer;
};
void ids_recall(struct ids *, const struct id_recalled *);

void id_wait(struct id *, struct publisher *, uint64_t seq);

/* The publish was accepted; who waits is the caller's to answer and free. */
struct id_waiter *id_settle(struct id *, const struct answer *);

/* It was refused: the id is forgotten, a repeat is a new publish. */
struct id_waiter *id_fail(struct ids *, struct id *);

#endif
