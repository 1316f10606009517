/*
 * store.h - the stage that numbers, keeps and routes every message.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "common/daemon.h"

extern const struct stage store_stage;

#endif
