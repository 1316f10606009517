/*
 * fate.c - the fields of two frames, by fate.
 */
#include "common/fate.h"

#include "common/must.h"

uint64_t *
fates_at(struct msg_fates *m, enum fate fate)
{
	switch (fate) {
#define FATE(name)                                                             \
	case FATE_##name:                                                      \
		return &m->name;
#define LOST(name) case FATE_##name:
#include "common/fate.def"
	case FATES:
		break;
	}
	must(fate < FATES_OF_HUBS);
	return NULL;
}

uint64_t *
message_is_at(struct msg_message_is *m, enum fate fate)
{
	switch (fate) {
#define FATE(name)                                                             \
	case FATE_##name:                                                      \
		return &m->name;
#define LOST FATE
#include "common/fate.def"
	case FATES:
		break;
	}
	must(fate < FATES);
	return NULL;
}

const char *
fate_name(enum fate fate)
{
	static const char *const names[] = {
#define FATE(name) [FATE_##name] = #name,
#define LOST       FATE
#include "common/fate.def"
	};

	return names[fate];
}

uint64_t
fates_pending(const struct msg_fates *m)
{
	struct msg_fates f = *m;
	uint64_t pending = m->recipients;

	for (unsigned i = 0; i < FATES_OF_HUBS; i++)
		pending -= *fates_at(&f, (enum fate)i);
	return pending;
}
