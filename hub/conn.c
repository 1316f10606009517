/*
 * conn.c - reading, writing and the end of a connection.
 *
 * Only the kernel's refusal (EAGAIN) makes a reader slow: bytes that wait
 * because the hub itself was busy are not held against anybody.
 */
#include "hub/conn.h"
#include "hub/note.h"

#include "common/address.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/addresses.h"
#include "hub/ask.h"
#include "hub/owed.h"
#include "hub/subscribe.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void conn_ready(struct watch *, unsigned events);
static void conn_timeout(struct timer *);

struct slice
conn_kept_bytes(const struct conn *c)
{
	return c->kept != NULL ? buf_slice(&c->kept->bytes)
	                       : (struct slice){NULL, 0};
}

static void
watch(struct conn *c)
{
	unsigned events = 0;

	if (!c->blocked || c->out.bytes < CONN_UNREAD_MAX)
		events |= LOOP_READ;
	if (c->blocked)
		events |= LOOP_WRITE;
	if (c->kept != NULL && c->kept->bytes.n >= CONN_KEPT_MAX && !c->large)
		events &= ~(unsigned)LOOP_READ;
	loop_watch(c->hub->d.loop, &c->watch, c->fd, events);
}

static void
drop_kept(struct conn *c)
{
	if (c->kept == NULL)
		return;
	buf_free(&c->kept->bytes);
	free(c->kept);
	c->kept = NULL;
}

void
conn_become(struct conn *c, const struct dialect *d)
{
	if (c->dialect != NULL && c->dialect->closed != NULL)
		c->dialect->closed(c);
	c->dialect = d;
	c->reader.face = d->reader;
	c->heard = true;
}

struct conn *
conn_adopt(struct hub *h, const struct conn_offer *o, struct peer_address *a)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->hub = h;
	c->fd = o->fd;
	c->address = a;
	c->door = o->door;
	c->came_by = o->listener;
	c->personas = (uint16_t)o->personas;
	c->secure = o->secure;
	c->watch.ready = conn_ready;
	timer_init(&c->timer, conn_timeout);
	list_append(&h->conns, &c->node);
	list_init(&c->dirty);
	h->conns_n++;
	stats_add(STAT_connections, 1);
	stats_add(STAT_connections_opened, 1);
	conn_become(c, &dialect_http);
	conn_arm(c, h->limits.head);
	watch(c);
	return c;
}

/* Dead: it hears and says nothing any more.  Its subs stay until it is buried:
 * this may be called while they are being walked. */
static void
die(struct conn *c)
{
	struct hub *h = c->hub;

	c->state = CONN_DEAD;
	loop_unwatch(h->d.loop, &c->watch);
	timer_cancel(&c->timer);
	owed_drop(&c->out, STAT_drop_closed);
	list_remove(&c->dirty);
	list_remove(&c->node);
	list_append(&h->dead, &c->node);
}

int
conn_release(struct conn *c)
{
	int fd = c->fd;

	loop_release(c->hub->d.loop, &c->watch, fd);
	die(c);
	c->fd = -1;
	return fd;
}

void
conn_kill(struct conn *c, const char *why)
{
	if (c->state == CONN_DEAD)
		return;
	if (why != NULL)
		log_debug("closed", "address=%s why=\"%s\" dialect=%s",
		    conn_address(c), why, c->dialect->name);
	die(c);
}

static void
forsake(struct conn *c)
{
	if (c->dialect->left != NULL)
		c->dialect->left(c);
	conn_unsubscribe_all(c);
	asks_forget(c);
}

void
conns_reap(struct hub *h)
{
	struct list *at;

	while ((at = list_shift(&h->dead)) != NULL) {
		struct conn *c = container_of(at, struct conn, node);

		forsake(c);
		if (c->dialect->closed != NULL)
			c->dialect->closed(c);
		if (c->fd >= 0)
			close(c->fd);
		addresses_leave(h->addresses, &c->address);
		conn_note_end(c);
		drop_kept(c);
		free(c->grant);
		h->conns_n -= !c->bodiless;
		stats_sub(STAT_connections, !c->bodiless);
		free(c);
	}
}

void
conn_arm(struct conn *c, uint64_t ms)
{
	if (c->state != CONN_DEAD)
		loop_arm(c->hub->d.loop, &c->timer, ms);
}

static void
linger(struct conn *c)
{
	c->state = CONN_LINGERING;
	shutdown(c->fd, SHUT_WR);
	loop_watch(c->hub->d.loop, &c->watch, c->fd, LOOP_READ);
	conn_arm(c, CONN_LINGER_MS);
}

