/*
 * note.h - what the access log will say of a request.
 *
 * Taken when its head was read and written when it ends; without an access
 * log there is none, and every call here is a look at a pointer.
 */
#ifndef INGRESS_NOTE_H
#define INGRESS_NOTE_H

#include "common/address.h"
#include "common/buf.h"
#include "common/http.h"

struct front;
struct request;

/* Copies what it needs.  Without a head (NULL) it was none we could read. */
void note_begin(struct request *, const struct front *, const struct ip *,
    const struct http_request *);

/* Its answer grew: by all behind `from`. */
void note_said(struct request *, const struct buf *out, size_t from);

/* Another request answers in its place. */
void note_move(struct request *to, struct request *from);

/* The request is over: write the line. */
void note_end(struct request *, const struct front *);

/* A connection left for a hub (or for nobody: NULL, answered so). */
struct handover;
struct note_handed {
	const char *hub;
	unsigned status;
	uint64_t bytes, us;
};
void note_handed(
    const struct front *, const struct handover *, const struct note_handed *);

#endif
