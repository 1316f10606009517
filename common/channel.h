/*
 * channel.h - the names everything is addressed by.
 *
 * A channel is an absolute path /<app>/<kind>/<more>, compared byte by byte:
 * %41 and A are two channels.  Its segments are RFC 3986 pchars without `*`,
 * for a last segment `*` or `**` makes a pattern: `*` stands for exactly one
 * segment, `**` for one or more.  Nothing here allocates.
 */
#ifndef COMMON_CHANNEL_H
#define COMMON_CHANNEL_H

#include "common/slice.h"

enum {
	CHANNEL_MAX = 255, /* bytes; a length fits one byte, a name a line */
	CHANNEL_SEGMENTS = 16, /* bounds the lookups of one publish */
	CHANNEL_PATTERN = CHANNEL_MAX + 3, /* room for a pattern of a name */
};

enum channel_kind {
	CHANNEL_PUBLIC,   /* anyone may listen */
	CHANNEL_PRIVATE,  /* needs a token */
	CHANNEL_PRESENCE, /* private, and knows who is there */
	CHANNEL_META,     /* what we say about others; read-only */
	CHANNEL_OTHER,    /* no valid channel has this one */
};

/* NULL: a valid name, or a valid pattern.  Else what is wrong, for people. */
const char *channel_check(struct slice name);
const char *channel_pattern_check(struct slice pattern);

/* A segment may have it as it is: pchar of RFC 3986 section 3.3, without %
 * and *. */
bool channel_plain(char);

/* Whether a valid name or pattern is a pattern. */
static inline bool
channel_is_pattern(struct slice s)
{
	return s.n != 0 && s.p[s.n - 1] == '*';
}

/* Of a valid name or pattern; empty and OTHER of anything else. */
struct slice channel_app(struct slice);
enum channel_kind channel_kind(struct slice);

/* Of a valid pattern and a valid name. */
bool channel_match(struct slice pattern, struct slice name);

/* Is all that a name or pattern means within a pattern (or name)?  Neither
 * need be valid: what is not, covers only what is spelt the same. */
bool channel_covers(struct slice pattern, struct slice channel);

/* The i-th of all patterns that match a valid name, the nearest first, and
 * not the name itself; false past the last.  /a/k/c/d has /a/k/c/<star>,
 * /a/k/c/<star><star> and /a/k/<star><star>.  *key points into room. */
bool channel_patterns(struct slice name, unsigned i, char room[CHANNEL_PATTERN],
    struct slice *key);

/* Which of so many shards a name belongs to; a pattern belongs to them all.
 * Never changes: data lies where this says. */
unsigned channel_shard(struct slice name, unsigned shards);

#endif
