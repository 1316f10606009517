/*
 * shell.h - standard output of a tool in a pipe, written without waiting.
 *
 * Append to `pending` and flush; what the reader does not take yet leaves
 * when it does.  Stdout belongs to whoever started us too, so it is not made
 * non-blocking.
 */
#ifndef COMMON_SHELL_H
#define COMMON_SHELL_H

#include "common/buf.h"
#include "common/loop.h"

struct shell_out {
	struct buf pending;
	/* There is room again, or nobody will ever read: see `broken`. */
	void (*changed)(struct shell_out *);
	bool broken;
	int error; /* why, where it is not that its reader has left; or 0 */

	struct loop *loop; /* the rest is shell.c's business */
	struct watch watch;
	int kind;
	bool tells; /* a pipe, which tells that its reader has left */
};

/* Zeroed but for `changed`, which may be NULL. */
void shell_out_open(struct shell_out *, struct loop *);
void shell_out_close(struct shell_out *);

void shell_out_flush(struct shell_out *);

/* False: stop making output until `changed`. */
bool shell_out_room(const struct shell_out *);

#endif
