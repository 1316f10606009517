/*
 * bus_link.c - one link of a stage to a store.
 *
 *            hello sent              welcome
 *   DOWN ---------------> GREETING ----------> UP
 *     ^                      |                  |
 *     +------ who, hole, connection lost, three silent beats
 *
 * A link that ended is not mended: its socket is closed with all it had
 * queued, and a new one says hello.  What must not get lost is said again:
 * publishes by the outbox, everything else by the stage in up().
 */
#include "common/bus_link.h"

#include "common/bus_frames.h"
#include "common/code.h"
#include "common/log.h"
#include "common/must.h"

/* Everything that waits becomes one message. */
void
bus_link_flush(struct bus_link *l)
{
	struct slice m;

	if (l->bus->pipe != NULL)
		return; /* at the end of the turn, never inside a call */
	m = link_seal(&l->link);
	stats_add(STAT_bus_messages_out, 1);
	stats_add(STAT_bus_bytes_out, m.n);
	if (!bus_socket_send(l->socket, 0, m))
		bus_link_reset(l, "send failed");
}

static void
say_hello(struct bus_link *l)
{
	const struct bus *b = l->bus;
	struct msg m = {.id = MSG_hello,
	    .hello = {
		.stage = slice_of(b->stage),
		.name = slice_of(b->name),
		.boot = b->boot,
		.version = 1,
	    }};

	l->state = GREETING;
	link_add(&l->link, &m);
	bus_link_flush(l);
}

void
bus_link_open(struct bus_link *l)
{
	struct bus *b = l->bus;
	const char *why;

	link_free(&l->link);
	l->life++;
	l->quiet = 0;
	l->lost = false;
	l->roomy = true;
	l->socket = bus_socket_connect(b->context, l->endpoint, &b->keys, &why);
	l->pending = l->socket != NULL;
	if (l->socket == NULL) {
		must(why == NULL); /* bus_open tried the same */
		stats_add(STAT_descriptors_exhausted, 1);
		if (!l->starved)
			log_err("no_descriptors", "store=%s", l->name);
		l->starved = true;
		return;
	}
	l->starved = false;
	loop_watch(b->loop, &l->readable, bus_socket_fd(l->socket), LOOP_READ);
	loop_watch(
	    b->loop, &l->monitor, bus_socket_monitor_fd(l->socket), LOOP_READ);
	say_hello(l);
}

void
bus_link_close(struct bus_link *l)
{
	bool was_up = l->state == UP;

	l->state = DOWN;
	loop_unwatch(l->bus->loop, &l->readable);
	loop_unwatch(l->bus->loop, &l->monitor);
	bus_socket_close(&l->socket);
	link_free(&l->link);
	for (unsigned s = 0; s < l->bus->shards; s++)
		if (l->bus->owner[s] == bus_link_number(l))
			l->bus->serves[s] = false;
	bus_moved_lost(l);
	if (was_up && l->bus->face->down != NULL)
		l->bus->face->down(l->bus->face, l);
}

void
bus_link_reset(struct bus_link *l, const char *why)
{
	if (l->state == DOWN || l->bus->pipe != NULL)
		return;
	if (l->state == UP)
		log_warn("link_lost", "store=%s why=\"%s\"", l->name, why);
	else /* a refused key looks like this, too: nothing is answered */
		log_warn("no_answer",
		    "store=%s why=\"%s\" hint=\"not there, or other keys\"",
		    l->name, why);
	stats_add(STAT_bus_rejoins, l->state == UP);
	bus_link_close(l);
	bus_link_open(l);
}

static struct bus_link *
link_named(struct bus *b, struct slice name)
{
	for (unsigned i = 0; i < b->count; i++)
		if (slice_is(name, b->links[i].name))
			return &b->links[i];
	return NULL;
}

/* What is said before `welcome` of shards nobody had is part of `up`.  Who
 * took a shard may need a while until it serves it, and says so then: what it
 * was told when others had said it may have come too early. */
static void
set_owner(struct bus_link *l, unsigned shard, uint64_t term, unsigned to)
{
	struct bus *b = l->bus;
	bool changes = b->term[shard] != term || b->owner[shard] != to;
	bool itself = to == bus_link_number(l);
	bool serves = itself && !b->serves[shard] && l->state == UP;
	bool news = changes || serves;
	bool known = b->term[shard] != 0 || l->state == UP;
	bool other = b->owner[shard] != to;

	b->moves = b->moves || term > OWNERS_FIXED;
	b->rooms += news;
	b->serves[shard] = itself || (b->serves[shard] && !changes);
	b->term[shard] = term;
	b->owner[shard] = (uint8_t)to;
	if (other && to != NOBODY)
		bus_moved_owner(b, shard);
	b->again = b->again || (news && known);
	if (news && known && b->face->owner != NULL)
		b->face->owner(b->face, shard);
}

