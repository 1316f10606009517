/*
 * bus_check.h - what is wrong with the settings of the bus, found in their
 * text: nothing is opened.
 */
#ifndef COMMON_BUS_CHECK_H
#define COMMON_BUS_CHECK_H

#include "common/bus_server.h"

/* Of a stage: its stores, as in bus.h, and keys.  NULL, or what is wrong, and
 * the setting's name. */
const char *bus_check_stage(
    const char *stores, const struct bus_keys *, const char **name);

/* Of a store; "endpoint" is what it binds, whoever named it. */
const char *bus_check_store(const struct bus_server_setup *, const char **name);

#endif
