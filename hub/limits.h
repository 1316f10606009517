/*
 * limits.h - the hub's settings: what is built into things made at start, and
 * what SIGHUP may change (hub_stage.live).
 *
 * Texts are borrowed from the options.
 */
#ifndef HUB_LIMITS_H
#define HUB_LIMITS_H

#include "common/options.h"

struct hub_limits;

extern const struct option hub_shared_options[];

void hub_limits_fixed(struct hub_limits *, const struct options *);
/* False: a setting is wrong, and the log says which. */
bool hub_limits_live(struct hub_limits *, const struct options *);

#endif
