/*
 * worker.h - a thread that blocks, so that the loop need not.
 *
 * The committer and the reader are one each.  It does what it is given in
 * order, one thing at a time; `done` is called on the loop when a thing is
 * over.  A worker without a thread runs it at once, and done is called
 * inside.
 */
#ifndef STORE_WORKER_H
#define STORE_WORKER_H

#include "common/list.h"
#include "common/loop.h"

#include <stdbool.h>

struct worker;

/* A thing to do; embedded in what knows the rest. */
struct work {
	void (*run)(struct work *);  /* on the thread; may block */
	void (*done)(struct work *); /* on the loop */
	struct list node;
};

struct worker *worker_new(struct loop *, bool threaded);
/* Waits for what it does; what it has not begun is dropped. */
void worker_free(struct worker **);

/* Borrows the work until it is done. */
void worker_do(struct worker *, struct work *);

#endif
