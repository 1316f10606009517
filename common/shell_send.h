/*
 * shell_send.h - send(1): what comes on stdin is published.
 */
#ifndef COMMON_SHELL_SEND_H
#define COMMON_SHELL_SEND_H

#include "common/daemon.h"

extern const struct stage shell_send;

#endif
