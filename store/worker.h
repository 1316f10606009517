/*
 * worker.h - a thread that blocks, so that the loop need not.
 *
 * The committer and the reader are one each.  It does one thing at a time;
 * `done` is called on the loop when it is over.  With an immediate engine
 * there is no thread, and done is called inside.
 */
#ifndef STORE_WORKER_H
#define STORE_WORKER_H

#include "common/loop.h"
#include "store/engine.h"

struct worker;

struct worker_face {
	void (*done)(
	    struct worker_face *, enum code); /* of the write, or the read */
};

struct worker *worker_new(struct loop *, struct engine *, struct worker_face *);
void worker_free(struct worker **); /* waits for what it does */

/* Both borrow until done. */
void worker_write(struct worker *, const struct batch *);
void worker_read(struct worker *, struct read *);

#endif
