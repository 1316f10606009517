/*
 * fate.h - what can become of a message for one recipient, numbered.
 *
 *	recipients = the sum of all fates + pending
 */
#ifndef COMMON_FATE_H
#define COMMON_FATE_H

#include "common/msg.h"

#define FATE(name) FATE_##name,
#define LOST(name) FATE_##name, FATES_OF_HUBS = FATE_##name,
enum fate {
#include "common/fate.def"
	FATES,
	FATES_DROPPED = FATE_rejected + 1 /* from here on they are drops */
};

/* A hub's number of it; not of hub_lost. */
uint64_t *fates_at(struct msg_fates *, enum fate);
/* And of all hubs. */
uint64_t *message_is_at(struct msg_message_is *, enum fate);

const char *fate_name(enum fate);

/* Recipients of whom nothing is decided yet. */
uint64_t fates_pending(const struct msg_fates *);

#endif
