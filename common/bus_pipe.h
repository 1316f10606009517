/*
 * bus_pipe.h - private to the bus: frames on stdin and stdout instead of a
 * link to a store.
 *
 * A pipe has no numbers, no hello and nobody who answers: frames follow each
 * other as they are.  So this file answers in the store's place.  A publish
 * is answered when its bytes have left for the pipe; a join at once, and what
 * comes in as a publish is delivered.
 */
#ifndef COMMON_BUS_PIPE_H
#define COMMON_BUS_PIPE_H

#include "common/bus_link.h"

struct bus_pipe;

/* Makes the bus one of a single shard whose link is always up. */
struct bus_pipe *bus_pipe_open(struct bus *);
void bus_pipe_close(struct bus_pipe **);

/* The frame was added to link.out; answer what needs no store. */
void bus_pipe_sent(struct bus_pipe *, const struct msg *);

/* Write what waits; once a turn. */
void bus_pipe_flush(struct bus_pipe *);

/* Before the end: write what still waits, for at most a second. */
void bus_pipe_finish(struct bus_pipe *);

#endif
