/*
 * bus_server.c - one ROUTER socket, and the peers behind it.
 *
 * Peers are found by ZeroMQ's name of their connection.  Whatever comes from
 * a connection that is not bound is dropped, counted, and answered `who`:
 * that is how a peer learns that this store, or its link, is a new one.
 */
#include "common/bus_server.h"

#include "common/bus_check.h"
#include "common/bus_frames.h"
#include "common/bus_gate.h"
#include "common/crypto.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/table.h"

enum { BEAT_MS = 1000 };

struct peer {
	struct bus_peer face;
	struct table_entry entry; /* by connection */
	const char *why;          /* it is dead */
};

struct bus_server {
	struct loop *loop;
	struct bus_server_face *face;
	struct bus_context *context;
	struct bus_gate *gate; /* NULL without keys */
	struct bus_socket *socket;
	const char *name;
	uint64_t boot;
	struct watch readable;
	struct timer beat;
	struct turn turn;
	struct table *connections; /* struct peer */
	struct list peers, dead;
	bool pending; /* may have more to read */
	bool drained; /* the queue was empty since the beat */
	bool lost;    /* some peer is */
};

static struct peer *
peer_of(struct bus_peer *p)
{
	return container_of(p, struct peer, face);
}

/* The peer stays allocated to the end of the turn: somebody may hold it.
 * Never called while somebody sends, or walks over the peers. */
static void
peer_gone(struct bus_server *s, struct bus_peer *p, const char *why)
{
	if (p->gone)
		return;
	p->dead = p->gone = true;
	log_info(
	    "peer_gone", "peer=%s stage=%s why=\"%s\"", p->name, p->stage, why);
	table_remove(s->connections, &peer_of(p)->entry);
	list_remove(&p->node);
	list_append(&s->dead, &p->node);
	stats_sub(STAT_bus_links, 1);
	if (s->face->gone != NULL)
		s->face->gone(s->face, p);
}

/* Nothing more is sent to it; that it is gone is told at the turn's end. */
static void
dies(struct bus_server *s, struct bus_peer *p, const char *why)
{
	p->dead = s->lost = true;
	peer_of(p)->why = why;
}

void
bus_server_drop(struct bus_server *s, const char *why)
{
	list_each (at, &s->peers)
		dies(s, container_of(at, struct bus_peer, node), why);
}

static void
flush(struct bus_server *s, struct bus_peer *p)
{
	struct slice m = link_seal(&p->link);

	p->roomy = p->roomy && link_room(&p->link);
	stats_add(STAT_bus_messages_out, 1);
	stats_add(STAT_bus_bytes_out, m.n);
	if (!bus_socket_send(s->socket, p->connection, m))
		dies(s, p, "connection lost");
}

void
bus_server_send(struct bus_server *s, struct bus_peer *p, const struct msg *m)
{
	if (p->dead)
		return;
	stats_add(STAT_bus_frames_out, 1);
	link_add(&p->link, m);
	if (link_ripe(&p->link))
		flush(s, p);
}

void
bus_server_send_encoded(struct bus_server *s, struct bus_peer *p,
    struct slice frames, unsigned count)
{
	if (p->dead)
		return;
	stats_add(STAT_bus_frames_out, count);
	link_add_encoded(&p->link, frames, count);
	if (link_ripe(&p->link))
		flush(s, p);
}

bool
bus_server_room(const struct bus_peer *p)
{
	return !p->dead && link_room(&p->link);
}

void
bus_server_welcome(
    struct bus_server *s, struct bus_peer *p, unsigned shards, uint64_t mark)
{
	struct msg m = {.id = MSG_welcome,
	    .welcome = {
		.name = slice_of(s->name),
		.boot = s->boot,
		.shards = shards,
		.mark = mark,
		.window = LINK_WINDOW,
	    }};

	bus_server_send(s, p, &m);
}

static void
say_who(struct bus_server *s, uint64_t connection)
{
	struct msg m = {.id = MSG_who, .who = {.boot = s->boot}};
	struct buf b = {0};

	stats_add(STAT_drop_link, 1);
	must(buf_room(&b, 64) != NULL);
	b.n = MSG_HEADER;
	msg_header_write(b.p, 0, 0);
	msg_encode(&b, &m);
	bus_socket_send(s->socket, connection, buf_slice(&b));
}

static void
copy_text(char *out, size_t size, struct slice s)
{
	size_t n = s.n < size ? s.n : size - 1;

	memcpy(out, s.p, n);
	out[n] = '\0';
}

/* A life that comes by a new connection has given up the old one. */
static void
forget_boot(struct bus_server *s, uint64_t boot)
{
	list_each (at, &s->peers) {
		struct bus_peer *p = container_of(at, struct bus_peer, node);

		if (p->boot == boot) {
			peer_gone(s, p, "came by a new connection");
			return;
		}
	}
}

