/*
 * bridge_envelope.h - what the items of a Redis list or channel look like.
 *
 * One row per envelope.  That of native is the publish object of native.h,
 * tyron is in tyron.h.  What is read depends on the time and on settings.
 */
#ifndef INGRESS_BRIDGE_ENVELOPE_H
#define INGRESS_BRIDGE_ENVELOPE_H

#include "common/native.h"

struct envelope_rules {
	uint64_t unix_ms;
	struct slice tyron; /* prefix of its channels */
};

struct envelope {
	const char *name;
	/* As native_read(): a publish in native.msg, or what is wrong.  NULL:
	 * of Incus, whose items become more than that (bridge_incus.h). */
	enum code (*read)(
	    struct native *, struct slice item, const struct envelope_rules *);
};

/* NULL: no such row. */
const struct envelope *envelope_named(struct slice);

/* A word of a setting, NAME[=ENVELOPE], without a default of its own but
 * native.  The name ends at the last `=`.  NULL, or what is wrong. */
struct binding {
	struct slice name;
	const struct envelope *envelope;
};
const char *binding_parse(struct slice word, struct binding *);

#endif
