/*
 * incus_world.h - clients of Incus in a hub's world.
 */
#ifndef TESTS_UNIT_INCUS_WORLD_H
#define TESTS_UNIT_INCUS_WORLD_H

#include "common/incus.h"
#include "tests/unit/hub_world.h"

#define AUTH(user)                                                             \
	"{\"command\":{\"command\":\"authenticate\",\"user\":\"" user          \
	"\"},\"message\":{\"time\":1446000000}}"
#define MESSAGE(more)                                                          \
	"{\"command\":{\"command\":\"message\"" more "},\"message\":{"         \
	"\"event\":\"e\",\"data\":{\"n\":1.50},\"time\":3,\"x\":1}}"
#define USER "/incus/private/user/"
#define PAGE "/incus/public/page/"

static inline bool
joined_all(struct world *w)
{
	return w->joins >= w->wanted_joins;
}

/* All and user are two channels, control is a third, a page one more. */
static inline int
come(struct world *w, const char *auth, unsigned joins)
{
	int fd = client_ws(w, "/socket", "");

	say_text(fd, auth);
	w->wanted_joins = joins;
	until(w, joined_all);
	return fd;
}

/* Channels have no message before this one, so none can be missed. */
static inline void
tell(struct world *w, const char *channel, const char *body)
{
	world_send(w, (struct msg_deliver){.channel = slice_of(channel),
			  .body = slice_of(body)});
}

static inline bool
published_once(struct world *w)
{
	return w->publishes == 1;
}

#endif
