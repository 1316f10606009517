/*
 * state.h - a client connection as frames, and back.
 *
 * What a hub keeps of a connection between two messages is its dialect's
 * frame, what was shown at its handshake, and a frame for each channel with
 * the place up to which it was told.  Bytes in flight are no part of it: what
 * was read and not consumed goes with the socket (conn_kept_bytes()).
 *
 * What moves is a socket whose next message is for a session of another hub
 * (door_pass_on).  The frames are of all dialects, so that none comes to depend
 * on what could not be moved.
 */
#ifndef HUB_STATE_H
#define HUB_STATE_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>

struct conn;

/* Append the frames.  False: it is in the middle of something (bytes to write,
 * half a message, an answer owed), and nothing was appended. */
bool state_save(const struct conn *, struct buf *);

/* Make a connection that has heard nothing yet go on from there.  NULL, or what
 * is wrong: then it is to be killed. */
const char *state_load(struct conn *, struct slice frames);

#endif