static struct bus_peer *
peer_new(struct bus_server *s, uint64_t connection, const struct msg_hello *m)
{
	struct peer *p = xcalloc(1, sizeof(*p));

	p->face.connection = connection;
	p->face.boot = m->boot;
	p->face.roomy = true;
	copy_text(p->face.stage, sizeof(p->face.stage), m->stage);
	copy_text(p->face.name, sizeof(p->face.name), m->name);
	link_init(&p->face.link);
	table_insert(s->connections, &p->entry,
	    (struct slice){
		(const char *)&p->face.connection, sizeof(p->face.connection)});
	list_append(&s->peers, &p->face.node);
	stats_add(STAT_bus_links, 1);
	log_info("peer", "peer=%s stage=%s", p->face.name, p->face.stage);
	return &p->face;
}

/* The first message of a connection must begin with hello. */
static struct bus_peer *
bind_peer(struct bus_server *s, uint64_t connection, struct slice in)
{
	struct slice frames;
	struct bus_peer *p;
	uint64_t n, acked;
	const char *why;
	struct msg m;

	if (!msg_header_read(in, &n, &acked) || n != 1)
		return NULL;
	frames = slice_from(in, MSG_HEADER);
	if (msg_decode(frames, &m, &why) <= 0 || m.id != MSG_hello)
		return NULL;
	forget_boot(s, m.hello.boot);
	p = peer_new(s, connection, &m.hello);
	if (s->face->hello != NULL)
		s->face->hello(s->face, p);
	return p;
}

static void
take_frame(struct bus_server *s, struct bus_peer *p, const struct msg *m)
{
	if (m->id == MSG_bye)
		peer_gone(s, p, "bye");
	else if (m->id != MSG_unknown && m->id != MSG_hello &&
		 m->id != MSG_beat && s->face->frame != NULL)
		s->face->frame(s->face, p, m);
}

static size_t
take_frames(struct bus_server *s, struct bus_peer *p, struct slice in)
{
	struct msg m[FRAMES_AHEAD];
	const char *why = NULL;
	size_t count = 0;

	while (in.n != 0 && why == NULL && !p->gone) {
		unsigned n = bus_frames_cut(&in, m, &why);

		if (n > 1 && s->face->ahead != NULL)
			s->face->ahead(s->face, m, n);
		for (unsigned i = 0; i < n && !p->gone; i++, count++)
			take_frame(s, p, &m[i]);
	}
	if (why != NULL && !p->gone) {
		stats_add(STAT_drop_bad_frame, 1);
		peer_gone(s, p, why);
	}
	stats_add(STAT_bus_frames_in, count);
	return count;
}

static size_t
take_message(struct bus_server *s, const struct bus_packet *packet)
{
	struct slice in = packet->bytes;
	struct table_entry *e = table_find(s->connections,
	    (struct slice){(const char *)&packet->from, sizeof(packet->from)});
	struct bus_peer *p =
	    e != NULL ? &container_of(e, struct peer, entry)->face : NULL;
	uint64_t n, acked;

	stats_add(STAT_bus_messages_in, 1);
	stats_add(STAT_bus_bytes_in, in.n);
	if (p == NULL && (p = bind_peer(s, packet->from, in)) == NULL) {
		say_who(s, packet->from);
		return 1;
	}
	p->knew = p->link.acked;
	if (!msg_header_read(in, &n, &acked) ||
	    link_heard(&p->link, n, acked, in.n) != LINK_OK) {
		peer_gone(s, p, "a message is missing");
		say_who(s, packet->from);
		return 1;
	}
	if (!p->roomy && link_room(&p->link)) {
		p->roomy = true;
		if (s->face->room != NULL)
			s->face->room(s->face, p);
	}
	return take_frames(s, p, slice_from(in, MSG_HEADER));
}

/* A bounded batch: the rest waits for the next turn. */
static void
turn_work(struct turn *t)
{
	struct bus_server *s = container_of(t, struct bus_server, turn);
	size_t frames = 0, bytes = 0;
	struct bus_packet p;

	while (s->pending && frames < LINK_MESSAGE_FRAMES &&
	       bytes < LINK_MESSAGE_BYTES) {
		if (!bus_socket_receive(s->socket, &p)) {
			s->pending = false;
			s->drained = true;
			break;
		}
		bytes += p.bytes.n;
		frames += 1 + take_message(s, &p);
		bus_packet_free(&p);
	}
}

/* What a peer sent before its connection was lost is heard first. */
static void
bury_lost(struct bus_server *s)
{
	s->lost = false;
	for (struct list *at = s->peers.next; at != &s->peers;) {
		struct bus_peer *p = container_of(at, struct bus_peer, node);

		at = at->next;
		if (!p->dead)
			continue;
		peer_gone(s, p, peer_of(p)->why);
		at = s->peers.next; /* what hears of it may do anything */
	}
}

