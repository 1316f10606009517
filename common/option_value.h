/*
 * option_value.h - the value of a setting, between text and number.
 */
#ifndef COMMON_OPTION_VALUE_H
#define COMMON_OPTION_VALUE_H

#include "common/buf.h"
#include "common/options.h"

/* Read text as the row wants it: a number for NUM, BYTES and BOOL, ms for
 * TIME, how long or how many for the others.  On failure what is wrong goes
 * to why, without the value itself. */
bool option_parse(
    const struct option *, const char *text, uint64_t *num, struct buf *why);

/* Append "4k..16m", or nothing for a row without bounds. */
void option_range(const struct option *, struct buf *);

#endif
