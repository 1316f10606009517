/*
 * bus_gate.c - answers ZeroMQ's question whether a key is one of ours.
 */
#include "common/bus_gate.h"

#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"

#include <zmq.h>

enum {
	KEY_BYTES = 32,
	KEY_TEXT = 40,  /* in Z85 */
	KEYS_MAX = 256, /* peers of one store */
	PARTS = 7,      /* of a question of ZAP */
};

struct bus_gate {
	struct loop *loop;
	struct watch watch;
	struct turn turn; /* the descriptor is edge-triggered */
	void *zmq;
	struct gate_keys {
		size_t count;
		uint8_t at[KEYS_MAX][KEY_BYTES];
	} keys;
};

static bool
listed(const struct bus_gate *g, struct slice key)
{
	if (key.n != KEY_BYTES)
		return false;
	for (size_t i = 0; i < g->keys.count; i++)
		if (memcmp(g->keys.at[i], key.p, KEY_BYTES) == 0)
			return true;
	return false;
}

static void
say(struct bus_gate *g, struct slice part, bool more)
{
	zmq_send(
	    g->zmq, part.p, part.n, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

/* version, request, domain, address, identity, mechanism, key */
static void
answer(struct bus_gate *g, struct slice part[PARTS])
{
	bool good = slice_is(part[5], "CURVE") && listed(g, part[6]);
	char who[LOG_VALUE];

	if (!good) {
		stats_add(STAT_bus_refused, 1);
		log_warn("bus_refused", "address=%s why=\"key not listed\"",
		    log_value(who, sizeof(who), part[3]));
	}
	say(g, SLICE("1.0"), true);
	say(g, part[1], true);
	say(g, good ? SLICE("200") : SLICE("400"), true);
	say(g, good ? SLICE("OK") : SLICE("key not listed"), true);
	say(g, SLICE(""), true);
	say(g, SLICE(""), false);
}

/* One question; false when none waits. */
static bool
serve(struct bus_gate *g)
{
	struct slice part[PARTS] = {{0}};
	zmq_msg_t m[PARTS];
	size_t n = 0;
	bool more = true;

	for (; more && n < PARTS; n++) {
		zmq_msg_init(&m[n]);
		if (zmq_msg_recv(&m[n], g->zmq, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&m[n]);
			break;
		}
		part[n] =
		    (struct slice){zmq_msg_data(&m[n]), zmq_msg_size(&m[n])};
		more = zmq_msg_more(&m[n]);
	}
	if (n != 0)
		answer(g, part);
	for (size_t i = 0; i < n; i++)
		zmq_msg_close(&m[i]);
	return n != 0;
}

static bool
turn_end(struct turn *t)
{
	struct bus_gate *g = container_of(t, struct bus_gate, turn);

	while (serve(g))
		;
	return false;
}

/* Only wakes the loop; turn_end does the work. */
static void
ready(struct watch *w, unsigned events)
{
	(void)w;
	(void)events;
}

static bool
add_key(struct gate_keys *keys, struct slice text)
{
	char z85[KEY_TEXT + 1];

	if (text.n != KEY_TEXT || keys->count == KEYS_MAX)
		return false;
	memcpy(z85, text.p, KEY_TEXT);
	z85[KEY_TEXT] = '\0';
	return zmq_z85_decode(keys->at[keys->count++], z85) != NULL;
}

static const char *
read_keys(const char *clients, struct gate_keys *keys)
{
	struct slice rest = slice_of(clients), word;

	keys->count = 0;
	while (slice_cut(&rest, ' ', &word))
		if (word.n != 0 && !add_key(keys, word))
			return "bus_clients is not a list of at most 256 "
			       "public keys in Z85";
	return keys->count != 0 ? NULL : "bus_clients lets nobody in";
}

const char *
bus_gate_wrong(const char *clients)
{
	struct gate_keys keys;

	return read_keys(clients, &keys);
}

void
bus_gate_clients(struct bus_gate *g, const char *clients)
{
	must(read_keys(clients, &g->keys) == NULL);
}

struct bus_gate *
bus_gate_open(struct bus_context *c, struct loop *loop, const char *clients,
    const char **why)
{
	struct bus_gate *g = xcalloc(1, sizeof(*g));
	size_t size = sizeof(int);
	int fd;

	g->loop = loop;
	g->zmq = zmq_socket(bus_context_zmq(c), ZMQ_REP);
	must(g->zmq != NULL);
	must(zmq_bind(g->zmq, "inproc://zeromq.zap.01") == 0);
	must(zmq_getsockopt(g->zmq, ZMQ_FD, &fd, &size) == 0);
	g->watch.ready = ready;
	g->turn.end = turn_end;
	loop_watch(loop, &g->watch, fd, LOOP_READ);
	loop_add_turn(loop, &g->turn);
	if ((*why = read_keys(clients, &g->keys)) != NULL)
		bus_gate_close(&g);
	return g;
}

void
bus_gate_close(struct bus_gate **gp)
{
	struct bus_gate *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	loop_unwatch(g->loop, &g->watch);
	list_remove(&g->turn.node);
	zmq_close(g->zmq);
	free(g);
}
