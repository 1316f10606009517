/*
 * jobs_own.h - between the files of the jobs.  Nobody else includes it.
 */
#ifndef STORE_JOBS_OWN_H
#define STORE_JOBS_OWN_H

#include "store/jobs.h"
#include "store/jobs_index.h"

enum { PRIORITIES = 10, JOB_KEY = 9 };

struct jobs_shard {
	struct jobs_index index;
	uint64_t lease; /* the last one given */
	/* When it was opened: the last lease and number anybody can have of
	 * before.  An engine that forgets gives the numbers again. */
	uint64_t old_lease, old_number;
};

struct jobs {
	struct jobs_setup *setup;
	struct jobs_shard *shards;
	struct table *queues, *lanes, *slots, *holders;
	struct list active;   /* struct queue: somebody may take from it */
	struct list dead;     /* struct job, oldest first */
	struct list done;     /* likewise */
	struct list held;     /* likewise; not leased until pushers are back */
	struct list ops;      /* struct op_change, being written */
	struct list enlisted; /* struct job_write, likewise */
	struct list keeps;    /* struct keep, likewise */
	size_t count, bytes;  /* unfinished, pending enqueues, dead letters */
	size_t ndead, ndone;
	unsigned awaited;  /* holders that are not back since the boot; hold */
	struct timer hold; /* while a shard was gained a moment ago */
	uint64_t random;
	uint64_t ahead; /* ms of the wall's clock before the timers' */
	bool draining;
};

/* Who does what: the jobs of a queue, by application. */
struct queue {
	struct table_entry entry;
	struct list active; /* of the jobs */
	struct list lanes;  /* struct lane: those that have ready jobs */
	struct list takers; /* struct taker, of all peers */
	unsigned users;     /* lanes and takers */
	char name[];
};

struct lane {
	struct table_entry entry;
	struct list node; /* of the queue, while any is ready */
	struct queue *queue;
	struct list ready[PRIORITIES];
	unsigned filled; /* a bit for each that is not empty */
	size_t jobs;     /* that point here */
	uint16_t app_at; /* the key is queue, a zero, app */
	char key[];
};

/* The jobs of one collapse key. */
struct slot {
	struct table_entry entry;
	uint64_t hash[2];
	struct list jobs;   /* struct job, not leased, by number */
	struct job *leased; /* NULL: none */
	size_t users;       /* jobs that point here */
};

struct job {
	struct list node; /* ready in its lane, leased by its holder, held,
			   * dead or done: by its state */
	struct timer timer;
	struct list in_slot; /* while it is in one and not leased */
	struct slot *slot; /* NULL: it has no collapse key, or is at its end */
	struct jobs *all;
	struct lane *lane;
	union {
		struct holder *holder; /* while it is leased */
		uint64_t claimant;     /* else: boot of who says that it has
					* that lease still; 0: nobody */
	};
	struct op_change *op; /* its end or return is being written */
	struct body *body;    /* NULL: empty, or at its end */
	char *why;            /* of the last outcome, a zero, the vendor's id;
				* NULL: neither */
	uint64_t number, lease;
	uint64_t created, due, expires; /* unix ms */
	uint32_t attempt, replays;
	uint16_t shard;
	uint8_t state; /* enum job_state */
	uint8_t priority;
	bool pending; /* its enqueue is being written: nobody sees it */
	bool writing; /* so is a requeue or cancel */
	bool held;    /* on the list of those */
	uint8_t target_n, collapse_n, type_n;
	char bytes[]; /* target, collapse, type */
};

/* One life of a pusher. */
struct holder {
	struct table_entry entry; /* by boot */
	struct jobs *all;
	uint64_t boot;
	struct jobs_peer *at;  /* NULL: away */
	struct list leases;    /* struct job */
	struct list unclaimed; /* from before its link was lost */
	struct timer grace;    /* while it is away */
	bool known;            /* that was tried: it may be given leases */
	bool kept;             /* a row says that it may have some */
	bool awaited;          /* since the boot of the store */
	bool keeping;          /* that row is being written */
	char name[128];        /* stage and name: who comes after it */
};

struct taker {
	struct list in_queue, in_peer;
	struct queue *queue;
	struct jobs_peer *at;
	uint64_t credit;
};

/* jobs.c: a job and its place */
struct publish_time jobs_time(struct jobs *);
struct job *job_new(struct jobs *, const struct msg_job_is *);
void job_free(struct job *); /* out of everything */
struct slice job_target(const struct job *);
struct job *job_find(struct jobs *, uint64_t shard, uint64_t number);
/* The same for a pusher who says that it was given that lease of it. */
struct job *job_given(
    struct jobs *, uint64_t shard, uint64_t number, uint64_t lease);
