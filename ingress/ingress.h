/*
 * ingress.h - the stage that publishers, browsers and administrators meet.
 */
#ifndef INGRESS_INGRESS_H
#define INGRESS_INGRESS_H

#include "common/daemon.h"

extern const struct stage ingress_stage;

#endif
