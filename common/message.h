/*
 * message.h - a message as clients read it, in JSON.
 *
 *	{"channel":C,"cursor":X,"data":D}	D as published, byte for byte
 *	{"channel":C,"cursor":X,"type":T,"text":S}	not JSON, but UTF-8 text
 *	{"channel":C,"cursor":X,"type":T,"base64":B}	anything else
 *	{"channel":C,"cursor":X,"presence":{"join":{U:D}}}	from the store
 *
 * besides with "id" where its publisher gave one.  Costs one pass over the
 * body.
 */
#ifndef COMMON_MESSAGE_H
#define COMMON_MESSAGE_H

#include "common/buf.h"
#include "common/code.h"
#include "common/slice.h"

/* Who came and went; only the store publishes what begins like the second. */
#define MESSAGE_PRESENCE "application/vnd.posthorn.presence+json"
#define MESSAGE_OWN      "application/vnd.posthorn."

/* What a body is, by its content type and, of what is not JSON, its bytes. */
enum message_shape { SHAPE_JSON, SHAPE_PRESENCE, SHAPE_TEXT, SHAPE_BYTES };
enum message_shape message_shape(struct slice type, struct slice body);

struct message { /* all borrowed */
	struct slice channel, type, body, id;
	unsigned shard;
	uint64_t epoch, offset;
};

/* Append it.  False: the buf is full. */
bool message_put(struct buf *, const struct message *);

/* Its members from "type" or "data" on, with a comma before each. */
void message_body(struct buf *, struct slice type, struct slice body);

/* Append ,"stored":"memory", "fsync" or "replicas" with ,"replicas":n: where a
 * message was when its publish was answered; nothing when it is not kept. */
void kept_put(struct buf *, unsigned kept);

/* Append one position as text. */
bool message_cursor(
    struct buf *, unsigned shard, uint64_t epoch, uint64_t offset);

#endif
