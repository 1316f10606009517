/*
 * form.h - the wire forms of a message: framed once, for all who read it.
 *
 * What happened on a channel is one event.  forms_begin() borrows it until
 * the next one; form_put() appends it in one form.  The JSON object that most
 * forms wrap is written once per event, the compressed one packed once per
 * event, and only when some form asks for it.
 *
 * In JSON a message is what message.h says, and a hole
 *
 *	{"channel":C,"gap":{"from":X,"to":Y,"reason":R}}
 *
 * In msgpack it is the same map, with a byte string where JSON has base64.
 * What Incus' clients read is in incus_body.h.
 */
#ifndef HUB_FORM_H
#define HUB_FORM_H

#include "common/buf.h"
#include "common/code.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum form {
	FORM_WS_TEXT,
	FORM_WS_TEXT_DEFLATE,
	FORM_WS_MSGPACK,
	FORM_WS_MSGPACK_DEFLATE,
	FORM_SSE,          /* with id: the stream is of one shard */
	FORM_SSE_NO_ID,    /* the reader writes its own */
	FORM_POLL,         /* the bare object */
	FORM_INCUS,        /* a frame with a line's end; of a hole nothing */
	FORM_INCUS_PLACED, /* with its cursor; and a hole as it is */
	FORM_INCUS_POLL,   /* the same object bare */
	FORM_LINE,      /* a JSON body alone, on a line: for the hub itself */
	FORM_TYRON,     /* form_tyron.h; of a hole nothing */
	FORM_BAYEUX,    /* form_bayeux.h, bare; of a hole nothing */
	FORM_BAYEUX_WS, /* a text frame: an array of it alone */
	FORM_BAYEUX_EVENTS, /* that array as an event of a stream */
	FORMS
};

enum { FORM_PACK_MIN = 64 }; /* shorter ones only grow when packed */

/* All slices are borrowed.  Of a gap (reason is not GAP_NONE) the place is
 * its end, and type, body and id are not looked at. */
struct event {
	struct slice channel;
	unsigned shard;
	uint64_t epoch, offset;
	struct slice type, body, id;
	struct slice envelope; /* form_bayeux.h; empty: none */
	uint64_t filter;       /* form_filter() of it */
	uint64_t unix_ms;      /* it is now */
	enum gap_reason reason;
	uint64_t from_epoch, from; /* of a gap: the last one before it */
	uint64_t track;            /* of a message; 0: none */
};

/* A dialect's narrowing of a message, as a number to compare; 0: none. */
uint64_t form_filter(struct slice);

struct deflate;
struct forms;
struct forms *forms_new(struct deflate *); /* borrows; may be NULL */
void forms_free(struct forms **);          /* and sets it to NULL */

void forms_begin(struct forms *, const struct event *);
void form_put(struct forms *, enum form, struct buf *);

/* Append one JSON text as a WebSocket frame of that form; for answers. */
void form_frame(struct forms *, enum form, struct slice json, struct buf *);

#endif
