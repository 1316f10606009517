/*
 * bayeux_name.h - what Bayeux calls things: channels, clients, transports,
 * errors.
 *
 * Nothing is allocated but what an appended error needs in its buf.  A
 * client's name begins with a tag of the hub that gave it, so that any hub
 * knows whose it is.
 */
#ifndef HUB_BAYEUX_NAME_H
#define HUB_BAYEUX_NAME_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	BAYEUX_ID = 31, /* letters of a client's name: 160 bits in base 36 */
	BAYEUX_TAG = 6, /* of them, those that tell its hub: 31 bits */
};

#define BAYEUX_VERSION "\"1.0\""
/* In the order they are always listed. */
#define BAYEUX_TYPES                                                           \
	"[\"long-polling\",\"cross-origin-long-polling\","                     \
	"\"callback-polling\",\"websocket\",\"eventsource\",\"in-process\"]"

/* One or more /segment of letters, digits and -_!~()$@; the second also with
 * a last segment of one or two stars, or that alone. */
bool bayeux_is_name(struct slice);
bool bayeux_is_valid(struct slice);

bool bayeux_is_meta(struct slice);
/* Below /meta/ or /service/: no remote client may listen there. */
bool bayeux_is_reserved(struct slice);

bool bayeux_is_type(struct slice);

/* Append an error as a JSON string: "401:X:Unknown client".  The argument is
 * text; a code without one here says what the argument is alone. */
enum bayeux_code {
	BAYEUX_CONN_TYPE = 301,
	BAYEUX_UNKNOWN_CLIENT = 401,
	BAYEUX_MISSING = 402,
	BAYEUX_FORBIDDEN = 403,
	BAYEUX_INVALID = 405,
	BAYEUX_FAILED = 407,
	BAYEUX_TOO_LARGE = 413,
	BAYEUX_TOO_MANY = 429,
	BAYEUX_INTERNAL = 500,
	BAYEUX_LATER = 503,
};
void bayeux_put_error(struct buf *, enum bayeux_code, struct slice arg);

/* Fill n letters of base 36 from a number, its last digits. */
void bayeux_digits(char *to, unsigned n, uint64_t number);
/* Of the hub that gave a name; 0: it is none of ours. */
uint32_t bayeux_tag_of(struct slice id);
/* A name nobody can guess, of the hub with that tag; ends with NUL. */
void bayeux_make_id(char id[BAYEUX_ID + 1], const char tag[BAYEUX_TAG]);

#endif
