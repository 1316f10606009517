/*
 * hub_world.h - a whole hub in one process: a bus and a scripted store over a
 * real socket, clients over socket pairs.  Each wait ends when what it waits
 * for is there; the deadline is only reached by a failure.
 */
#ifndef TESTS_UNIT_HUB_WORLD_H
#define TESTS_UNIT_HUB_WORLD_H

#include "common/bus_server.h"
#include "common/log.h"
#include "common/must.h"
#include "common/routes.h"
#include "hub/conn.h"
#include "hub/drain.h"
#include "tests/unit/adds_up.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORLD_DEADLINE_MS = 20000 };

struct world {
	struct hub hub; /* first: it is a daemon */
	struct bus_server *server;
	struct bus_server_face server_face;
	struct bus_peer *peer;
	char dir[64], endpoint[96];
	struct turn turn;
	struct timer deadline;
	bool late;
	/* what world_until() waits for */
	bool (*done)(struct world *);
	const char *wanted;
	int client;
	struct buf in;
	size_t used; /* of it, by the last hear() */
	char heard[4096];
	/* the store */
	unsigned shards;
	unsigned joins, histories, leaves, publishes, entered, exited;
	uint64_t top, join, history; /* generations of the last ones */
	enum code answer;
	unsigned wanted_joins;
	struct buf channels;  /* of publishes: channel, filter, a line's end */
	struct buf asked;     /* of Redis: key, value, a line's end */
	bool mute, rosters;   /* joins are not answered; rosters are */
	struct buf published; /* bodies */
	unsigned away;        /* the last shard that moved away */
	bool track;           /* messages have one: their offset */
	struct msg_fates fates[64]; /* the last told, by track */
	unsigned reports;
	struct ingress *ingress; /* of hub_door_test.c */
};

static inline void
server_hello(struct bus_server_face *f, struct bus_peer *p)
{
	struct world *w = container_of(f, struct world, server_face);
	struct msg m = {.id = MSG_owner,
	    .owner = {
		.term = 1, .name = SLICE("store.1"), .last = w->shards - 1}};
	struct msg key = {.id = MSG_key,
	    .key = {.app = SLICE("demo"),
		.id = SLICE("kid"),
		.alg = SLICE("HS256"),
		.secret = SLICE("secret"),
		.rights = KEY_PUBLISH | KEY_LISTEN}};

	w->peer = p;
	bus_server_send(w->server, p, &m);
	bus_server_send(w->server, p, &key);
	bus_server_welcome(w->server, p, w->shards, 0);
}

static inline void
answer_join(struct world *w, uint64_t generation)
{
	struct msg m = {.id = MSG_joined,
	    .joined = {.generation = generation,
		.epoch = 5,
		.top = w->top,
		.code = w->answer}};

	bus_server_send(w->server, w->peer, &m);
}

static inline void
heard_join(struct world *w, const struct msg_join *j)
{
	if (j->resume == RESUME_HISTORY) {
		w->histories++;
		w->history = j->generation;
		return;
	}
	w->joins++;
	w->join = j->generation;
	if (!w->mute)
		answer_join(w, w->join);
}

static inline void
answer_roster(struct world *w, const struct msg_roster *r)
{
	struct msg m = {
	    .id = MSG_present, .present = {.ref = r->ref, .user = r->channel}};

	bus_server_send(w->server, w->peer, &m);
	m = (struct msg){.id = MSG_roster_end,
	    .roster_end = {.ref = r->ref, .epoch = 5, .offset = w->top}};
	bus_server_send(w->server, w->peer, &m);
}

static inline void
server_frame(struct bus_server_face *f, struct bus_peer *p, const struct msg *m)
{
	struct world *w = container_of(f, struct world, server_face);
	struct msg back = {.id = MSG_published,
	    .published = {.seq = m->publish.seq,
		.code = w->answer,
		.epoch = 5,
		.offset = w->top + 1,
		.hubs = 1}};

	switch (m->id) {
	case MSG_join:
		heard_join(w, &m->join);
		break;
	case MSG_leave:
		w->leaves++;
		break;
	case MSG_publish:
		w->publishes++;
		buf_put(&w->published, m->publish.body);
		buf_put(&w->channels, m->publish.channel);
		buf_chr(&w->channels, ' ');
		buf_put(&w->channels, m->publish.filter);
		buf_chr(&w->channels, '\n');
		bus_server_send(w->server, p, &back);
		break;
	case MSG_fates:
		w->fates[m->fates.track % LENGTH(w->fates)] = m->fates;
		w->reports++;
		break;
	case MSG_ask_redis:
		buf_put(&w->asked, m->ask_redis.key);
		buf_chr(&w->asked, ' ');
		buf_put(&w->asked, m->ask_redis.value);
		buf_chr(&w->asked, '\n');
		break;
	case MSG_enter:
		w->entered++;
		buf_put(&w->asked, m->enter.user);
		break;
	case MSG_exit:
		w->exited++;
		break;
	case MSG_roster:
		if (w->rosters)
			answer_roster(w, &m->roster);
		break;
	default:
		break;
	}
}

