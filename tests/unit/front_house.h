/*
 * front_house.h - what tests of the ingress share, and how they wait; for
 * front_world.h.
 */
#ifndef TESTS_UNIT_FRONT_HOUSE_H
#define TESTS_UNIT_FRONT_HOUSE_H

#include "common/bus_server.h"
#include "common/code.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/api.h"
#include "ingress/asks.h"
#include "ingress/client.h"
#include "ingress/door.h"
#include "ingress/feedback.h"
#include "ingress/relay.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DEADLINE_MS = 20000, /* reached by a failure only */
	NOTED = 64,
};

/* What came as a publish. */
struct note {
	uint64_t seq, expires, receipt;
	char channel[64], type[64], body[256], id[64];
};

struct house {
	void (*other)(struct house *, const struct msg *); /* may be NULL */
	struct loop *loop;
	char dir[64], endpoint[96];
	struct bus_server *server;
	struct bus_server_face server_face;
	struct bus_peer *peer;
	struct note notes[NOTED];
	unsigned published, reads;
	struct msg_read read; /* the last one */
	char read_channel[64];
	bool mute;      /* answer nothing until told to */
	enum code code; /* the answer to publishes */
	struct bus *bus;
	struct bus_face face;
	struct front front;
	struct port port;
	int fd; /* our end of the connection under test */
	bool eof;
	struct buf got; /* what came from there, and a zero behind it */
	struct watch watch;
	struct turn turn;
	bool (*done)(struct house *);
	const char *wanted; /* heard() */
	size_t count;       /* for a done() of the test's */
	unsigned turns;     /* left of few_turns() */
	struct timer deadline;
	bool late;
};

static inline bool
check_done(struct turn *t)
{
	struct house *h = container_of(t, struct house, turn);

	if (h->done != NULL && h->done(h))
		loop_stop(h->loop, 0);
	return h->turns != 0; /* then nobody sleeps */
}

static inline void
too_late(struct timer *t)
{
	struct house *h = container_of(t, struct house, deadline);

	h->late = true;
	loop_stop(h->loop, 1);
}

static inline bool
run_until(struct house *h, bool (*done)(struct house *))
{
	h->done = done;
	loop_arm(h->loop, &h->deadline, DEADLINE_MS);
	loop_run(h->loop);
	timer_cancel(&h->deadline);
	return !h->late;
}

#define until(h, cond) assert_true(run_until(h, cond))

static inline bool
turns_passed(struct house *h)
{
	return h->turns == 0 || --h->turns == 0;
}

/* Serve what is ready, some turns long: nothing more happens by itself but
 * what the store's socket carries. */
static inline void
few_turns(struct house *h)
{
	h->turns = 5;
	until(h, turns_passed);
}

#endif
