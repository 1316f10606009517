/*
 * gcm.h - the stage that wakes devices through Google.
 */
#ifndef PUSHERS_GCM_H
#define PUSHERS_GCM_H

#include "common/daemon.h"

extern const struct stage gcm_stage;

#endif
