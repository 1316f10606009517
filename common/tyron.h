/*
 * tyron.h - the names and messages of Tornado Tyron, and its settings.
 *
 * A channel of Tyron is any text; here it is a prefix, /tyron/public/ if nothing
 * else is said, and that text as segments (segment.h).  What Redis says is
 * {"channel": C, "data": D}, with D any JSON, which becomes the body of a
 * message as it is spelt.
 *
 * Everything borrows its input and appends to a buf that must not hold it;
 * each costs one pass.
 */
#ifndef COMMON_TYRON_H
#define COMMON_TYRON_H

#include "common/buf.h"
#include "common/native.h"
#include "common/options.h"
#include "common/slice.h"

#define TYRON_CHANNEL "/tyron/public/"

enum { TYRON_PREFIX_MAX = 200 }; /* bytes; behind it a digest fits */

/* Where Tyron's channels may stand.  NULL, or what is wrong with it. */
const char *tyron_prefix_check(struct slice prefix);

/* Append the channel of a name, which may be empty.  Behind Incus' prefix of
 * pages it is that page's, whose slashes are part of one segment. */
void tyron_channel(struct buf *, struct slice prefix, struct slice name);

/* Append the name a part of a path stands for: a % without two hexadecimal
 * digits stands for itself.  False: it is not UTF-8. */
bool tyron_name(struct buf *, struct slice path);

/* As native_read(), of an item of Redis; members of other names are skipped. */
enum code tyron_read(struct native *, struct slice prefix, struct slice item);

/*
 * Any message as Tyron's clients read it:
 *
 *	a JSON string	its text
 *	null		nothing
 *	other JSON	as it is spelt, application/json
 *	text		itself
 *	bytes		themselves, with their own type
 */
struct tyron_body {
	struct slice type; /* Content-Type; empty: that of texts */
	struct slice body; /* borrows from the message, or the room */
};
struct tyron_body tyron_body(
    struct slice type, struct slice body, struct buf *room);

/* What hub and ingress are told alike. */
struct tyron_rules {
	struct slice text;   /* Content-Type of texts */
	bool cors;           /* the sibling's: for pages of other origins */
	bool redirect;       /* likewise: to the path with a slash behind */
	uint64_t timeout;    /* ms a poll waits; 0: not at all */
	struct slice keys;   /* begin so, those /store/ tells; empty: none */
	struct slice prefix; /* of channels; a hub's */
};
/* The setting tyron_prefix, of hub and bridge.  False: it was logged what is
 * wrong with it. */
bool tyron_prefix_read(struct slice *prefix, const struct options *);

/* Likewise tyron_text and tyron_cors; the others are one stage's each. */
bool tyron_rules_read(struct tyron_rules *, const struct options *);

#endif
