/*
 * door.c - the door of the ingress.
 *
 * Credit is the hub's own word for what it can take, so nothing is passed on
 * hope; the count of its connections is kept up between its words, so that a
 * burst spreads over all hubs.
 */
#include "ingress/door_own.h"

#include "common/log.h"
#include "common/msg.h"
#include "common/must.h"
#include "common/net.h"
#include "common/stats.h"
#include "ingress/client.h"
#include "ingress/note.h"
#include "ingress/request.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAUSE_MS = 100 }; /* without descriptors */

static void
seat_leave(struct hub_seat *s)
{
	log_info("hub_left", "hub=%s", s->name);
	loop_unwatch(s->door->front->loop, &s->watch);
	list_remove(&s->node);
	close(s->fd);
	free(s);
}

unsigned
door_hubs(const struct door *d)
{
	unsigned count = 0;

	list_each (at, &d->hubs) {
		const struct hub_seat *s =
		    container_of(at, struct hub_seat, node);

		count += !s->draining && (s->credit | s->connections) != 0;
	}
	return count;
}

/* NULL: no hub that stays has the tag. */
static struct hub_seat *
tagged(const struct door *d, uint64_t tag)
{
	list_each (at, &d->hubs) {
		struct hub_seat *s = container_of(at, struct hub_seat, node);

		if (s->tag == tag && tag != 0 && !s->draining)
			return s;
	}
	return NULL;
}

/* The one with the fewest connections among those that can take one; or the
 * one that is wanted, which has a session for it and need not offer. */
static struct hub_seat *
choose(const struct door *d, struct handover *h)
{
	struct hub_seat *best = NULL;

	if (h->hub != 0 && (best = tagged(d, h->hub)) != NULL)
		return best->slow ? NULL : best;
	h->hub = 0; /* it has left meanwhile */

	list_each (at, &d->hubs) {
		struct hub_seat *s = container_of(at, struct hub_seat, node);

		if (s->credit == 0 || s->draining || s->slow)
			continue;
		if (best == NULL || s->connections < best->connections)
			best = s;
	}
	return best;
}

static void
seat_watch(struct hub_seat *s)
{
	loop_watch(s->door->front->loop, &s->watch, s->fd,
	    LOOP_READ | (s->slow ? (unsigned)LOOP_WRITE : 0U));
}

static void
encode(struct door *d, const struct handover *h)
{
	struct msg m = {.id = MSG_pass,
	    .pass = {
		.listener = h->listener,
		.personas = h->personas,
		.address = h->address,
		.secure = h->secure,
		.bytes = h->bytes,
		.wanted = h->hub,
		.passed = h->passed,
		.state = h->state,
	    }};

	buf_clear(&d->frame);
	msg_encode(&d->frame, &m);
}

bool
door_hand_over(struct door *d, struct handover *h)
{
	struct hub_seat *s;

	while ((s = choose(d, h)) != NULL) {
		encode(d, h);
		switch (pass_send(s->fd, h->fd, buf_slice(&d->frame))) {
		case PASSED:
			s->credit -= s->credit != 0;
			s->connections++;
			close(h->fd);
			stats_add(STAT_handovers_out, 1);
			if (h->state.n == 0)
				note_handed(d->front, h,
				    &(struct note_handed){.hub = s->name});
			return true;
		case PASS_AGAIN:
			s->slow = true;
			seat_watch(s);
			break;
		case PASS_GONE:
			seat_leave(s);
			break;
		case PASS_BAD:
		case PASS_ERROR:
			log_err("door_pass", "hub=%s error=\"%s\"", s->name,
			    strerror(errno));
			seat_leave(s);
			break;
		}
	}
	return false;
}

void
door_pass(struct door *d, const struct handover *h)
{
	struct handover way = *h;

	/* Who waits already is served first. */
	if ((way.hub == 0 && !list_empty(&d->waiting)) ||
	    !door_hand_over(d, &way))
		door_wait(d, &way);
}

static const struct port *
port_named(const struct door *d, struct slice word)
{
	for (unsigned i = 0; i < d->setup.nports; i++)
		if (slice_eq(d->setup.ports[i].spec.word, word))
			return &d->setup.ports[i];
	return &d->setup.ports[0];
}

/* Who is at the other end: a proxy, maybe, whose next request is for somebody
 * else.  A relay's end does not tell, nor does a socket that began with a
 * PROXY header; then it is who the hub was told. */
static struct ip
peer_of(const struct client_setup *setup, struct slice told)
{
	struct slice text = told;
	struct ip ip;
	unsigned remote;

	if (ip_peer(setup->stream.fd, &ip, &remote) && !setup->port->spec.proxy)
		return ip;
	slice_cut(&told, '/', &text);
	ip_parse(text, &ip);
	return ip;
}

/* Its next request is not the hub's: a new client with some bytes read. */
static void
take_back(struct hub_seat *s, int fd, const struct msg_pass *pass)
{
	struct client_setup setup = {
	    .front = s->door->front,
	    .port = port_named(s->door, pass->listener),
	    .stream = {.fd = fd},
	    .bytes = pass->bytes,
	    .secure = pass->secure != 0,
	};

	if (s->connections != 0)
		s->connections--;
	stats_add(STAT_handovers_in, 1);
	setup.address = peer_of(&setup, pass->address);
	setup.counted = peers_counts(setup.front, &setup.address);
	if (setup.counted && !peers_enter(setup.front, &setup.address)) {
		port_too_many(setup.front, fd);
		return;
	}
	client_new(&setup);
}

/* Its next message is for a session of another hub.  Where there is none such,
 * or it was there already, who gets it is told that it is his to answer: that
 * is who sent it, for his client knows no other. */