static void
on_owner(struct bus_link *l, const struct msg_owner *m)
{
	struct bus *b = l->bus;
	struct bus_link *owner = link_named(b, m->name);

	unsigned to = owner != NULL ? (unsigned)(owner - b->links) : NOBODY;

	if (owner == NULL)
		log_err("unknown_store", "name=%.*s", SLICE_ARGS(m->name));
	for (uint64_t s = m->first; s <= m->last; s++)
		if (m->term >= b->term[s])
			set_owner(l, (unsigned)s, m->term, to);
}

static void
on_welcome(struct bus_link *l, const struct msg_welcome *m)
{
	struct bus *b = l->bus;

	if (b->shards != 0 && b->shards != m->shards)
		log_err("shards_differ", "store=%s had=%u now=%llu", l->name,
		    b->shards, (unsigned long long)m->shards);
	b->shards = (unsigned)m->shards;
	l->boot = m->boot;
	l->state = UP;
	if (l == b->links)
		memset(b->told, 0, sizeof(b->told));
	log_info("link_up", "store=%s", l->name);
	for (struct outbox_item *i = outbox_next(&l->sent, NULL); i != NULL;
	     i = outbox_next(&l->sent, i))
		bus_link_write(i, l);
	if (b->face->up != NULL)
		b->face->up(b->face, l);
}

static void
on_published(struct bus_link *l, const struct msg_published *m)
{
	struct outbox *o = &l->bus->outbox;
	struct outbox_item *item = outbox_find(o, m->seq);

	if (m->code == CODE_moved)
		bus_moved_back(l, m->seq);
	else if (item != NULL)
		outbox_answer(o, item, m);
}

static void
handle(struct bus_link *l, const struct msg *m)
{
	switch (m->id) {
	case MSG_unknown:
	case MSG_beat:
		break;
	case MSG_who:
		bus_link_reset(l, "the store does not know us");
		break;
	case MSG_owner:
		on_owner(l, &m->owner);
		break;
	case MSG_welcome:
		on_welcome(l, &m->welcome);
		break;
	case MSG_published:
		on_published(l, &m->published);
		break;
	default:
		if (l->bus->face->frame != NULL)
			l->bus->face->frame(l->bus->face, l, m);
	}
}

/* The frames of one message.  A reset in the middle ends it: the socket it
 * came by is another one then. */
static size_t
take_frames(struct bus_link *l, struct slice in)
{
	unsigned life = l->life;
	struct msg m[FRAMES_AHEAD];
	const char *why = NULL;
	size_t count = 0;

	link_handle(&l->link, l->link.seen != 0);
	while (in.n != 0 && why == NULL && l->life == life) {
		unsigned n = bus_frames_cut(&in, m, &why);

		if (n > 1 && l->bus->face->ahead != NULL)
			l->bus->face->ahead(l->bus->face, m, n);
		for (unsigned i = 0; i < n && l->life == life; i++, count++)
			handle(l, &m[i]);
	}
	link_handle(&l->link, false);
	if (why != NULL && l->life == life) {
		stats_add(STAT_drop_bad_frame, 1);
		bus_link_reset(l, why);
	}
	stats_add(STAT_bus_frames_in, count);
	return count;
}

/* Message 0 is a store's word to a connection it does not know. */
static size_t
take_message(struct bus_link *l, struct slice in)
{
	uint64_t n, acked;

	stats_add(STAT_bus_messages_in, 1);
	stats_add(STAT_bus_bytes_in, in.n);
	l->quiet = 0;
	if (!msg_header_read(in, &n, &acked)) {
		stats_add(STAT_drop_bad_frame, 1);
		bus_link_reset(l, "not a message of the bus");
		return 1;
	}
	if (n != 0 && link_heard(&l->link, n, acked, in.n) != LINK_OK) {
		bus_link_reset(l, "a message is missing");
		return 1;
	}
	return take_frames(l, slice_from(in, MSG_HEADER));
}

/* A bounded batch: the rest waits for the next turn.  What came before the
 * connection was lost is heard first: answers in it need not be asked for
 * again. */
void
bus_link_receive(struct bus_link *l)
{
	unsigned life = l->life;
	size_t frames = 0, bytes = 0;
	struct bus_packet p;

	while (frames < LINK_MESSAGE_FRAMES && bytes < LINK_MESSAGE_BYTES &&
	       l->life == life && !l->bus->held) {
		if (!bus_socket_receive(l->socket, &p)) {
			l->pending = false;
			break;
		}
		bytes += p.bytes.n;
		frames += 1 + take_message(l, p.bytes);
		bus_packet_free(&p);
	}
	if (l->lost && l->state == UP && !l->pending)
		bus_link_reset(l, "connection lost");
	if (l->state == UP && !l->roomy && link_room(&l->link)) {
		l->roomy = true;
		if (l->bus->face->room != NULL)
			l->bus->face->room(l->bus->face, l);
	}
}
