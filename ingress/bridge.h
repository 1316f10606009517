/*
 * bridge.h - the stage between Redis and the stores: lists and pub/sub
 * channels become publishes.
 */
#ifndef INGRESS_BRIDGE_H
#define INGRESS_BRIDGE_H

#include "common/daemon.h"

extern const struct stage bridge_stage;

#endif