static void
pass_on(struct hub_seat *s, int fd, const struct msg_pass *pass)
{
	struct door *d = s->door;
	struct handover way = {
	    .fd = fd,
	    .listener = port_named(d, pass->listener)->spec.word,
	    .address = pass->address,
	    .bytes = pass->bytes,
	    .state = pass->state,
	    .personas = (unsigned)pass->personas,
	    .secure = pass->secure != 0,
	    .passed = true,
	};
	bool found = pass->passed == 0 && tagged(d, pass->wanted) != NULL;

	if (s->connections != 0)
		s->connections--;
	stats_add(STAT_handovers_in, 1);
	stats_add(found ? STAT_handovers_onward : STAT_handovers_homeless, 1);
	if (found)
		way.hub = (uint32_t)pass->wanted;
	else if (pass->passed == 0)
		way.hub = s->tag;
	door_pass(d, &way);
}

static void
offered(struct hub_seat *s, const struct msg_offer *o)
{
	if (s->name[0] == '\0')
		log_info("hub_came", "hub=%.*s credit=%llu",
		    SLICE_ARGS(o->name), (unsigned long long)o->credit);
	snprintf(s->name, sizeof(s->name), "%.*s", SLICE_ARGS(o->name));
	s->credit = o->credit;
	s->connections = o->connections;
	s->draining = o->draining != 0;
	s->tag = (uint32_t)o->tag;
	door_serve_waiting(s->door);
}

/* One record; false when nothing more is to be read, or the seat is gone. */
static bool
read_record(struct hub_seat *s)
{
	struct door *d = s->door;
	struct passing_room room = {d->record, sizeof(d->record), 0};
	const char *why = "descriptor without a pass, or a pass without one";
	struct msg m;
	int fd;

	switch (pass_receive(s->fd, &fd, &room)) {
	case PASSED:
		if (!net_crowded(fd))
			break;
		close(fd);
		/* FALLTHROUGH */
	case PASS_BAD:
		stats_add(STAT_handovers_failed, 1);
		return true; /* fatal for that socket only */
	case PASS_AGAIN:
		return false;
	case PASS_GONE:
	case PASS_ERROR:
		seat_leave(s);
		return false;
	}
	if (msg_decode((struct slice){room.p, room.got}, &m, &why) <= 0)
		m.id = MSG_unknown;
	if (m.id == MSG_pass && fd >= 0 && m.pass.wanted != 0) {
		pass_on(s, fd, &m.pass);
		return false; /* as below */
	}
	if (m.id == MSG_pass && fd >= 0 && m.pass.state.n == 0) {
		take_back(s, fd, &m.pass);
		return true;
	}
	if (fd >= 0)
		close(fd);
	if (m.id == MSG_offer) {
		offered(s, &m.offer);
		return false; /* it may have left while being served */
	}
	log_warn("door_record", "hub=%s why=\"%s\"", s->name, why);
	stats_add(STAT_drop_bad_frame, 1);
	return true;
}

static void
seat_ready(struct watch *w, unsigned events)
{
	struct hub_seat *s = container_of(w, struct hub_seat, watch);
	struct door *d = s->door;

	if ((events & LOOP_WRITE) != 0 && s->slow) {
		s->slow = false;
		seat_watch(s);
	}
	for (unsigned i = 0; i < 64; i++)
		if (!read_record(s))
			break;
	door_serve_waiting(d);
}

static void
go_on(struct timer *t)
{
	struct door *d = container_of(t, struct door, again);

	loop_watch(d->front->loop, &d->watch, d->socket.fd, LOOP_READ);
}

/* A hub is worth more than a connection that is not in use. */
static void
no_room_for_hub(struct door *d, int fd)
{
	stats_add(STAT_descriptors_exhausted, 1);
	net_refuse(&d->socket, fd, SLICE(""));
	front_shed(d->front);
	loop_watch(d->front->loop, &d->watch, d->socket.fd, 0);
	loop_arm(d->front->loop, &d->again, PAUSE_MS);
}

static void
came(struct watch *w, unsigned events)
{
	struct door *d = container_of(w, struct door, watch);
	struct hub_seat *s;
	enum net_accepted got;
	int fd;

	(void)events;
	got = net_accept(&d->socket, &fd);
	if (got == NET_EXHAUSTED)
		no_room_for_hub(d, fd);
	if (got != NET_ACCEPTED)
		return;
	s = xcalloc(1, sizeof(*s));
	s->door = d;
	s->fd = fd;
	s->watch.ready = seat_ready;
	list_append(&d->hubs, &s->node);
	seat_watch(s);
}

struct door *
door_open(const struct door_setup *setup)
{
	struct door *d;
	int fd = net_listen_door(setup->path);

	if (fd < 0)
		return NULL;
	d = xcalloc(1, sizeof(*d));
	d->front = setup->front;
	d->setup = *setup;
	if (d->setup.wait_ms == 0)
		d->setup.wait_ms = DOOR_WAIT_MS;
	d->path = xstrdup(setup->path);
	list_init(&d->hubs);
	door_wait_begin(d);
	timer_init(&d->again, go_on);
	net_listener_init(&d->socket, fd);
	d->watch.ready = came;
	loop_watch(d->front->loop, &d->watch, fd, LOOP_READ);
	return d;
}

void
door_close(struct door **dp)
{
	struct door *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	door_wait_end(d);
	timer_cancel(&d->again);
	while (!list_empty(&d->hubs))
		seat_leave(container_of(d->hubs.next, struct hub_seat, node));
	loop_unwatch(d->front->loop, &d->watch);
	net_listener_close(&d->socket);
	unlink(d->path);
	free(d->path);
	buf_free(&d->frame);
	free(d);
}
