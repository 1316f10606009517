/*
 * fates_bus.h - fates reach the stores by the bus.
 */
#ifndef HUB_FATES_BUS_H
#define HUB_FATES_BUS_H

#include "hub/hub.h"

void hub_fates_open(struct hub *);
void hub_fates_close(struct hub *); /* tells what is new */

#endif
