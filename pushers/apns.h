/*
 * apns.h - jobs of the queue apns become pushes of Apple's, over HTTP/2.
 */
#ifndef PUSHERS_APNS_H
#define PUSHERS_APNS_H

#include "pushers/pusher.h"

extern const struct stage apns_stage;

#endif
