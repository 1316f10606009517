/*
 * bus_socket.c - the only file that knows ZeroMQ.
 *
 * No routing ids and no ROUTER_HANDOVER: a taken-over id loses what was
 * queued although every send succeeded.  ZeroMQ names each connection anew,
 * and ROUTER_MANDATORY tells when one is gone.
 */
#include "common/bus_socket.h"

#include "common/bus_gate.h"
#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

enum {
	RECONNECT_MS = 20, /* after a store died: it is coming back */
	RECONNECT_MAX_MS = 500,
	MESSAGE_MAX = 16 << 20, /* a turn's frames and one large body */
	ID_BYTES = 5,           /* of the names ZeroMQ gives */
};

_Static_assert(sizeof(zmq_msg_t) <= sizeof(((struct bus_packet *)0)->opaque),
    "a packet holds a zmq_msg_t");

struct bus_context {
	void *zmq;
	unsigned monitors; /* so far: each has a name of its own */
};

struct bus_socket {
	void *zmq, *monitor;
	int fd, monitor_fd, lock_fd;
	bool router, locked;
	char lock[272]; /* the path of an ipc endpoint and .lock */
};

void
bus_keys_new(char public[BUS_KEY_TEXT], char secret[BUS_KEY_TEXT])
{
	must(zmq_curve_keypair(public, secret) == 0);
}

struct bus_context *
bus_context_new(void)
{
	struct bus_context *c = xcalloc(1, sizeof(*c));

	c->zmq = zmq_ctx_new();
	must(c->zmq != NULL);
	return c;
}

void
bus_context_free(struct bus_context **cp)
{
	struct bus_context *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	zmq_ctx_term(c->zmq);
	free(c);
}

void *
bus_context_zmq(struct bus_context *c)
{
	return c->zmq;
}

static int
set_int(void *zmq, int option, int value)
{
	return zmq_setsockopt(zmq, option, &value, sizeof(value));
}

static int
socket_fd(void *zmq)
{
	int fd = -1;
	size_t size = sizeof(fd);

	must(zmq_getsockopt(zmq, ZMQ_FD, &fd, &size) == 0);
	return fd;
}

static bool
has(const char *key)
{
	return key != NULL && key[0] != '\0';
}

/* NULL: the system has no descriptor. */
static struct bus_socket *
socket_new(struct bus_context *c, int type)
{
	struct bus_socket *s = xcalloc(1, sizeof(*s));
	int64_t max = MESSAGE_MAX;

	s->zmq = zmq_socket(c->zmq, type);
	if (s->zmq == NULL) { /* it takes a descriptor */
		free(s);
		return NULL;
	}
	s->router = type == ZMQ_ROUTER;
	s->fd = s->monitor_fd = s->lock_fd = -1;
	must(set_int(s->zmq, ZMQ_LINGER, 0) == 0);
	must(set_int(s->zmq, ZMQ_SNDHWM, 0) == 0);
	must(set_int(s->zmq, ZMQ_RCVHWM, 0) == 0);
	must(zmq_setsockopt(s->zmq, ZMQ_MAXMSGSIZE, &max, sizeof(max)) == 0);
	must(set_int(s->zmq, ZMQ_RECONNECT_IVL, RECONNECT_MS) == 0);
	must(set_int(s->zmq, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) == 0);
	must(set_int(s->zmq, ZMQ_IPV6, 1) == 0);
	s->fd = socket_fd(s->zmq);
	return s;
}

void
bus_socket_close(struct bus_socket **sp)
{
	struct bus_socket *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->monitor != NULL) {
		zmq_socket_monitor(s->zmq, NULL, 0);
		zmq_close(s->monitor);
	}
	zmq_close(s->zmq);
	if (s->locked)
		unlink(s->lock);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s);
}

static int
set_text(void *zmq, int option, const char *text)
{
	return zmq_setsockopt(zmq, option, text, strlen(text));
}