void job_note(struct job *, struct slice why, struct slice vendor_id);
bool job_over(const struct job *); /* it ended, or is a dead letter */
/* Its shard is ours, or is none: else nothing is done about it any more. */
bool jobs_ours(const struct jobs *, uint64_t shard);
bool job_ours(const struct job *);
/* It is unfinished and nobody has it: put it where it belongs by now. */
void job_place(struct job *);
void job_arm(struct job *, uint64_t unix_ms);
/* It is in the given end from now on; its row is gone, or says so. */
void job_finish(struct job *, enum job_state);
/* An unfinished one more, or a dead letter that became one. */
void job_enter(struct job *);
void job_bury(struct job *);

/* jobs_row.c: how it is kept */
void job_key(char key[JOB_KEY], uint64_t number);
struct msg_job_is job_is(const struct job *);
void job_row(struct buf *, const struct msg_job_is *);
struct op job_put(const struct job *, struct slice key, struct slice row);
struct op job_delete(const struct job *, struct slice key);

/* jobs_queue.c */
struct queue *queue_get(struct jobs *, struct slice name);
void queue_put(struct jobs *, struct queue *); /* one user less */
struct lane *lane_get(struct jobs *, struct slice queue, struct slice app);
void lane_put(struct jobs *, struct lane *); /* one job less */
struct slice lane_queue(const struct lane *);
struct slice lane_app(const struct lane *);
void lane_ready(struct job *, bool first);
void lane_unready(struct job *); /* harmless when it is not */
/* Whose turn it is; NULL: none is ready. */
struct job *queue_next(struct queue *);

/* jobs_slot.c */
void slot_enter(struct job *); /* finds its place by number */
void slot_lease(struct job *); /* in the slot nobody else may be leased */
void slot_leave(struct job *); /* harmless when in none */
/* The newest other one of its slot that is not leased; NULL: none. */
struct job *slot_last(struct job *);
struct job *slot_before(struct job *);    /* the next older; NULL: none */
bool slot_blocked(const struct job *);    /* may not be leased now */
bool slot_superseded(const struct job *); /* a newer one is safe */

/* jobs_op.c: its end, or its return, by way of the disk */
struct op_ask {
	enum job_state to; /* an end; or JOB_WAITING, due then */
	uint64_t due;
	struct slice why, vendor_id;
	struct publisher *asker; /* to be told `settled`; NULL: nobody */
	uint64_t lease;          /* that it named */
	bool untried;            /* that lease was no attempt */
};
/* False: not now, nothing was done. */
bool job_op(struct job *, const struct op_ask *);
void ops_free(struct jobs *);

/* jobs_write.c */
void jobs_enqueue(struct jobs *, struct publisher *, const struct msg *);
void jobs_requeue(struct jobs *, struct publisher *, const struct msg *);
void jobs_cancel(struct jobs *, struct publisher *, const struct msg *);
void jobs_writes_free(struct jobs *);

/* jobs_lease.c */
void jobs_credit(struct jobs *, struct jobs_peer *, const struct msg_credit *);
void jobs_holding(
    struct jobs *, struct jobs_peer *, const struct msg_holding *);
void job_unlease(struct job *); /* it is nobody's, and has no place yet */
void job_lease_over(struct job *);
bool jobs_dispatch(struct jobs *);

/* jobs_holder.c */
struct holder *holder_join(struct jobs *, struct jobs_peer *);
void holder_here(struct holder *); /* it claimed all it had */
void holder_away(struct holder *);
/* Where a job is now, as far as it is there and known; NULL. */
struct jobs_peer *holder_of(const struct job *);
void holder_recover(struct jobs *, struct slice key);
void holders_free(struct jobs *);

/* jobs_clock.c: by how much the wall's is before that of the timers; what is
 * due may be so at once, or not any more, when it leaps */
uint64_t jobs_ahead(struct jobs *);
void jobs_follow_clock(struct jobs *);

/* jobs_receipt.c */
void jobs_receipt(
    struct jobs *, struct jobs_peer *, const struct msg_receipt *);

/* jobs_open.c: those from before the boot */
bool jobs_unhold(struct jobs *); /* true: there are more */
void jobs_hold_over(struct timer *);

/* jobs_list.c */
void jobs_list(struct jobs *, struct jobs_peer *, const struct msg_jobs *);

#endif
