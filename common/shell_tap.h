/*
 * shell_tap.h - tap(1): what the stores handle is written to stdout.
 */
#ifndef COMMON_SHELL_TAP_H
#define COMMON_SHELL_TAP_H

#include "common/daemon.h"

extern const struct stage shell_tap;

#endif