void
conn_finish(struct conn *c)
{
	if (c->state != CONN_OPEN)
		return;
	c->state = CONN_FINISHING;
	conn_arm(c, CONN_STALL_MS);
	forsake(c);
	conn_dirty(c);
}

void
conn_dirty(struct conn *c)
{
	if (c->state != CONN_DEAD && list_empty(&c->dirty))
		list_append(&c->hub->dirty, &c->dirty);
}

/* The peer is too slow for what it asked for. */
static void
too_slow(struct conn *c)
{
	struct sub *s = c->reader.subs;
	struct slice channel = s != NULL ? sub_shown(s) : SLICE("-");

	stats_add(STAT_slow_disconnects, 1);
	log_warn("slow_reader",
	    "address=%s dialect=%s owed=%zu channel=%.*s action=disconnect",
	    conn_address(c), c->dialect->name, c->out.bytes,
	    SLICE_ARGS(channel));
	owed_drop(&c->out, STAT_drop_slow);
	conn_kill(c, NULL);
}

enum wrote { WROTE_ALL, WROTE_SOME, WROTE_ERROR };

static enum wrote
write_some(struct conn *c, const struct slice *parts, unsigned n, size_t *wrote)
{
	struct iovec iov[OUT_IOVECS];
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
	size_t want = 0;
	ssize_t got;

	*wrote = 0;
	for (unsigned i = 0; i < n; i++) {
		iov[i].iov_base = (void *)(uintptr_t)parts[i].p;
		iov[i].iov_len = parts[i].n;
		want += parts[i].n;
	}
	do
		got = n == 1 ? send(c->fd, parts[0].p, parts[0].n,
				   MSG_NOSIGNAL | MSG_DONTWAIT)
		             : sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? WROTE_SOME
		                                               : WROTE_ERROR;
	stats_add(STAT_bytes_delivered, (uint64_t)got);
	if (c->note != NULL)
		conn_note_wrote(c, (size_t)got);
	*wrote = (size_t)got;
	return (size_t)got == want ? WROTE_ALL : WROTE_SOME;
}

/* Everything was written. */
static void
flushed(struct conn *c)
{
	bool was_blocked = c->blocked;

	c->blocked = false;
	if (c->state == CONN_FINISHING) {
		linger(c);
		return;
	}
	if (was_blocked) {
		watch(c);
		reader_choke(c->hub->subs, &c->reader, false);
		if (c->dialect->drained != NULL)
			c->dialect->drained(c);
	}
	if (c->again) {
		c->again = false;
		conn_digest(c, (struct slice){NULL, 0});
	}
}

static void
block(struct conn *c)
{
	c->blocked = true;
	watch(c);
}

void
conn_flush(struct conn *c)
{
	struct slice parts[OUT_IOVECS];
	size_t wrote;

	while (!out_empty(&c->out)) {
		unsigned n = out_front(&c->out, parts);
		enum wrote how = write_some(c, parts, n, &wrote);

		if (how == WROTE_ERROR) {
			conn_kill(c, strerror(errno));
			return;
		}
		owed_written(&c->out, wrote);
		c->heard = c->heard || (c->blocked && wrote != 0);
		if (c->forgiven > c->out.bytes)
			c->forgiven = c->out.bytes;
		if (how == WROTE_SOME) {
			block(c);
			return;
		}
	}
	flushed(c);
}

/* The piece goes to the kernel as it is: most do, and own nothing here. */
static void
send_now(struct conn *c, struct piece p)
{
	struct slice part = {p.run->bytes.p + p.from, p.to - p.from};
	size_t wrote;

	switch (write_some(c, &part, 1, &wrote)) {
	case WROTE_ALL:
		owed_never(&p, STAT_messages_delivered);
		break;
	case WROTE_ERROR:
		owed_never(&p, STAT_drop_closed);
		conn_kill(c, strerror(errno));
		break;
	case WROTE_SOME:
		owed_front(&p, wrote);
		owed_queue(&c->out, p);
		block(c);
	}
}

void
conn_send(struct conn *c, struct piece p)
{
	if (c->state != CONN_OPEN || p.to <= p.from) {
		owed_never(&p, STAT_drop_closed);
		return;
	}
	if (c->hub->flushing && !c->blocked && out_empty(&c->out) &&
	    list_empty(&c->dirty)) {
		send_now(c, p);
		return;
	}
	owed_queue(&c->out, p);
	if (!c->blocked)
		conn_dirty(c);
	else if (c->out.bytes - c->forgiven > c->hub->limits.backlog)
		too_slow(c);
}

