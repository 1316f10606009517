/*
 * shell_in.h - what a tool read of standard input and has not used yet.
 *
 * Append to `bytes`, take lines or move `at`, then drop what was used.  A
 * line that is long in coming is searched once.
 */
#ifndef COMMON_SHELL_IN_H
#define COMMON_SHELL_IN_H

#include "common/buf.h"

/* Zeroed it is an empty one. */
struct shell_in {
	struct buf bytes;
	size_t at, searched; /* before them: used; without a line end */
	bool ended;          /* there will be no more */
};

struct slice shell_in_rest(const struct shell_in *); /* borrowed */

/* The next line, without its end: what ends in \n, or in the end of all.
 * False: it is not whole yet, and *line is what there is of it. */
bool shell_in_line(struct shell_in *, struct slice *line);

void shell_in_drop(struct shell_in *);

#endif
