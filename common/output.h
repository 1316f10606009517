/*
 * output.h - the one output that many processes share.
 *
 * Append lines to `pending`; they are written when the reader has room, so
 * that a stalled reader blocks nobody.  Prefixes are coloured when stdout is
 * a terminal and NO_COLOR is not set.
 */
#ifndef COMMON_OUTPUT_H
#define COMMON_OUTPUT_H

#include "common/buf.h"

#include <poll.h>

struct output {
	struct buf pending;
	size_t lost;  /* bytes: the disk was full */
	size_t width; /* of the names, so that the lines stand in a column */
	bool colours;
	bool broken; /* nobody will ever read it */
};

void output_init(struct output *, size_t width);

/* What stands before each line of the process with this name and number. */
void output_name(
    const struct output *, struct buf *, const char *name, size_t number);

/* A line of our own; output_shout() is one that must be seen. */
void output_say(struct output *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void output_shout(struct output *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

bool output_has_room(const struct output *); /* else read no more for it */
struct pollfd output_poll(const struct output *);

/* What poll() said.  -1 once, when it broke. */
int output_event(struct output *, const struct pollfd *);

/* Write the rest, but do not wait longer than a second for the reader. */
void output_finish(struct output *);

#endif
