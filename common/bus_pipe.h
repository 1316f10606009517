/*
 * bus_pipe.h - private to the bus: frames on two descriptors, stdin and stdout
 * but for tests, instead of a link to a store.
 *
 * A pipe has no numbers, no hello and nobody who answers: frames follow each
 * other as they are.  So this file answers in the store's place.  A publish
 * is answered when its bytes have left for the pipe; a join at once, and what
 * comes in as a publish is delivered.  There is no roster.
 */
#ifndef COMMON_BUS_PIPE_H
#define COMMON_BUS_PIPE_H

#include "common/bus_link.h"

struct bus_pipe;

/* Makes the bus one of a single shard whose link is always up. */
struct bus_pipe *bus_pipe_open(struct bus *, struct bus_pipe_ends);
void bus_pipe_close(struct bus_pipe **); /* leaves the descriptors open */

/* The frame was added to link.out; answer what needs no store. */
void bus_pipe_sent(struct bus_pipe *, const struct msg *);

/* Write what waits, and answer what was written; once a turn. */
void bus_pipe_flush(struct bus_pipe *);

/* Less than a window waits to be written. */
bool bus_pipe_room(const struct bus_pipe *);

/* There is something for the next flush. */
bool bus_pipe_due(const struct bus_pipe *);

/* While held, the input is not read. */
void bus_pipe_hold(struct bus_pipe *, bool);

/* The input has ended. */
bool bus_pipe_ended(const struct bus_pipe *);

/* Before the end: write what still waits, until nothing of it can
 * be written for a second. */
void bus_pipe_finish(struct bus_pipe *);

#endif
