/*
 * steps.h - a request that asks the store several things, one after another.
 *
 * A handler embeds a struct steps first in its own state.  Each step is a
 * scan of a table or a write; when it went well the next function is called,
 * else the request is answered with what the store said.  One step at a time.
 */
#ifndef INGRESS_STEPS_H
#define INGRESS_STEPS_H

#include "common/bus.h"
#include "common/table.h"
#include "ingress/front.h"
#include "ingress/request.h"

struct scans; /* steps that wait for rows, by ref */

struct steps {
	struct request r;
	/* Of steps nobody waits for: a front, and what is called when they are
	 * over, instead of the answer.  Else NULL. */
	struct front *front;
	void (*over)(struct steps *);
	struct table_entry entry;
	struct scans *scans; /* NULL unless it waits for rows */
	const struct bus_link *link;
	uint64_t ref;
	struct ticket ticket;
	void (*row)(struct steps *, const struct msg_row *); /* borrowed */
	void (*next)(struct steps *);
	bool more; /* of the last scan: the limit ended it */
	bool done;
	struct failure failure; /* status 0: none */
	struct buf answer;      /* JSON, when done */
};

void steps_init(struct steps *, const struct request_kind *);
void steps_end(struct steps *); /* for the handler's free */

/* For the handler's kind. */
bool steps_answer(struct request *, struct buf *);
void steps_fail(struct request *, const struct failure *);

/* Ask for rows; the message's ref is filled in here. */
void steps_scan(struct steps *, const struct msg_scan *,
    void (*row)(struct steps *, const struct msg_row *),
    void (*next)(struct steps *));
/* A set or unset. */
void steps_write(struct steps *, struct msg *, void (*next)(struct steps *));

/* What is in the answer is all of it. */
void steps_done(struct steps *);
/* Refuse it; field and why are static, or NULL. */
void steps_refuse(
    struct steps *, enum code, const char *field, const char *why);

/* Frames of the bus for them. */
struct scans *scans_new(void);
void scans_free(struct scans **);
void scans_row(struct scans *, const struct msg_row *);
void scans_end(struct scans *, const struct msg_scan_end *);
void scans_down(struct scans *, const struct bus_link *);

#endif
