/*
 * attend_bus.h - attend.h on the bus of a hub.
 */
#ifndef HUB_ATTEND_BUS_H
#define HUB_ATTEND_BUS_H

#include "common/msg.h"

struct hub;

void hub_attend_open(struct hub *);
void hub_attend_close(struct hub *);
void hub_attend_links(struct hub *); /* one came up or went down */
void hub_attend_frame(struct hub *, const struct msg *);

#endif