static void
flush_peers(struct bus_server *s)
{
	list_each (at, &s->peers) {
		struct bus_peer *p = container_of(at, struct bus_peer, node);

		if (link_due(&p->link) && !p->dead)
			flush(s, p);
		p->roomy = p->roomy && link_room(&p->link);
	}
}

/* ZeroMQ's descriptor is silent about what came before we looked. */
static void
look(struct bus_server *s)
{
	if (!s->pending)
		s->pending = bus_socket_readable(s->socket);
}

static void
free_dead(struct bus_server *s)
{
	for (struct list *node; (node = list_shift(&s->dead)) != NULL;) {
		struct bus_peer *p = container_of(node, struct bus_peer, node);

		link_free(&p->link);
		free(peer_of(p));
	}
}

static bool
turn_end(struct turn *t)
{
	struct bus_server *s = container_of(t, struct bus_server, turn);

	flush_peers(s);
	look(s);
	while (s->lost && !s->pending) {
		bury_lost(s);
		flush_peers(s); /* answers that waited for who is gone */
		look(s);
	}
	free_dead(s);
	return s->pending;
}

static void
readable(struct watch *w, unsigned events)
{
	(void)events;
	container_of(w, struct bus_server, readable)->pending = true;
}

/* At the latest a beat after its connection was lost a peer is gone, also
 * where the queue never runs empty. */
static void
beat(struct timer *t)
{
	struct bus_server *s = container_of(t, struct bus_server, beat);

	loop_arm(s->loop, &s->beat, BEAT_MS);
	bury_lost(s);
	list_each (at, &s->peers) {
		struct bus_peer *p = container_of(at, struct bus_peer, node);
		struct msg m = {.id = MSG_beat,
		    .beat = {
			.last = p->link.sent + 1, .queued = p->link.flight}};

		if (link_beat(&p->link, s->drained))
			dies(s, p, "silent");
		else
			bus_server_send(s, p, &m);
	}
	s->drained = false;
}

static bool
bind_socket(struct bus_server *s, const struct bus_server_setup *setup,
    const char **why)
{
	const struct bus_keys *keys = &setup->keys;
	const char *name;

	if ((*why = bus_check_store(setup, &name)) != NULL)
		return false;
	if (keys->secret != NULL && keys->secret[0] != '\0' &&
	    (s->gate = bus_gate_open(
		 s->context, s->loop, keys->clients, why)) == NULL)
		return false;
	s->socket = bus_socket_bind(s->context, setup->endpoint, keys, why);
	return s->socket != NULL;
}

struct bus_server *
bus_server_open(const struct bus_server_setup *setup, const char **why)
{
	struct bus_server *s = xcalloc(1, sizeof(*s));

	s->loop = setup->loop;
	s->face = setup->face;
	s->name = setup->name;
	s->context = bus_context_new();
	s->connections = table_new();
	list_init(&s->peers);
	list_init(&s->dead);
	crypto_random(&s->boot, sizeof(s->boot));
	if (!bind_socket(s, setup, why)) {
		bus_server_close(&s);
		return NULL;
	}
	s->readable.ready = readable;
	loop_watch(s->loop, &s->readable, bus_socket_fd(s->socket), LOOP_READ);
	timer_init(&s->beat, beat);
	loop_arm(s->loop, &s->beat, BEAT_MS);
	s->turn.work = turn_work;
	s->turn.end = turn_end;
	loop_add_turn(s->loop, &s->turn);
	s->pending = true;
	return s;
}

const char *
bus_server_wrong_clients(const struct bus_server *s, const char *clients)
{
	return s->gate != NULL ? bus_gate_wrong(clients) : NULL;
}

void
bus_server_clients(struct bus_server *s, const char *clients)
{
	if (s->gate != NULL)
		bus_gate_clients(s->gate, clients);
}

void
bus_server_close(struct bus_server **sp)
{
	struct bus_server *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->socket != NULL) {
		while (!list_empty(&s->peers))
			peer_gone(s,
			    container_of(s->peers.next, struct bus_peer, node),
			    "closing");
		loop_unwatch(s->loop, &s->readable);
		timer_cancel(&s->beat);
		list_remove(&s->turn.node);
		bus_socket_close(&s->socket);
	}
	free_dead(s);
	table_free(&s->connections);
	bus_gate_close(&s->gate);
	bus_context_free(&s->context);
	free(s);
}

uint64_t
bus_server_boot(const struct bus_server *s)
{
	return s->boot;
}

bool
bus_server_behind(const struct bus_server *s)
{
	return s->pending && !s->drained;
}

struct bus_peer *
bus_server_next(struct bus_server *s, struct bus_peer *p)
{
	struct list *next = p != NULL ? p->node.next : s->peers.next;

	return next == &s->peers ? NULL
	                         : container_of(next, struct bus_peer, node);
}
