/*
 * publisher.h - each publish of each publisher is accepted once.
 *
 * A publisher is one life of a process, known by its boot id.  Its mark is
 * the highest seq that was handled; what comes at or below it again is
 * answered as the first time.  16,384 answers are remembered, as many as a
 * publisher may have unanswered; the memory for them (16 bytes each) grows
 * with use.  What is below the mark and nobody saw is new: a life before this
 * one may have taken what came behind it.  All cost O(1).
 */
#ifndef STORE_PUBLISHER_H
#define STORE_PUBLISHER_H

#include "common/bus_server.h"
#include "common/list.h"
#include "common/table.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	PUBLISHER_ANSWERS = 16384,    /* OUTBOX_ITEMS of outbox.h */
	PUBLISHER_FORGET_MS = 300000, /* after its link: nobody is away longer
					 * and still has something to repeat */
};

struct answer {
	uint64_t offset;
	uint32_t hubs;
	uint16_t shard; /* its epoch is the answer's */
	uint8_t code;
	uint8_t state; /* enum answer_state << 4 | enum kept */
};

enum answer_state { ANSWER_NONE, ANSWER_PENDING, ANSWER_GIVEN };

struct publisher {
	struct table_entry entry; /* by boot */
	struct list node;         /* while it has no link, longest away first */
	uint64_t boot, mark;
	uint64_t away_since;    /* ms */
	uint32_t pending;       /* publishes that are not answered: it stays */
	struct bus_peer *peer;  /* NULL: no link now */
	struct answer *answers; /* by seq */
	uint32_t room;          /* a power of two */
};

struct publishers;

struct publishers *publishers_new(void);
void publishers_free(struct publishers **);

/* A peer said hello: its publisher, new or remembered, has a link again. */
struct publisher *publishers_join(struct publishers *, struct bus_peer *);
void publishers_leave(struct publishers *, struct publisher *, uint64_t now_ms);

/* Forget who has been away for long. */
void publishers_tick(struct publishers *, uint64_t now_ms);

/* A life before this one answered it like that: known again, as if its
 * publisher had just lost its link. */
struct recalled {
	uint64_t boot, seq;
	struct answer answer;
};
void publishers_recall(
    struct publishers *, const struct recalled *, uint64_t now_ms);

/* A publish came.  ANSWER_NONE: it is new, and pending from now on; else
 * it was seen before: pending still, or *out is what it was answered (NULL:
 * too long ago). */
enum answer_state publisher_see(
    struct publisher *, uint64_t seq, const struct answer **out);

/* Remember the answer (its state's upper half is set here).  A write that
 * was answered `moved` was not seen: it may come again, to stay. */
void publisher_answer(struct publisher *, uint64_t seq, const struct answer *);

static inline unsigned
answer_kept(const struct answer *a)
{
	return a->state & 15;
}

#endif
