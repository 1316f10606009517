/*
 * note.h - what the access log will say of a connection, at its end.
 *
 * conn.note is NULL without an access log; then none of these is called but
 * conn_note_end(), which does nothing.
 */
#ifndef HUB_NOTE_H
#define HUB_NOTE_H

#include "common/address.h"
#include "common/http.h"

struct conn;

void conn_note_begin(struct conn *, const struct ip *);
void conn_note_told(struct conn *, const struct ip *); /* by a proxy */
void conn_note_request(struct conn *, const struct http_request *);
void conn_note_wrote(struct conn *, size_t n);
/* Its request is another hub's, who will tell: no line, but of what was
 * answered here before. */
void conn_note_passed(struct conn *);
void conn_note_end(struct conn *); /* writes the line and frees the note */

#endif
