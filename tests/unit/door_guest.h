/*
 * door_guest.h - an ingress' door, and hubs of paper that come to it.
 */
#ifndef TESTS_UNIT_DOOR_GUEST_H
#define TESTS_UNIT_DOOR_GUEST_H

#include "common/msg.h"
#include "common/net.h"
#include "common/passing.h"
#include "tests/unit/front_world.h"

#define SSE "GET /v1/sse?channel=/a/public/x HTTP/1.1\r\nHost: x\r\n\r\n"

/* A hub's end. */
struct guest {
	int fd, got; /* got: the descriptor that came last */
	char record[PASSING_MAX];
	struct msg m;
};

static inline void
door_at(struct house *h, unsigned wait_ms)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/door.1", h->dir);
	h->front.door = door_open(&(struct door_setup){
	    .front = &h->front,
	    .path = path,
	    .ports = &h->port,
	    .nports = 1,
	    .wait_ms = wait_ms,
	});
	assert_non_null(h->front.door);
}

static inline void
visit(struct house *h, struct guest *g)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/door.1", h->dir);
	g->got = -1;
	g->fd = net_connect_door(path);
	assert_true(g->fd >= 0);
}

static inline void
send_frame(struct guest *g, const struct msg *m, int fd)
{
	struct buf b = {0};

	msg_encode(&b, m);
	assert_int_equal(pass_send(g->fd, fd, buf_slice(&b)), PASSED);
	buf_free(&b);
}

static inline void
offer(struct guest *g, const char *name, uint64_t credit)
{
	struct msg m = {.id = MSG_offer,
	    .offer = {.name = slice_of(name), .credit = credit}};

	send_frame(g, &m, -1);
}

static inline bool
a_hub_is_here(struct house *h)
{
	return door_hubs(h->front.door) == h->count;
}

/* The record that came, if one did. */
static inline bool
receive(struct guest *g)
{
	struct passing_room room = {g->record, sizeof(g->record), 0};
	const char *why;
	int fd;

	if (pass_receive(g->fd, &fd, &room) != PASSED)
		return false;
	g->got = fd;
	assert_true(
	    msg_decode((struct slice){room.p, room.got}, &g->m, &why) > 0);
	assert_int_equal(g->m.id, MSG_pass);
	return true;
}

static inline void
receive_soon(struct house *h, struct guest *g)
{
	for (unsigned i = 0; i < 1000; i++) {
		if (receive(g))
			return;
		few_turns(h);
	}
	fail_msg("no socket came");
}

static inline void
leave(struct guest *g)
{
	close(g->fd);
	if (g->got >= 0)
		close(g->got);
	g->got = -1;
}

#endif
