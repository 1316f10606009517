/*
 * form_bayeux.h - a message as Bayeux clients read it.
 *
 * What came from a Bayeux publisher stands in what he wrote around his data,
 * member for member: his id, ext and the rest.  Others' messages are
 *
 *	{"channel":C,"data":D,"id":ID}
 *
 * where D is JSON as published, a text as a string, other bytes as a string
 * in base64, and ID is the message's own, else its place in base 36.  Who came
 * to a channel of presence and who left is told as Pandapush does:
 *
 *	{"subscribe":{U:V}}	{"unsubscribe":{U:null}}
 *
 * Of new data of one who stays nothing is told, nor of a hole.
 */
#ifndef HUB_FORM_BAYEUX_H
#define HUB_FORM_BAYEUX_H

#include "common/buf.h"
#include "hub/form.h"

/* Append the object; nothing where nothing is told.  One pass over it. */
void form_bayeux_put(struct buf *, const struct event *);

/* Append the object of a form as an event of a stream, on one line; nothing
 * for nothing. */
void form_bayeux_event(struct buf *, struct slice object);

#endif
