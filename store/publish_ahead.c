/*
 * publish_ahead.c - what a batch of publishes will touch, fetched at once.
 */
#include "common/bus_frames.h"
#include "common/must.h"
#include "store/publish.h"

void
publish_ahead(
    const struct publishing_setup *setup, const struct msg *m, unsigned count)
{
	struct topic *topics[FRAMES_AHEAD];
	const struct route_spot *spots[FRAMES_AHEAD];
	struct engine_channel *homes[FRAMES_AHEAD];
	uint32_t hashes[FRAMES_AHEAD];
	unsigned n = 0;

	must(count <= FRAMES_AHEAD);
	for (unsigned i = 0; i < count; i++)
		if (m[i].id == MSG_publish)
			hashes[n++] = table_hash(m[i].publish.channel);
	if (n == 0)
		return;
	sequence_ahead(setup->sequence, hashes, n, topics);
	for (unsigned i = 0; i < n; i++) {
		struct topic *t = topics[i];

		spots[i] = t != NULL ? &t->spot : NULL;
		/* while a write is pending its home is the committer's */
		homes[i] = t != NULL && t->pending == 0 ? t->home : NULL;
	}
	route_ahead(spots, n);
	if (setup->engine->ahead != NULL)
		setup->engine->ahead(setup->engine, homes, n);
}