void
conn_send_asked(struct conn *c, struct piece p)
{
	if (c->state == CONN_OPEN)
		c->forgiven += p.to - p.from;
	conn_send(c, p);
	if (c->forgiven > c->out.bytes)
		c->forgiven = c->out.bytes;
	if (c->blocked && c->out.bytes > c->hub->limits.backlog)
		reader_choke(c->hub->subs, &c->reader, true);
}

void
conn_write(struct conn *c, struct slice s)
{
	struct run *run = run_new(c->hub->runs);

	buf_put(&run->bytes, s);
	conn_send(c, (struct piece){run, 0, (uint32_t)s.n});
	run_unref(&run);
}

bool
conns_flush(struct hub *h)
{
	uint64_t began = list_empty(&h->dirty) ? 0 : clock_us();
	unsigned count = 0;

	while (!list_empty(&h->dirty)) {
		struct conn *c =
		    container_of(h->dirty.next, struct conn, dirty);

		if (c->state == CONN_OPEN && c->dialect->settle != NULL)
			c->dialect->settle(c);
		list_remove(&c->dirty);
		if (c->state != CONN_DEAD && !c->blocked)
			conn_flush(c);
		if (++count % HUB_DIRTY_EVERY == 0 &&
		    clock_us() - began > SUBS_FLUSH_US)
			return true;
	}
	return false;
}

static void
conn_timeout(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);

	if (c->state != CONN_OPEN)
		conn_kill(c, "timeout");
	else if (c->dialect->timeout != NULL)
		c->dialect->timeout(c);
}

/* What was not consumed waits for more. */
static void
keep(struct conn *c, const char *p, size_t n)
{
	if (n == 0) {
		drop_kept(c);
		return;
	}
	if (c->kept != NULL) {
		buf_drop(&c->kept->bytes, c->kept->bytes.n - n);
		return;
	}
	c->kept = xcalloc(1, sizeof(*c->kept));
	buf_add(&c->kept->bytes, p, n);
}

/* Let the dialect have the bytes, which are the scratch's or the kept ones. */
static void
digest(struct conn *c, char *p, size_t n)
{
	while (n != 0 && c->state == CONN_OPEN) {
		const struct dialect *d = c->dialect;
		size_t used = d->input != NULL ? d->input(c, p, n) : 0;

		p += used;
		n -= used;
		c->passed = c->passed && used == 0;
		if (used == 0 && c->dialect == d)
			break;
	}
	if (c->state == CONN_OPEN)
		keep(c, p, n);
}

void
conn_digest(struct conn *c, struct slice bytes)
{
	struct buf *b;

	if (c->kept == NULL && bytes.n <= HUB_SCRATCH) {
		if (bytes.n != 0 && bytes.p != c->hub->scratch)
			memcpy(c->hub->scratch, bytes.p, bytes.n);
		digest(c, c->hub->scratch, bytes.n);
		return;
	}
	if (c->kept == NULL) /* a hand-over may be larger */
		c->kept = xcalloc(1, sizeof(*c->kept));
	b = &c->kept->bytes;
	buf_put(b, bytes);
	digest(c, b->p, b->n);
	if (c->state == CONN_OPEN)
		watch(c); /* with fewer kept, it may be read again */
}

static void
readable(struct conn *c)
{
	struct hub *h = c->hub;
	ssize_t got = read(c->fd, h->scratch, sizeof(h->scratch));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0) {
		conn_kill(c, strerror(errno));
		return;
	}
	if (c->state != CONN_OPEN) {
		if (got == 0 && out_empty(&c->out))
			conn_kill(c, NULL);
		else if (got == 0) /* it still reads, maybe */
			loop_watch(h->d.loop, &c->watch, c->fd,
			    c->blocked ? LOOP_WRITE : 0U);
		return;
	}
	if (got == 0) {
		if (c->dialect->ended != NULL)
			c->dialect->ended(c);
		else
			conn_kill(c, NULL);
		return;
	}
	c->heard = true;
	conn_digest(c, (struct slice){h->scratch, (size_t)got});
	if (c->state == CONN_OPEN && c->kept != NULL)
		watch(c);
}

static void
conn_ready(struct watch *w, unsigned events)
{
	struct conn *c = container_of(w, struct conn, watch);

	if ((events & LOOP_WRITE) != 0 && c->blocked)
		conn_flush(c);
	if ((events & LOOP_READ) != 0 && c->state != CONN_DEAD)
		readable(c);
}
