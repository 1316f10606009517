/*
 * daemon_face.h - what a stage hears of the bus: private to the daemon.
 */
#ifndef COMMON_DAEMON_FACE_H
#define COMMON_DAEMON_FACE_H

#include "common/daemon.h"

void daemon_face_init(struct daemon *);

#endif
