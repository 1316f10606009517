/*
 * bus_frames.h - the frames of a message, a few at a time.
 *
 * Who has 10,000 channels finds none of them in the cache.  Who is shown the
 * next few frames before the first is handled can touch what they need in a
 * loop, and the misses overlap instead of adding up.
 */
#ifndef COMMON_BUS_FRAMES_H
#define COMMON_BUS_FRAMES_H

#include "common/msg.h"

enum { FRAMES_AHEAD = 16 }; /* as many misses as a core has under way */

/* Cut up to so many frames off the front: how many it were.  *why is set
 * when what follows them is not a frame.  The slices are borrowed. */
unsigned bus_frames_cut(
    struct slice *in, struct msg out[FRAMES_AHEAD], const char **why);

#endif
