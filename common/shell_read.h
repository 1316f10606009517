/*
 * shell_read.h - what a line or a frame of send(1) says.
 *
 * Borrows the input, as native.h does.
 */
#ifndef COMMON_SHELL_READ_H
#define COMMON_SHELL_READ_H

#include "common/native.h"

#include <stdbool.h>
#include <stdint.h>

struct shell_read {
	struct native native; /* the message that was read last */
	bool frames, text;
	const char *channel; /* not empty: a line is a message on it */
};

/* CODE_ok and native.msg; CODE_not_found: a frame that is no publish; else
 * native.fault tells. */
enum code shell_read(struct shell_read *, struct slice, uint64_t unix_ms);

/* The same, read before: an id that was made then is the message's again. */
enum code shell_read_again(
    struct shell_read *, struct slice, uint64_t unix_ms, struct slice made);

void shell_read_free(struct shell_read *);

#endif