/* A message of that type, for a page of its user. */
static inline void
world_send(struct world *w, struct msg_deliver d)
{
	struct msg m = {.id = MSG_deliver, .deliver = d};

	m.deliver.epoch = 5;
	m.deliver.offset = ++w->top;
	bus_server_send(w->server, w->peer, &m);
}

static inline void
world_message(struct world *w, const char *channel, const char *body)
{
	world_send(w, (struct msg_deliver){.channel = slice_of(channel),
			  .prev = w->top,
			  .track = w->track ? w->top + 1 : 0,
			  .body = slice_of(body)});
}

static inline void
stage_up(struct bus_face *f, struct bus_link *l)
{
	(void)l;
	hub_link_up(&container_of(f, struct world, hub.d.face)->hub);
}

static inline void
stage_down(struct bus_face *f, struct bus_link *l)
{
	(void)l;
	hub_link_down(&container_of(f, struct world, hub.d.face)->hub);
}

static inline void
stage_frame(struct bus_face *f, struct bus_link *l, const struct msg *m)
{
	(void)l;
	hub_frame(&container_of(f, struct world, hub.d.face)->hub, m);
}

/* Whether what is waited for is there. */
static inline bool
world_turn(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);

	if (w->done != NULL && w->done(w))
		loop_stop(w->hub.d.loop, 0);
	return false;
}

static inline void
world_late(struct timer *t)
{
	struct world *w = container_of(t, struct world, deadline);

	w->late = true;
	loop_stop(w->hub.d.loop, 1);
}

#define until(w, condition) assert_true(world_until(w, condition))
static inline bool
world_until(struct world *w, bool (*done)(struct world *))
{
	w->done = done;
	loop_arm(w->hub.d.loop, &w->deadline, WORLD_DEADLINE_MS);
	loop_run(w->hub.d.loop);
	timer_cancel(&w->deadline);
	return !w->late;
}

static inline bool
world_is_up(struct world *w)
{
	return bus_ready(w->hub.d.bus);
}

static inline bool
world_joined(struct world *w)
{
	return w->joins != 0;
}

static inline bool
world_asked(struct world *w)
{
	return w->histories != 0;
}

static inline bool
world_has_moved(struct world *w)
{
	return bus_owner(w->hub.d.bus, w->away) == NULL;
}

/* Somebody else has the shard, and is not there. */
static inline void
world_move_away(struct world *w, unsigned shard)
{
	struct msg m = {.id = MSG_owner,
	    .owner = {.term = 2,
		.name = SLICE("store.2"),
		.first = shard,
		.last = shard}};

	w->away = shard;
	bus_server_send(w->server, w->peer, &m);
	until(w, world_has_moved);
	subs_owner(w->hub.subs, shard); /* as the hub's own face does */
	subs_moved(w->hub.subs);
}

/* The hub has read all that w->client said. */
static inline bool
world_taken(struct world *w)
{
	int left = 1;

	return ioctl(w->client, SIOCOUTQ, &left) == 0 && left == 0;
}

static inline void
world_limits(struct hub_limits *l)
{
	*l = (struct hub_limits){
	    .connections = 100,
	    .per_address = 3,
	    .subscriptions = 4,
	    .message = 65536,
	    .backlog = 1 << 20,
	    .recent = 1 << 20,
	    .head = 10000,
	    .idle = 10000,
	    .first = 10000,
	    .ping = 10000,
	    .pong = 10000,
	    .heartbeat = 10000,
	    .retry = 2000,
	    .commands = 8,
	    .origins = "*",
	    .personas = PERSONA_SET(incus) | PERSONA_SET(pandapush),
	    .bayeux = {.timeout = 30000, .sessions = 100},
	    .incus = {.broadcasts = true,
		.poll = 10000,
		.ping = 10000,
		.redis = ""},
	    .deflate = true,
	    .echo = true,
	};
}

