/*
 * gauges.h - asks once a second how many clients all hubs have, for StatsD;
 * and says every 20 s how many of Incus' are here, where the log is like Go's.
 *
 * Hubs of one host are one to a StatsD: if each told it its own number, the
 * last would be believed.  So each tells that of all, which a store knows.
 * Costs a frame for each counter of every stage, a second; nothing where
 * there is no StatsD.
 */
#ifndef HUB_GAUGES_H
#define HUB_GAUGES_H

#include "hub/hub.h"

void gauges_ask(struct hub *);
void gauges_frame(struct hub *, const struct msg *); /* stat, stats_end */

#endif
