/*
 * bayeux_said.h - one message of a Bayeux client, as it is read.
 *
 * Borrows from the bytes it was read from, and from the text where strings
 * have escapes.  A number or a string among messages is read as a message
 * without members.
 */
#ifndef HUB_BAYEUX_SAID_H
#define HUB_BAYEUX_SAID_H

#include "common/json.h"
#include "common/pandapush.h"

enum bayeux_field {
	BAYEUX_F_ID,
	BAYEUX_F_CLIENT,
	BAYEUX_F_CHANNEL,
	BAYEUX_F_VERSION,
	BAYEUX_F_TYPES,
	BAYEUX_F_TYPE,
	BAYEUX_F_SUBSCRIPTION,
	BAYEUX_F_DATA,
	BAYEUX_F_EXT,
	BAYEUX_F_ADVICE,
	BAYEUX_F_ERROR,
	BAYEUX_FIELDS
};

struct bayeux_said {
	struct slice raw; /* the object; empty: it was none */
	struct json_value v[BAYEUX_FIELDS];
	struct slice channel, client; /* text; empty: none */
	struct pandapush_auth auth;   /* ext.auth, or data.__auth */
	struct buf *text;
};

/* False: an object that cannot be read. */
bool bayeux_read(struct bayeux_said *, struct json_value, struct buf *text);

/* What JavaScript takes for something: not null, false, 0 or "". */
bool bayeux_truthy(struct json_value);

/* A string's text; of another value what it is as JSON; p NULL of none. */
struct slice bayeux_text(struct bayeux_said *, struct json_value);

/* ms of advice.timeout; false: it says none. */
bool bayeux_timeout(const struct bayeux_said *, uint64_t *ms);

/* A member of an object; JSON_NONE if there is none, or it is no object. */
struct json_value bayeux_member(struct json_value, const char *name);

/* Append an object without one member. */
void bayeux_put_without(struct buf *, struct json_value, const char *name);

/*
 * What goes to the store: the data without its __auth, and around it all that
 * a subscriber is to see - the object without clientId, __internal, ext.auth,
 * advice and successful - as text before, a NUL, and text after.
 */
void bayeux_put_data(struct buf *, const struct bayeux_said *);
void bayeux_put_envelope(struct buf *, const struct bayeux_said *);

#endif
