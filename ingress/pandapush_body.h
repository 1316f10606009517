/*
 * pandapush_body.h - what a body of POST /channel/... publishes.
 *
 * A JSON object as it came, but for a member `__auth` on its top; a form as
 * an object of strings, of lists where a name comes twice or ends in [];
 * anything else, and nothing, as {}.  One pass over JSON, two over a form.
 */
#ifndef INGRESS_PANDAPUSH_BODY_H
#define INGRESS_PANDAPUSH_BODY_H

#include "common/buf.h"
#include "common/slice.h"

enum {
	PANDAPUSH_BODY_MAX = 102400, /* bytes, as Express' parser took */
	PANDAPUSH_FORM_MAX = 256,    /* fields; each is compared with each */
};

enum pandapush_body {
	PANDAPUSH_OTHER, /* of no use */
	PANDAPUSH_JSON,
	PANDAPUSH_FORM,
};

enum pandapush_read {
	PANDAPUSH_DATA,
	PANDAPUSH_ARRAY, /* in which Pandapush found no auth */
	PANDAPUSH_BAD,   /* not JSON, or neither object nor array */
	PANDAPUSH_LARGE, /* too many fields */
};

/* By its Content-Type; p NULL is none. */
enum pandapush_body pandapush_body_kind(struct slice type);

/* The data, borrowed from the body or the room, which is emptied first. */
enum pandapush_read pandapush_body_read(
    enum pandapush_body, struct slice body, struct buf *room, struct slice *);

#endif
