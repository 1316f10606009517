/*
 * load_pub.c - publishers: HTTP, NDJSON, a shell pipe, rawfan's commands.
 *
 * A message is a ready-made text into which the digits of its channel, its
 * sequence number and its time are patched, so that publishing costs us a
 * memcpy and our share of the system calls.  How far publishing may run
 * ahead of the clients (or, without clients, of the answers) is --window:
 * all servers get the same, so none is measured on the depth of its queues.
 */
#include "tests/bench/load_pub.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	UNSENT = 131072, /* bytes we make ahead of a socket */
	LINES_EACH = 64, /* lines in one chunk of a stream */
	BATCHES = 8,     /* of a window */
};

/* How many of those published have come through, as far as the window goes. */
static uint64_t
come_through(const struct load *l)
{
	if (l->opt.clients != 0 && !l->away)
		return l->tally.delivered / (l->opt.own ? 1 : l->opt.clients);
	return l->tally.answered;
}

/* May one more message go out now? */
static bool
may_publish(const struct load *l, uint64_t now)
{
	const struct tally *t = &l->tally;

	if (now >= l->stop || t->published == MARK_SEQ_LIMIT - 1)
		return false;
	if (l->opt.messages != 0 && t->published >= l->opt.messages)
		return false;
	if (l->opt.rate != 0)
		return t->published <
		       (now - l->started) * l->opt.rate / 1000000000;
	if (l->opt.publisher == PUB_SEND && (l->opt.clients == 0 || l->away))
		return true; /* the pipe is the window */
	return t->published < come_through(l) + l->opt.window;
}

/* A publisher that batches waits until there is room for a batch, an eighth
 * of its window: the step in which rawfan hears of it too (pub_ack()). */
static bool
room_for_batch(const struct load *l)
{
	return l->opt.rate != 0 ||
	       l->tally.published + l->opt.window / BATCHES <=
	           come_through(l) + l->opt.window;
}

static void
conn_flush(struct load *l, struct pub_conn *c)
{
	bool more;
	ssize_t n = write(c->w.fd, c->out.p + c->sent, c->out.n - c->sent);

	if (n < 0 && errno != EAGAIN)
		die("publisher: %s", strerror(errno));
	c->sent += n > 0 ? (size_t)n : 0;
	more = c->sent < c->out.n;
	if (!more) {
		buf_clear(&c->out);
		c->sent = 0;
	}
	if (more != c->blocked) {
		c->blocked = more;
		loop_change(l, &c->w,
		    (c->out_only ? 0U : (uint32_t)EPOLLIN) |
			(more ? (uint32_t)EPOLLOUT : 0U));
	}
}

/* One message: the text with everything that is its own patched in. */
static void
message_add(struct load *l, struct buf *out, const struct pattern *p)
{
	uint64_t m = l->tally.published++, n = l->spread;
	char *to = buf_room(out, p->text.n);

	memcpy(to, p->text.p, p->text.n);
	if (p->index_at != 0)
		digits_put(to + p->index_at, INDEX, m * STRIDE % n);
	mark_put(to + p->mark_at, l->opt.own ? m / n : m, now_ns());
	out->n += p->text.n;
}

static void
pump_requests(struct load *l, struct pub *p)
{
	uint64_t now = now_ns();

	while (p->nidle != 0 && may_publish(l, now)) {
		struct pub_conn *c = p->idle[--p->nidle];

		buf_put(&c->out, buf_slice(&p->head));
		for (c->owed = 0; c->owed < l->opt.batch; c->owed++)
			message_add(l, &c->out, &p->pattern);
		conn_flush(l, c);
	}
	if (p->nidle == 0 && l->opt.rate != 0 && may_publish(l, now))
		l->tally.late++;
}

static bool
pump_lines(struct load *l, struct pub *p)
{
	bool chunked = l->opt.publisher == PUB_NDJSON, more = false;
	bool batch = !chunked || room_for_batch(l);

	for (unsigned i = 0; i < p->nconns; i++) {
		struct pub_conn *c = &p->conns[i];
		uint64_t now = now_ns();
		size_t from;
		char size[8];
		unsigned lines = 0;

		while (batch && c->out.n - c->sent < UNSENT &&
		       may_publish(l, now)) {
			from = c->out.n;
			buf_str(&c->out, chunked ? "00000\r\n" : "");
			for (lines = 0; lines < LINES_EACH; lines++) {
				if (!may_publish(l, now) ||
				    c->out.n - from > UNSENT)
					break;
				message_add(l, &c->out, &p->pattern);
			}
			if (!chunked)
				continue;
			snprintf(size, sizeof(size), "%05x",
			    (unsigned)(lines * p->pattern.text.n));
			memcpy(c->out.p + from, size, 5);
			buf_str(&c->out, "\r\n");
		}
		if (c->out.n != 0 && !c->blocked)
			conn_flush(l, c);
		more |= batch && !c->blocked && may_publish(l, now);
	}
	return more;
}

/* rawfan makes its messages itself; only when time is measured are they
 * ours, one command each. */
static void
pump_rawfan(struct load *l, struct pub *p)
{
	struct pub_conn *c = &p->conns[0];
	uint64_t now = now_ns();

	if (l->opt.rate == 0) {
		if (!p->running && now < l->stop)
			buf_printf(&c->out, "RUN %s %u %u %u %u\n",
			    l->opt.own ? "one" : "fan",
			    (unsigned)((l->stop - now) / 1000000), l->opt.size,
			    l->opt.k, l->opt.window);
		p->running = true;
	}
	while (l->opt.rate != 0 && may_publish(l, now))
		message_add(l, &c->out, &p->pattern);
	if (c->out.n != 0 && !c->blocked)
		conn_flush(l, c);
}

