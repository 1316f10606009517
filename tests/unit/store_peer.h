/*
 * store_peer.h - a scripted peer on a real bus socket, for tests of the store.
 *
 * It says hello, sends what it is told to, and remembers every frame it was
 * sent.  Deaf, it reads nothing, so its window fills.
 */
#ifndef TESTS_UNIT_STORE_PEER_H
#define TESTS_UNIT_STORE_PEER_H

#include "common/bus_socket.h"
#include "common/link.h"
#include "common/loop.h"
#include "common/must.h"
#include "tests/unit/test.h"

enum { SEEN = 8192 };

struct peer {
	struct bus_socket *socket;
	struct link link;
	const char *stage;
	uint64_t boot;
	bool deaf;
	struct msg seen[SEEN]; /* borrows from packets */
	unsigned count;
	struct slice packets[SEEN];
	unsigned packed;
};

static inline void
peer_send(struct peer *p, const struct msg *m)
{
	link_add(&p->link, m);
	if (p->socket != NULL && link_ripe(&p->link))
		assert_true(bus_socket_send(p->socket, 0, link_seal(&p->link)));
}

static inline void
peer_open(struct peer *p, struct bus_context *context, const char *endpoint)
{
	static const struct bus_keys none;
	struct msg m = {.id = MSG_hello,
	    .hello = {
		.stage = slice_of(p->stage),
		.name = slice_of(p->stage),
		.boot = p->boot,
		.version = 1,
	    }};
	const char *why;

	p->socket = bus_socket_connect(context, endpoint, &none, &why);
	assert_non_null(p->socket);
	link_init(&p->link);
	peer_send(p, &m);
}

/* The link is cut; what it was told is forgotten. */
static inline void
peer_close(struct peer *p)
{
	if (p->socket == NULL)
		return;
	bus_socket_close(&p->socket);
	link_free(&p->link);
	for (unsigned i = 0; i < p->packed; i++)
		free((char *)(uintptr_t)p->packets[i].p);
	p->packed = p->count = 0;
}

static inline void
peer_take(struct peer *p, struct slice in)
{
	struct slice copy = exact(in.p, in.n), rest;
	uint64_t n, acked;
	const char *why;

	assert_true(p->packed < SEEN);
	p->packets[p->packed++] = copy;
	assert_true(msg_header_read(copy, &n, &acked));
	if (n != 0)
		assert_int_equal(
		    link_heard(&p->link, n, acked, copy.n), LINK_OK);
	for (rest = slice_from(copy, MSG_HEADER); rest.n != 0;) {
		long size = msg_decode(rest, &p->seen[p->count++], &why);

		assert_true(size > 0 && p->count < SEEN);
		rest = slice_from(rest, (size_t)size);
	}
}

/* What came in, and out; to be called every turn. */
static inline void
peer_turn(struct peer *p)
{
	struct bus_packet packet;

	while (!p->deaf && p->socket != NULL &&
	       bus_socket_receive(p->socket, &packet)) {
		peer_take(p, packet.bytes);
		bus_packet_free(&packet);
	}
	if (p->socket != NULL && link_due(&p->link))
		assert_true(bus_socket_send(p->socket, 0, link_seal(&p->link)));
}

static inline unsigned
peer_count(const struct peer *p, enum msg_id id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->count; i++)
		n += p->seen[i].id == id;
	return n;
}

/* The n-th frame of its kind, from 0. */
static inline const struct msg *
peer_nth(const struct peer *p, enum msg_id id, unsigned n)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->seen[i].id == id && n-- == 0)
			return &p->seen[i];
	fail_msg("no such frame");
	return NULL;
}

static inline void
peer_forget(struct peer *p)
{
	p->count = 0;
}

#endif
