/*
 * front_world.h - the connections of an ingress, a scripted store behind
 * them, and the loop all share; for tests of the ingress.
 */
#ifndef TESTS_UNIT_FRONT_WORLD_H
#define TESTS_UNIT_FRONT_WORLD_H

#include "tests/unit/adds_up.h"
#include "tests/unit/front_house.h"

static void
tell_key(struct house *h, struct bus_peer *p)
{
	struct msg m = {.id = MSG_key,
	    .key = {
		.app = SLICE("demo"),
		.id = SLICE("k"),
		.alg = SLICE("HS256"),
		.secret = SLICE("s"),
		.rights = 7,
	    }};

	bus_server_send(h->server, p, &m);
}

static void
server_hello(struct bus_server_face *f, struct bus_peer *p)
{
	struct house *h = container_of(f, struct house, server_face);
	struct msg m = {.id = MSG_owner,
	    .owner = {
		.term = 1, .first = 0, .last = 0, .name = SLICE("store.1")}};

	h->peer = p;
	bus_server_send(h->server, p, &m);
	tell_key(h, p);
	bus_server_welcome(h->server, p, 1, 0);
}

/* Every message's offset is its seq; the epoch is 1. */
static void
server_answer(struct house *h, uint64_t seq)
{
	struct msg m = {.id = MSG_published,
	    .published = {
		.seq = seq,
		.code = h->code,
		.epoch = 1,
		.offset = seq,
		.hubs = 2,
	    }};

	bus_server_send(h->server, h->peer, &m);
}

static inline void
server_say(struct house *h, const struct msg *m)
{
	bus_server_send(h->server, h->peer, m);
}

static void
keep(char *to, size_t n, struct slice s)
{
	snprintf(to, n, "%.*s", SLICE_ARGS(s));
}

static void
note_publish(struct house *h, const struct msg_publish *p)
{
	struct note *n = &h->notes[h->published++ % NOTED];

	n->seq = p->seq;
	n->expires = p->expires;
	n->receipt = p->receipt;
	keep(n->channel, sizeof(n->channel), p->channel);
	keep(n->type, sizeof(n->type), p->type);
	keep(n->body, sizeof(n->body), p->body);
	keep(n->id, sizeof(n->id), p->id);
}

static void
server_frame(struct bus_server_face *f, struct bus_peer *p, const struct msg *m)
{
	struct house *h = container_of(f, struct house, server_face);

	(void)p;
	if (m->id == MSG_publish) {
		note_publish(h, &m->publish);
		if (!h->mute)
			server_answer(h, m->publish.seq);
	} else if (m->id == MSG_read) {
		h->read = m->read;
		keep(h->read_channel, sizeof(h->read_channel), m->read.channel);
		h->reads++;
	} else if (m->id == MSG_stats && !h->mute) {
		server_say(h, &(struct msg){.id = MSG_stat,
				  .stat = {
				      .ref = m->stats.ref,
				      .stage = SLICE("hub"),
				      .name = SLICE("hub.9"),
				      .metric = SLICE("subscriptions"),
				      .value = 42,
				  }});
		server_say(h, &(struct msg){.id = MSG_stats_end,
				  .stats_end = {.ref = m->stats.ref}});
	} else if (h->other != NULL) {
		h->other(h, m);
	}
}

static void
server_gone(struct bus_server_face *f, struct bus_peer *p)
{
	struct house *h = container_of(f, struct house, server_face);

	if (h->peer == p)
		h->peer = NULL;
}

static void
open_server(struct house *h)
{
	const char *why;

	h->server = bus_server_open(&(struct bus_server_setup){.loop = h->loop,
					.face = &h->server_face,
					.endpoint = h->endpoint,
					.name = "store.1"},
	    &why);
	if (h->server == NULL)
		fail_msg("%s", why);
}

/* ---- the ingress, without its settings */

static void
stage_frame(struct bus_face *f, struct bus_link *l, const struct msg *m)
{
	struct house *h = container_of(f, struct house, face);

	if (m->id == MSG_key) {
		assert_null(auth_told(h->front.auth, &m->key));
		feedback_app(h->front.feedback, m->key.app);
	}
	if (m->id == MSG_deliver || m->id == MSG_lag)
		feedback_frame(h->front.feedback, m);
	if (m->id == MSG_stat)
		gauges_stat(h->front.gauges, &m->stat);
	if (m->id == MSG_stats_end)
		gauges_end(h->front.gauges, l, m->stats_end.ref);
	asks_frame(h->front.asks, m);
}

static void
stage_up(struct bus_face *f, struct bus_link *l)
{
	feedback_up(container_of(f, struct house, face)->front.feedback, l);
}

static void
stage_down(struct bus_face *f, struct bus_link *l)
{
	struct house *h = container_of(f, struct house, face);

	asks_down(h->front.asks, l);
	gauges_down(h->front.gauges, l);
}

static void
open_bus(struct house *h)
{
	const char *why;

	h->face = (struct bus_face){
	    .up = stage_up,
	    .frame = stage_frame,
	    .down = stage_down,
	};
	h->bus = bus_open(&(struct bus_setup){.loop = h->loop,
			      .face = &h->face,
			      .stores = h->endpoint,
			      .stage = "ingress",
			      .name = "ingress.1"},
	    &why);
	if (h->bus == NULL)
		fail_msg("%s", why);
	h->front.bus = h->bus;
}

