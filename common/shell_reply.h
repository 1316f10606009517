/*
 * shell_reply.h - what became of a line: to people on stderr, and to programs
 * as JSON on stdout where they asked for it.
 *
 *	line 7: bad_field: ttl: not a whole number ...
 *	{"line":7,"id":I,"channel":C,"cursor":X,"hubs":N,"stored":K}
 *	{"line":7,"error":{"code":"bad_field","message":M,"field":"ttl"}}
 */
#ifndef COMMON_SHELL_REPLY_H
#define COMMON_SHELL_REPLY_H

#include "common/native.h"
#include "common/shell.h"

struct shell_reply {
	struct shell_out *out; /* NULL: nothing is wanted there */
	const char *unit;      /* "line" or "frame" */
	uint64_t number;
};

void shell_refused(const struct shell_reply *, const struct native_fault *);

void shell_accepted(const struct shell_reply *, const struct msg_publish *,
    const struct msg_published *, unsigned shard);

#endif