/* False: the system has no descriptors. */
static bool
monitor(struct bus_context *c, struct bus_socket *s)
{
	char where[64];

	snprintf(where, sizeof(where), "inproc://monitor.%u", ++c->monitors);
	if (zmq_socket_monitor(s->zmq, where,
		ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
		    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
		    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) != 0 ||
	    (s->monitor = zmq_socket(c->zmq, ZMQ_PAIR)) == NULL)
		return false;
	must(set_int(s->monitor, ZMQ_LINGER, 0) == 0);
	must(zmq_connect(s->monitor, where) == 0);
	s->monitor_fd = socket_fd(s->monitor);
	/* only a reader that found nothing is woken by what comes next */
	bus_socket_news(s);
	return true;
}

struct bus_socket *
bus_socket_connect(struct bus_context *c, const char *endpoint,
    const struct bus_keys *keys, const char **why)
{
	struct bus_socket *s = socket_new(c, ZMQ_DEALER);

	*why = NULL;
	if (s == NULL)
		return NULL;
	*why = "the bus keys are not 40 characters of Z85 each";
	if (has(keys->server) &&
	    (set_text(s->zmq, ZMQ_CURVE_SERVERKEY, keys->server) != 0 ||
		set_text(s->zmq, ZMQ_CURVE_PUBLICKEY, keys->public) != 0 ||
		set_text(s->zmq, ZMQ_CURVE_SECRETKEY, keys->secret) != 0))
		goto out;
	*why = NULL;
	if (!monitor(c, s))
		goto out;
	*why = "the endpoint is not ipc://PATH or tcp://HOST:PORT";
	if (zmq_connect(s->zmq, endpoint) != 0)
		goto out;
	*why = NULL;
	return s;
out:
	bus_socket_close(&s);
	return NULL;
}

/* Open the lock file and lock it.  Who had it removes it when he leaves, so it
 * may be gone by the time we have it: then again.  0 or an errno. */
static int
take_lock(struct bus_socket *s)
{
	struct stat st = {.st_nlink = 0};

	while (st.st_nlink == 0) {
		if (s->lock_fd >= 0)
			close(s->lock_fd);
		s->lock_fd = open(s->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (s->lock_fd < 0)
			return errno;
		if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
			return errno == EWOULDBLOCK ? EADDRINUSE : errno;
		must(fstat(s->lock_fd, &st) == 0);
	}
	s->locked = true;
	return 0;
}

/* ZeroMQ takes the path of an ipc socket from whoever has it, without a word
 * to either; so who binds holds a lock beside it. */
static int
take_path(struct bus_socket *s, const char *endpoint)
{
	struct slice path = slice_of(endpoint);

	if (!slice_starts(path, SLICE("ipc://")) || path.n == 6 ||
	    path.p[6] == '@' || path.p[6] == '*')
		return 0;
	if ((size_t)snprintf(s->lock, sizeof(s->lock), "%s.lock", path.p + 6) >=
	    sizeof(s->lock))
		return ENAMETOOLONG;
	return take_lock(s);
}

struct bus_socket *
bus_socket_bind(struct bus_context *c, const char *endpoint,
    const struct bus_keys *keys, const char **why)
{
	struct bus_socket *s = socket_new(c, ZMQ_ROUTER);
	int taken;

	*why = zmq_strerror(zmq_errno());
	if (s == NULL)
		return NULL;
	must(set_int(s->zmq, ZMQ_ROUTER_MANDATORY, 1) == 0);
	*why = "the bus secret key is not 40 characters of Z85";
	if (has(keys->secret) &&
	    (set_int(s->zmq, ZMQ_CURVE_SERVER, 1) != 0 ||
		set_text(s->zmq, ZMQ_CURVE_SECRETKEY, keys->secret) != 0 ||
		set_text(s->zmq, ZMQ_ZAP_DOMAIN, "posthorn") != 0))
		goto out;
	if ((taken = take_path(s, endpoint)) != 0) {
		*why = zmq_strerror(taken);
		goto out;
	}
	if (zmq_bind(s->zmq, endpoint) != 0) {
		*why = zmq_strerror(zmq_errno());
		goto out;
	}
	*why = NULL;
	return s;
out:
	bus_socket_close(&s);
	return NULL;
}

void
bus_socket_linger(struct bus_socket *s, unsigned ms)
{
	must(set_int(s->zmq, ZMQ_LINGER, (int)ms) == 0);
}

int
bus_socket_fd(const struct bus_socket *s)
{
	return s->fd;
}

int
bus_socket_monitor_fd(const struct bus_socket *s)
{
	return s->monitor_fd;
}

bool
bus_socket_readable(struct bus_socket *s)
{
	int events = 0;
	size_t size = sizeof(events);

	must(zmq_getsockopt(s->zmq, ZMQ_EVENTS, &events, &size) == 0);
	return (events & ZMQ_POLLIN) != 0;
}

/* An event is two parts: its number, two bytes, and more; then an address. */
unsigned
bus_socket_news(struct bus_socket *s)
{
	unsigned news = BUS_NO_NEWS;
	uint16_t event;
	zmq_msg_t m;

	for (;;) {
		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, s->monitor, ZMQ_DONTWAIT) < 0)
			break;
		if (zmq_msg_more(&m) && zmq_msg_size(&m) >= sizeof(event)) {
			memcpy(&event, zmq_msg_data(&m), sizeof(event));
			news |= event == ZMQ_EVENT_DISCONNECTED ? BUS_LOST
			                                        : BUS_REFUSED;
		}
		zmq_msg_close(&m);
	}
	zmq_msg_close(&m);
	return news;
}