static void
open_front(struct house *h)
{
	struct front *f = &h->front;

	front_init(f, h->loop);
	f->name = "ingress.1";
	f->auth = auth_new();
	f->peers = peers_new();
	f->asks = asks_new();
	f->gauges = gauges_new();
	f->feedback = feedback_new(f);
	f->admin_key = "";
	f->relays = relays_new(f);
	f->origins.any = true;
	f->limits = (struct limits){
	    .head_ms = DEADLINE_MS,
	    .body_ms = DEADLINE_MS,
	    .idle_ms = DEADLINE_MS,
	    .stream_ms = DEADLINE_MS,
	    .answer_ms = DEADLINE_MS,
	    .write_ms = DEADLINE_MS,
	    .body_max = 1 << 20,
	    .per_address = 10,
	};
	h->port.spec.word = SLICE("4000");
	h->port.front = f;
	h->port.persona = PERSONA_any;
	h->port.personas = persona_set(PERSONA_any, PERSONA_SET(incus));
}

static int
set_up(void **state)
{
	struct house *h = xcalloc(1, sizeof(*h));

	snprintf(h->dir, sizeof(h->dir), "/tmp/front_test.XXXXXX");
	must(mkdtemp(h->dir) != NULL);
	snprintf(h->endpoint, sizeof(h->endpoint), "ipc://%s/store", h->dir);
	h->fd = -1;
	h->loop = loop_new();
	h->turn.end = check_done;
	loop_add_turn(h->loop, &h->turn);
	timer_init(&h->deadline, too_late);
	h->server_face = (struct bus_server_face){
	    .hello = server_hello, .frame = server_frame, .gone = server_gone};
	open_front(h);
	*state = h;
	return 0;
}

static int
tear_down(void **state)
{
	struct house *h = *state;
	struct front *f = &h->front;
	char path[128];

	if (h->fd >= 0) {
		loop_unwatch(h->loop, &h->watch);
		close(h->fd);
	}
	publishes_add_up();
	front_end(f);
	publishes_add_up();
	assert_int_equal(stats_get(STAT_publishes_pending), 0);
	door_close(&f->door);
	relays_free(&f->relays);
	bus_close(&h->bus);
	bus_server_close(&h->server);
	gauges_free(&f->gauges);
	feedback_free(&f->feedback);
	asks_free(&f->asks);
	peers_free(&f->peers);
	auth_free(&f->auth);
	loop_free(&h->loop);
	snprintf(path, sizeof(path), "%s/store", h->dir);
	unlink(path);
	rmdir(h->dir);
	buf_free(&h->got);
	free(h);
	return 0;
}

static bool
is_up(struct house *h)
{
	return bus_ready(h->bus);
}

/* A store that answers, and a link to it. */
static inline void
open_all(struct house *h)
{
	open_server(h);
	open_bus(h);
	until(h, is_up);
}

static void
came(struct watch *w, unsigned events)
{
	struct house *h = container_of(w, struct house, watch);
	char *room = buf_room(&h->got, 65536);
	ssize_t n = read(h->fd, room, 65535);

	(void)events;
	if (n > 0) {
		h->got.n += (size_t)n;
		h->got.p[h->got.n] = '\0';
		return;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	h->eof = true;
	loop_unwatch(h->loop, &h->watch);
}

static void
hang_up(struct house *h)
{
	if (h->fd < 0)
		return;
	loop_unwatch(h->loop, &h->watch);
	close(h->fd);
	h->fd = -1;
}

static void
take_end(struct house *h, int fd)
{
	hang_up(h);
	h->fd = fd;
	h->eof = false;
	buf_clear(&h->got);
	must(buf_room(&h->got, 1) != NULL);
	h->got.p[0] = '\0';
	h->watch.ready = came;
	loop_watch(h->loop, &h->watch, fd, LOOP_READ);
}

/* A new connection; the one before is hung up. */
static inline void
dial_as(struct house *h, struct client_setup setup)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		 pair) == 0);
	take_end(h, pair[0]);
	setup.front = &h->front;
	setup.port = &h->port;
	setup.stream.fd = pair[1];
	client_new(&setup);
}

static inline void
dial(struct house *h)
{
	dial_as(h, (struct client_setup){.counted = false});
}

/* Say all of it, however slowly it is taken. */
static inline void
say_bytes(struct house *h, struct slice s)
{
	while (s.n != 0) {
		ssize_t n = send(h->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n > 0)
			s = slice_from(s, (size_t)n);
		else if (errno != EAGAIN)
			fail_msg("the connection was closed");
		few_turns(h);
	}
}

static inline void
say(struct house *h, const char *text)
{
	say_bytes(h, slice_of(text));
}

static bool
heard(struct house *h)
{
	return strstr(h->got.p, h->wanted) != NULL;
}

/* Wait for these words, and forget all up to them. */
static inline void
hear(struct house *h, const char *words)
{
	h->wanted = words;
	if (!run_until(h, heard))
		fail_msg("wanted: %s\nheard: %s", words, h->got.p);
	buf_drop(&h->got,
	    (size_t)(strstr(h->got.p, words) - h->got.p) + strlen(words));
	must(buf_room(&h->got, 1) != NULL);
	h->got.p[h->got.n] = '\0';
}

static bool
hung_up(struct house *h)
{
	return h->eof;
}

static inline void
hear_end(struct house *h)
{
	until(h, hung_up);
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#define KEY  "Authorization: Basic azpz\r\n" /* k:s */
#define POST "POST /v1/publish HTTP/1.1\r\nHost: x\r\n" KEY

#endif