bool
pub_pump(struct load *l)
{
	struct pub *p = l->pub;

	if (l->opt.publisher == PUB_HTTP || l->opt.publisher == PUB_POST)
		pump_requests(l, p);
	else if (l->opt.publisher == PUB_RAWFAN)
		pump_rawfan(l, p);
	else
		return pump_lines(l, p);
	return false;
}

void
pub_ack(struct load *l)
{
	struct pub *p = l->pub;
	uint64_t n = l->tally.delivered;

	if (l->opt.publisher != PUB_RAWFAN || l->opt.rate != 0 ||
	    l->opt.clients == 0)
		return;
	n /= l->opt.own ? 1 : l->opt.clients;
	if (n < p->acked + l->opt.window / BATCHES)
		return;
	p->acked = n;
	buf_printf(&p->conns[0].out, "ACK %ju\n", (uintmax_t)n);
	conn_flush(l, &p->conns[0]);
}

static bool
all_written(const struct pub *p)
{
	unsigned i = 0;

	while (i < p->nconns && p->conns[i].out.n == 0)
		i++;
	return i == p->nconns;
}

bool
pub_ended(struct load *l)
{
	struct pub *p = l->pub;

	if (l->opt.publisher == PUB_RAWFAN)
		return l->opt.rate != 0 || !p->running || p->done;
	if (l->opt.publisher == PUB_SEND)
		return all_written(p);
	return l->tally.answered + l->tally.errors >= l->tally.published;
}

void
pub_close(struct load *l)
{
	struct pub *p = l->pub;
	int status;

	if (l->opt.publisher == PUB_NDJSON)
		for (unsigned i = 0; i < p->nconns; i++)
			(void)!write(p->conns[i].w.fd, "0\r\n\r\n", 5);
	if (l->opt.publisher != PUB_SEND)
		return;
	for (unsigned i = 0; i < p->nconns; i++)
		close(p->conns[i].w.fd);
	for (unsigned i = 0; i < p->nconns; i++) {
		pid_t child = p->conns[i].child;

		if (waitpid(child, &status, 0) != child || status != 0)
			l->tally.errors++;
	}
	if (l->tally.errors == 0)
		l->tally.answered = l->tally.published;
}

static unsigned
lines_in(struct slice s)
{
	unsigned n = 0;
	const char *at = s.p;

	while ((at = memchr(at, '\n', (size_t)(s.p + s.n - at))) != NULL) {
		at++;
		n++;
	}
	return n;
}

static void
reply_body(struct load *l, struct pub_conn *c, struct slice body)
{
	const char *bad = memmem(body.p, body.n, "\"error\"", 7);

	if (bad != NULL) {
		if (l->tally.errors++ == 0)
			fprintf(stderr, "load: answer: %.*s\n",
			    (int)(body.p + body.n - bad), bad);
		if (l->opt.publisher != PUB_NDJSON)
			c->owed = 0;
	}
	if (l->opt.publisher == PUB_NDJSON)
		l->tally.answered += lines_in(body);
}

static void
reply_done(struct load *l, struct pub_conn *c)
{
	if (l->opt.publisher == PUB_NDJSON) {
		if (now_ns() < l->stop)
			die("the stream was answered %u and ended",
			    c->reply.status);
		return;
	}
	if (c->reply.status / 100 == 2)
		l->tally.answered += c->owed;
	else if (l->tally.errors++ == 0)
		fprintf(stderr, "load: answered %u\n", c->reply.status);
	l->pub->idle[l->pub->nidle++] = c;
}

static void
rawfan_line(struct load *l, struct slice line)
{
	unsigned long n;
	char text[64];

	snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(line));
	if (sscanf(text, "DONE %lu", &n) == 1) {
		l->pub->done = true;
		l->tally.published = n;
	}
}

static void
conn_read(struct load *l, struct pub_conn *c)
{
	struct slice in, body;
	size_t used;
	ssize_t n;

	memcpy(l->scratch, c->in.p != NULL ? c->in.p : "", c->in.n);
	n = read(c->w.fd, l->scratch + c->in.n, SCRATCH - c->in.n);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("publisher's connection %s",
		    n == 0 ? "was closed" : strerror(errno));
	in = (struct slice){l->scratch, c->in.n + (size_t)n};
	buf_clear(&c->in);
	if (l->opt.publisher == PUB_RAWFAN) {
		rawfan_line(l, in);
		return;
	}
	while ((used = reply_step(&c->reply, in, &body)) != 0) {
		if (body.n != 0)
			reply_body(l, c, body);
		if (c->reply.done)
			reply_done(l, c);
		in = slice_from(in, used);
	}
	if (in.n != 0)
		buf_put(&c->in, in);
}

void
pub_ready(struct load *l, struct watch *w, uint32_t events)
{
	struct pub_conn *c = container_of(w, struct pub_conn, w);

	if ((events & EPOLLOUT) != 0 && c->blocked)
		conn_flush(l, c);
	if ((events & EPOLLIN) != 0)
		conn_read(l, c);
	else if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		die("the publisher's other end went away");
}
