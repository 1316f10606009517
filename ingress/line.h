/*
 * line.h - one message on its way through the store, and what became of it.
 *
 * A line is answered by the bus, or with a fault at once; it then renders as
 * one JSON object, as in {"id":I,"channel":C,"cursor":X,"hubs":n} or
 * {"error":{...}}.  Copies channel and id, which stand in the answer.
 */
#ifndef INGRESS_LINE_H
#define INGRESS_LINE_H

#include "common/bus.h"
#include "common/channel.h"
#include "common/keys.h"
#include "common/native.h"
#include "ingress/front.h"

struct line {
	struct list node; /* of a bulk, in order */
	struct ticket ticket;
	void (*done)(struct line *); /* it is answered, later */
	bool answered;
	struct native_fault fault; /* code 0: accepted */
	struct msg_published got;
	unsigned shard;
	uint8_t channel_n, id_n;
	char *text; /* channel, then id; room of the caller's for both */
};

enum { LINE_TEXT = NATIVE_ID_MAX + CHANNEL_MAX }; /* bytes at most */

/* Read a message into front.native; its code. */
enum code line_read(struct front *, struct slice json);

/* Publish.  Allowed or not is decided here; a refusal answers the line
 * without done() being called. */
struct line_publish {
	struct msg *publish; /* its seq is the bus's to fill in */
	const struct grant *grant;
};
void line_publish(struct line *, struct front *, const struct line_publish *);

/* It is not sent anywhere: that is what was wrong. */
void line_refuse(struct line *, const struct native_fault *);

/* It was published, and this is what is answered instead. */
void line_fail(struct line *, const struct native_fault *);

/* Nobody waits for the answer any more. */
void line_forget(struct line *);

/* The object, without a line end. */
void line_put(const struct line *, struct buf *);

/* A fault as HTTP tells it; the room is for a message with a place in it. */
struct http_fault line_fault(
    const struct native_fault *, char room[NATIVE_WHY]);

#endif
