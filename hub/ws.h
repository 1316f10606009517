/*
 * ws.h - private to dialect_ws.c, ws_command.c and ws_publish.c: the native
 * WebSocket dialect.
 *
 *	{"op":"subscribe","ref":1,"channel":C,"cursor":X,"token":T}
 *	                                       on a presence channel also "session":S
 *	{"op":"presence","ref":5,"channel":C,"after":U,"limit":N,"user":U}
 *	{"op":"unsubscribe","ref":2,"channel":C}
 *	{"op":"publish","ref":3,"channel":C,"data":D,...}
 *	{"op":"ping","ref":4}
 *
 * Each is answered {"ref":R,"ok":true,...} or {"ref":R,"ok":false,"error":
 * {"code","message","field"}}.  ref is any JSON scalar, may be absent, and
 * comes back as spelt.
 */
#ifndef HUB_WS_H
#define HUB_WS_H

#include "common/native.h"
#include "hub/conn.h"
#include "hub/subscribe.h"

enum { WS_SPOKE = 1, WS_PINGED = 2 }; /* conn.bits */
enum { WS_REF_MAX = 64 };             /* bytes; it is an echo, not a store */

/* What a command may have besides the members of a publish. */
enum ws_field {
	WS_OP = NATIVE_MEMBERS,
	WS_REF,
	WS_CURSOR,
	WS_TOKEN,
	WS_SESSION,
	WS_AFTER,
	WS_LIMIT,
	WS_USER,
	WS_FIELDS
};

/* One command as read; slices are borrowed for the call. */
struct ws_command {
	struct json_value values[WS_FIELDS];
	struct slice ref; /* raw; empty: none */
	struct slice channel;
	bool msgpack;         /* it was, and no client knows of our bytes */
	char why[NATIVE_WHY]; /* room for what was wrong, and where */
};

void ws_command(struct conn *, struct slice message, bool msgpack);
enum code ws_publish(struct conn *, struct ws_command *, struct fault *);

/* ws_presence.c: subscribe where one may be present; who is there. */
enum code ws_subscribe_presence(struct conn *, const struct subscribe *,
    struct slice session, struct fault *);
enum code ws_presence(struct conn *, struct ws_command *, struct fault *);
/* Its place is the roster's, not one the client named. */
bool ws_is_new(const struct conn *, struct slice channel);
/* What it adds to the answer of a subscribe. */
void ws_put_presence(struct conn *, struct slice channel, struct buf *);

/* Send one JSON text in the connection's own spelling. */
void ws_say(struct conn *, struct slice json);
void ws_close(struct conn *, unsigned code, struct slice reason);

/* Begin an answer in the hub's json buf: {"ref":R,"ok":true */
struct buf *ws_answer(struct conn *, struct slice ref, bool ok);
void ws_end(struct conn *); /* } and off it goes */
void ws_fault(struct conn *, struct slice ref, const struct fault *);

/* A string field's text, unescaped into the hub's text buf. */
struct slice ws_text(struct conn *, struct json_value);

void ws_joined(struct reader *, struct sub *, bool recovered);
void ws_live(struct reader *, struct sub *);
void ws_refused(struct reader *, struct sub *, enum code);

#endif