static zmq_msg_t *
packet_msg(struct bus_packet *p)
{
	return (zmq_msg_t *)(void *)p->opaque;
}

void
bus_packet_free(struct bus_packet *p)
{
	zmq_msg_close(packet_msg(p));
}

/* A stranger may have chosen a name of another length: what it says is read
 * to its end, or the next part would pass for a name, and counts as empty. */
static bool
receive_name(struct bus_socket *s, struct bus_packet *p, bool *ours)
{
	zmq_msg_t *m = packet_msg(p);
	int n;

	zmq_msg_init(m);
	n = zmq_msg_recv(m, s->zmq, ZMQ_DONTWAIT);
	*ours = n == ID_BYTES;
	if (*ours)
		memcpy(&p->from, zmq_msg_data(m), ID_BYTES);
	zmq_msg_close(m);
	return n >= 0;
}

bool
bus_socket_receive(struct bus_socket *s, struct bus_packet *p)
{
	zmq_msg_t *m = packet_msg(p), rest;
	bool ours = true;

	p->from = 0;
	if (s->router && !receive_name(s, p, &ours))
		return false;
	zmq_msg_init(m);
	if (zmq_msg_recv(m, s->zmq, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(m);
		return false;
	}
	p->bytes = (struct slice){zmq_msg_data(m), zmq_msg_size(m)};
	/* we send one part; what a stranger adds is read and forgotten */
	for (bool more = zmq_msg_more(m); more; more = zmq_msg_more(&rest)) {
		zmq_msg_init(&rest);
		if (zmq_msg_recv(&rest, s->zmq, ZMQ_DONTWAIT) < 0)
			break;
		ours = false;
		zmq_msg_close(&rest);
	}
	if (!ours)
		p->bytes.n = 0;
	return true;
}

static void
sent(void *bytes, void *hint)
{
	(void)hint;
	free(bytes);
}

bool
bus_socket_send(struct bus_socket *s, uint64_t to, struct slice bytes)
{
	zmq_msg_t m;

	if (s->router &&
	    zmq_send(s->zmq, &to, ID_BYTES, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
		free((char *)(uintptr_t)bytes.p);
		return false;
	}
	must(zmq_msg_init_data(
		 &m, (char *)(uintptr_t)bytes.p, bytes.n, sent, NULL) == 0);
	if (zmq_msg_send(&m, s->zmq, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&m);
		return false;
	}
	return true;
}