static inline int
set_up_shards(void **state, unsigned shards)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct daemon *d = &w->hub.d;
	const char *why;

	w->shards = shards;
	log_open("test", "stderr", LEVEL_ERR);
	snprintf(w->dir, sizeof(w->dir), "/tmp/hub_test.XXXXXX");
	must(mkdtemp(w->dir) != NULL);
	snprintf(w->endpoint, sizeof(w->endpoint), "ipc://%s/store", w->dir);
	d->loop = loop_new();
	d->name = "hub.1";
	d->ready = true;
	d->face = (struct bus_face){
	    .up = stage_up, .down = stage_down, .frame = stage_frame};
	w->server_face = (struct bus_server_face){
	    .hello = server_hello, .frame = server_frame};
	w->server = bus_server_open(&(struct bus_server_setup){.loop = d->loop,
					.face = &w->server_face,
					.endpoint = w->endpoint,
					.name = "store.1"},
	    &why);
	must(w->server != NULL);
	d->bus = bus_open(&(struct bus_setup){.loop = d->loop,
			      .face = &d->face,
			      .stores = w->endpoint,
			      .stage = "hub",
			      .name = "hub.1"},
	    &why);
	must(d->bus != NULL);
	world_limits(&w->hub.limits);
	w->turn.end = world_turn; /* looks when the hub has written */
	loop_add_turn(d->loop, &w->turn);
	hub_open(&w->hub);
	timer_init(&w->deadline, world_late);
	*state = w;
	return world_until(w, world_is_up) ? 0 : -1;
}

static inline int
set_up(void **state)
{
	return set_up_shards(state, 1);
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;
	char path[128];

	deliveries_add_up();
	hub_close(&w->hub);
	deliveries_add_up();
	copies_add_up();
	publishes_add_up();
	assert_int_equal(stats_get(STAT_messages_pending), 0);
	assert_int_equal(stats_get(STAT_publishes_pending), 0);
	bus_close(&w->hub.d.bus);
	bus_server_close(&w->server);
	loop_free(&w->hub.d.loop);
	snprintf(path, sizeof(path), "%s/store", w->dir);
	unlink(path);
	rmdir(w->dir);
	buf_free(&w->published);
	buf_free(&w->channels);
	buf_free(&w->asked);
	buf_free(&w->in);
	free(w);
	return 0;
}

/* A client: its end of a socket pair, whose other end the hub has. */
static inline int
client(struct world *w)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		 pair) == 0);
	conn_open(&w->hub, &(struct conn_offer){.fd = pair[1]});
	return pair[0];
}

static inline void
say(int fd, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

/* Read what came; true when it holds what is wanted, or the end is wanted
 * and there. */
static inline bool
heard_it(struct world *w)
{
	char room[4096], *found;
	ssize_t n;

	while ((n = read(w->client, room, sizeof(room))) > 0)
		buf_add(&w->in, room, (size_t)n);
	if (w->wanted == NULL)
		return n == 0 || (n < 0 && errno == ECONNRESET);
	found = w->in.n == 0
	            ? NULL
	            : memmem(w->in.p, w->in.n, w->wanted, strlen(w->wanted));
	if (found != NULL)
		w->used = (size_t)(found - w->in.p) + strlen(w->wanted);
	return found != NULL;
}

/* Run until the client has read `text` (NULL: the end of the connection),
 * which the next call looks behind.  All that came up to it, as text. */
static inline const char *
hear(struct world *w, int fd, const char *text)
{
	if (w->client != fd)
		w->used = w->in.n;
	buf_drop(&w->in, w->used);
	w->used = 0;
	w->client = fd;
	w->wanted = text;
	if (!world_until(w, heard_it))
		fail_msg("\"%s\" did not come but \"%.*s\"",
		    text != NULL ? text : "(the end)", (int)w->in.n, w->in.p);
	snprintf(w->heard, sizeof(w->heard), "%.*s", (int)w->used, w->in.p);
	return w->heard;
}

/* A masked frame, as a client sends it; the mask is 0, so it is readable. */
static inline void
say_frame(int fd, unsigned first, struct slice payload)
{
	struct buf b = {0};

	buf_chr(&b, (char)first);
	if (payload.n < 126) {
		buf_chr(&b, (char)(0x80 | payload.n));
	} else {
		buf_chr(&b, (char)(0x80 | 126));
		buf_chr(&b, (char)(payload.n >> 8));
		buf_chr(&b, (char)payload.n);
	}
	buf_add(&b, "\0\0\0\0", 4);
	buf_put(&b, payload);
	assert_int_equal(send(fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	buf_free(&b);
}

static inline void
say_text(int fd, const char *text)
{
	say_frame(fd, 0x81, slice_of(text));
}

#define UPGRADE                                                                \
	" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"                       \
	"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                 \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* A WebSocket that is open; headers end in CRLF each. */
static inline int
client_ws(struct world *w, const char *path, const char *headers)
{
	char head[1024];
	int fd = client(w);

	snprintf(head, sizeof(head), "GET %s" UPGRADE "%s\r\n", path, headers);
	say(fd, head);
	hear(w, fd, "\r\n\r\n");
	return fd;
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
