/*
 * channel.c - the grammar of names, and patterns found by lookup.
 *
 * A publish does not scan patterns: it asks for the few that could match,
 * at most CHANNEL_SEGMENTS - 1.  That is why a wildcard may only stand last.
 */
#include "common/channel.h"

#include "common/hash.h"
#include "common/must.h"

static const struct slice kinds[] = {
    [CHANNEL_PUBLIC] = SLICE_INIT("public"),
    [CHANNEL_PRIVATE] = SLICE_INIT("private"),
    [CHANNEL_PRESENCE] = SLICE_INIT("presence"),
    [CHANNEL_META] = SLICE_INIT("meta"),
};

static bool
is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') ||
	       ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool
channel_plain(char c)
{
	unsigned char small = (unsigned char)(c | 0x20);

	return (c >= '0' && c <= '9') || (small >= 'a' && small <= 'z') ||
	       (c != '\0' && strchr("-._~!$&'()+,;=:@", c) != NULL);
}

static const char *
check_segment(struct slice s)
{
	if (s.n == 0)
		return "a segment is empty";
	if (slice_is(s, ".") || slice_is(s, ".."))
		return "a segment is . or ..";
	for (size_t i = 0; i < s.n; i++) {
		if (channel_plain(s.p[i]))
			continue;
		if (s.p[i] == '*')
			return "* may only be a last segment of its own, below "
			       "/<app>/<kind>/, to subscribe";
		if (s.p[i] != '%')
			return "a character that must be percent-encoded";
		if (s.n - i < 3 || !is_hex((unsigned char)s.p[i + 1]) ||
		    !is_hex((unsigned char)s.p[i + 2]))
			return "a % without two hexadecimal digits";
		i += 2;
	}
	return NULL;
}

static enum channel_kind
kind_of(struct slice segment)
{
	unsigned i = 0;

	while (i < CHANNEL_OTHER && !slice_eq(kinds[i], segment))
		i++;
	return (enum channel_kind)i;
}

/* What name and pattern have in common; least: segments there must be. */
static const char *
check(struct slice s, unsigned least)
{
	unsigned segments = 0;
	struct slice segment;
	const char *why;

	if (s.n == 0 || s.p[0] != '/')
		return "a channel begins with /";
	if (s.n > CHANNEL_MAX)
		return "longer than 255 bytes";
	s = slice_from(s, 1);
	while (slice_cut(&s, '/', &segment)) {
		if (++segments > CHANNEL_SEGMENTS)
			return "more than 16 segments";
		if ((why = check_segment(segment)) != NULL)
			return why;
		if (segments == 2 && kind_of(segment) == CHANNEL_OTHER)
			return "the second segment must be public, private, "
			       "presence or meta";
	}
	return segments < least ? "a channel is /<app>/<kind>/<name>" : NULL;
}

const char *
channel_check(struct slice name)
{
	return check(name, 3);
}

/* Without its last segment and the slash before it; empty if it has none. */
static struct slice
parent(struct slice s)
{
	while (s.n != 0 && s.p[--s.n] != '/')
		;
	return s;
}

static struct slice
last(struct slice s)
{
	size_t up = parent(s).n;

	return s.n > up ? slice_from(s, up + 1) : s;
}

const char *
channel_pattern_check(struct slice pattern)
{
	struct slice up = parent(pattern), end = last(pattern);
	unsigned slashes = 0;

	if (!slice_is(end, "*") && !slice_is(end, "**"))
		return "a pattern ends in /* or /**";
	if (pattern.n > CHANNEL_MAX)
		return "longer than 255 bytes";
	for (size_t i = 0; i < pattern.n; i++)
		slashes += pattern.p[i] == '/';
	if (slashes > CHANNEL_SEGMENTS)
		return "more than 16 segments";
	if (pattern.p[0] == '/' && slashes < 3)
		return "a pattern stands below /<app>/<kind>/";
	return check(up, 2);
}

/* The segment behind the first skip ones. */
static struct slice
segment_at(struct slice s, unsigned skip)
{
	struct slice segment = {NULL, 0};

	if (s.n == 0 || s.p[0] != '/')
		return segment;
	s = slice_from(s, 1);
	while (slice_cut(&s, '/', &segment) && skip-- != 0)
		segment = (struct slice){NULL, 0};
	return segment;
}

struct slice
channel_app(struct slice name)
{
	return segment_at(name, 0);
}

enum channel_kind
channel_kind(struct slice name)
{
	return kind_of(segment_at(name, 1));
}

bool
channel_match(struct slice pattern, struct slice name)
{
	struct slice prefix = parent(pattern), below;

	prefix.n++; /* with its slash */
	if (!slice_starts(name, prefix) || name.n == prefix.n)
		return false;
	below = slice_from(name, prefix.n);
	return pattern.n - prefix.n == 2 ||
	       memchr(below.p, '/', below.n) == NULL;
}

bool
channel_patterns(struct slice name, unsigned i, char room[CHANNEL_PATTERN],
    struct slice *key)
{
	struct slice up = parent(name);
	size_t floor, stars = i == 0 ? 1 : 2;

	floor = channel_app(name).n + 2; /* what stands above is no pattern */
	for (; i > 1; i--)
		up = parent(up);
	if (up.n <= floor || name.n > CHANNEL_MAX)
		return false;
	memcpy(room, up.p, up.n);
	memcpy(room + up.n, "/**", 1 + stars);
	*key = (struct slice){room, up.n + 1 + stars};
	return true;
}

unsigned
channel_shard(struct slice name, unsigned shards)
{
	must(shards != 0);
	return shards == 1 ? 0 : (unsigned)(hash_fixed(name) % shards);
}

bool
channel_covers(struct slice pattern, struct slice channel)
{
	struct slice prefix, rest;
	size_t stars = 0;

	while (stars < pattern.n && pattern.p[pattern.n - 1 - stars] == '*')
		stars++;
	if (stars == 0 || slice_eq(pattern, channel))
		return slice_eq(pattern, channel);
	prefix = (struct slice){pattern.p, pattern.n - stars};
	if (channel.n <= prefix.n || !slice_starts(channel, prefix))
		return false;
	rest = slice_from(channel, prefix.n);
	return stars == 2 ||
	       (memchr(rest.p, '/', rest.n) == NULL && !slice_is(rest, "**"));
}
