/*
 * gcm_own.h - between the files of the stage gcm.  Nobody else includes it.
 */
#ifndef PUSHERS_GCM_OWN_H
#define PUSHERS_GCM_OWN_H

#include "common/must.h"
#include "pushers/gcm_answer.h"
#include "pushers/gcm_job.h"
#include "pushers/google.h"
#include "pushers/report.h"

enum {
	GCM_SHOTS = 16, /* requests of one push at a time */
	GCM_ROUNDS = 3, /* for ids that are unavailable, as Incus had */
};

struct gcm {
	struct pusher pusher; /* first */
	struct posts *posts;
	struct google google; /* open: FCM HTTP v1 */
	struct reports reports;
	struct list waiting; /* struct gcm_push, for a token */
	struct turn turn;
	const char *legacy_url;
	char *key; /* "key=...", of the legacy protocol; NULL: none */
	char *url; /* of v1, with the project; NULL: not open */
	uint64_t timeout;
	bool dry;
	struct backoff down; /* while Google is */
	unsigned failures;   /* one after the other */
	uint64_t random;
};

/* One of the tokens of a push. */
struct gcm_id {
	struct slice id;
	struct gcm_answer answer; /* its words are in the next */
	char *words;
	bool out;   /* asked about just now */
	bool again; /* a new token of ours was asked for, for its sake */
};

struct gcm_shot {
	struct post post;
	struct buf body, auth, url; /* a reload may change those */
	struct gcm_push *push;
	unsigned first; /* v1: the id it is about */
};

struct gcm_push {
	struct push push; /* first */
	struct gcm *gcm;
	struct gcm_job job;
	struct gcm_id *ids;
	unsigned n;
	bool v1;
	struct gcm_shot *shots;
	unsigned nshots, flying, round;
	struct list node;   /* of those that wait for a token */
	struct timer pause; /* between two rounds */
	struct report report;
};

extern const struct vendor gcm_vendor;

static inline struct gcm_push *
gcm_push_of(struct push *p)
{
	return container_of(p, struct gcm_push, push);
}

/* gcm_push.c: what waits for a token goes on; or not, as there is none. */
void gcm_token_came(struct gcm *);
void gcm_token_failed(struct gcm *, struct slice why);

/* gcm_end.c: all ids have answers */
void gcm_push_done(struct gcm_push *);

#endif
