/*
 * load_sub.c - subscribers that check every message they get.
 *
 *	CONNECTING -> UPGRADING -> SUBSCRIBING (not raw) -> OPEN -> GONE
 *
 * A delivery must cost us far less than it costs the server: one large read
 * into a shared buffer, a walk over the frame heads, and the mark is looked
 * for where the frame before had it, counted from the frame's end.  Only an
 * incomplete frame is kept, in a block of the connection's own.
 */
#include "tests/bench/load.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum sub_state { CONNECTING, UPGRADING, SUBSCRIBING, OPEN, GONE };
enum opcode { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
/* To connect in, and a second more for so many channels. */
enum { CONNECT_SECONDS = 30, CHANNELS_A_SECOND = 5000, CURSOR = 40 };

struct sub {
	struct watch w;
	enum sub_state state;
	uint32_t ntail, mark_back; /* the mark's distance from the end */
	char *tail;
	unsigned held;       /* channels subscribed to, of --each */
	uint64_t next;       /* the sequence number we expect */
	uint64_t missing;    /* bit i: next - 1 - i was jumped over */
	char cursor[CURSOR]; /* of the last message, when it is to resume */
};

struct frame {
	unsigned opcode;
	struct slice payload;
};

static unsigned
sub_index(const struct load *l, const struct sub *s)
{
	return (unsigned)(s - l->subs);
}

static void
sub_gone(struct load *l, struct sub *s)
{
	if (s->state != OPEN)
		die("client %u: connection closed before it was subscribed",
		    sub_index(l, s));
	l->tally.closed++;
	s->state = GONE;
	free(s->tail);
	s->tail = NULL;
	close(s->w.fd);
}

static void
sub_joined(struct load *l, struct sub *s)
{
	s->state = OPEN;
	l->joined++;
}

/* Off the fast path: a number that is not the next one. */
static void
sub_jump(struct load *l, struct sub *s, uint64_t seq)
{
	uint64_t ahead = seq - s->next, back = s->next - 1 - seq;

	if (seq > s->next) {
		l->tally.lost += ahead;
		s->missing = ahead > 63 ? ~1ULL
		                        : s->missing << (ahead + 1) |
		                              ((1ULL << ahead) - 1) << 1;
		s->next = seq + 1;
	} else if (back < 64 && (s->missing >> back & 1) != 0) {
		s->missing &= ~(1ULL << back);
		l->tally.reordered++;
		l->tally.lost--;
	} else {
		l->tally.duplicated++;
	}
}

static void
sub_mark(struct load *l, struct sub *s, const char *mark)
{
	uint64_t seq = mark_seq(mark), now, sent, us;

	l->tally.delivered++;
	if (seq == s->next) {
		s->next++;
		s->missing <<= 1;
	} else {
		sub_jump(l, s, seq);
	}
	if (!l->timed)
		return;
	now = now_ns();
	sent = mark_time(mark);
	if (sent < l->warm)
		return; /* of the time when all was still cold */
	us = now > sent ? (now - sent) / 1000 : 0;
	l->histogram[us < HISTOGRAM ? us : HISTOGRAM - 1]++;
}

/* Where it is to go on when it comes back. */
static void
sub_place(struct sub *s, struct slice m)
{
	const char *at = memmem(m.p, m.n, "\"cursor\":\"", 10), *end;
	size_t n;

	if (at == NULL)
		return;
	at += 10;
	end = memchr(at, '"', (size_t)(m.p + m.n - at));
	n = end != NULL ? (size_t)(end - at) : CURSOR;
	if (n >= CURSOR)
		die("no cursor of ours: %.*s", SLICE_ARGS(m));
	memcpy(s->cursor, at, n);
	s->cursor[n] = '\0';
}

static void
sub_message(struct load *l, struct sub *s, struct slice m)
{
	const char *at = m.p + m.n - s->mark_back;

	if (s->mark_back > m.n || m.n < MARK_BYTES || at[0] != '~' ||
	    at[1] != '#')
		at = memmem(m.p, m.n, "~#", 2);
	if (at != NULL && at + MARK_BYTES <= m.p + m.n) {
		s->mark_back = (uint32_t)(m.p + m.n - at);
		sub_mark(l, s, at);
		if (l->resumes)
			sub_place(s, m);
	} else if (memmem(m.p, m.n, "\"gap\"", 5) != NULL) {
		l->tally.gaps++;
	} else if (memmem(m.p, m.n, "\"error\"", 7) != NULL) {
		l->tally.errors++;
	}
}

/* A masked client frame of less than 64 KiB.  The mask is zero, which RFC
 * 6455 section 5.3 forbids nobody to draw and saves us the masking. */
static void
sub_send(struct sub *s, unsigned opcode, struct slice payload)
{
	char out[1024];
	size_t n = 0;

	must(payload.n + 8 <= sizeof(out));
	out[n++] = (char)(0x80 | opcode);
	out[n++] = (char)(0x80 | (payload.n < 126 ? payload.n : 126));
	if (payload.n >= 126) {
		out[n++] = (char)(payload.n >> 8);
		out[n++] = (char)payload.n;
	}
	memset(out + n, 0, 4);
	n += 4;
	memcpy(out + n, payload.p, payload.n);
	n += payload.n;
	if (write(s->w.fd, out, n) != (ssize_t)n && errno != EPIPE &&
	    errno != ECONNRESET)
		die("a client's socket takes no %zu bytes", n);
}

static void
sub_subscribe(struct load *l, struct sub *s)
{
	struct buf b = {0};

	buf_printf(&b, "{\"op\":\"subscribe\",\"ref\":1,\"channel\":\"%s",
	    l->opt.channel);
	if (l->opt.own)
		buf_printf(&b, "/%0*u", INDEX,
		    sub_index(l, s) * l->opt.each + s->held);
	if (s->cursor[0] != '\0')
		buf_printf(&b, "\",\"cursor\":\"%s", s->cursor);
	buf_str(&b, "\"}");
	sub_send(s, OP_TEXT, buf_slice(&b));
	buf_free(&b);
}

/* Incus answers nothing: a ping behind who we are tells that it was read. */
static void
sub_introduce(struct load *l, struct sub *s)
{
	struct buf b = {0};

	buf_printf(&b,
	    "{\"command\":{\"command\":\"authenticate\","
	    "\"user\":\"%0*u\"}}",
	    INDEX, sub_index(l, s));
	sub_send(s, OP_TEXT, buf_slice(&b));
	sub_send(s, OP_PING, SLICE(""));
	buf_free(&b);
}

#define HANDSHAKE                                                              \
	"{\"channel\":\"/meta/handshake\",\"version\":\"1.0\","                \
	"\"supportedConnectionTypes\":[\"websocket\"]}"

/* Subscribe, and wait for ten minutes: no run lasts as long. */
static void
sub_bayeux(struct load *l, struct sub *s, struct slice m)
{
	const char *id = memmem(m.p, m.n, "\"clientId\":\"", 12);
	struct buf b = {0};

	if (id == NULL || id + 43 > m.p + m.n)
		die("no client: %.*s", SLICE_ARGS(m));
	if (memmem(m.p, m.n, "/meta/handshake", 15) == NULL) {
		if (memmem(m.p, m.n, "\"successful\":true", 17) == NULL)
			die("not subscribed: %.*s", SLICE_ARGS(m));
		sub_joined(l, s);
		return;
	}
	buf_printf(&b,
	    "[{\"channel\":\"/meta/subscribe\",%.44s,\"subscription\":\"%s", id,
	    l->opt.channel);
	if (l->opt.own)
		buf_printf(&b, "/%0*u", INDEX, sub_index(l, s));
	buf_str(&b, "\"}]");
	sub_send(s, OP_TEXT, buf_slice(&b));
	buf_clear(&b);
	buf_printf(&b,
	    "[{\"channel\":\"/meta/connect\",%.44s,\"connectionType\":"
	    "\"websocket\",\"id\":\"1\",\"advice\":{\"timeout\":600000}}]",
	    id);
	sub_send(s, OP_TEXT, buf_slice(&b));
	buf_free(&b);
}

/* The answer to subscribe: "ok": true, with or without the blank. */
static void
sub_confirm(struct load *l, struct sub *s, struct slice m)
{
	const char *ok = memmem(m.p, m.n, "\"ok\":", 5);

	if (ok == NULL ||
	    memmem(ok, (size_t)(m.p + m.n - ok), "true", 4) == NULL)
		die("not subscribed: %.*s", SLICE_ARGS(m));
	if (s->cursor[0] != '\0' &&
	    memmem(m.p, m.n, "\"recovered\":true", 16) == NULL)
		l->tally.gaps++;
	if (++s->held < l->opt.each)
		sub_subscribe(l, s);
	else
		sub_joined(l, s);
}

/* Cut one frame off the front; false when it is not all there. */
static bool
frame_cut(struct slice *rest, struct frame *f)
{
	const unsigned char *p = (const unsigned char *)rest->p;
	size_t head = 2, n;

	if (rest->n < 2)
		return false;
	n = p[1] & 127;
	if (n == 126) {
		head = 4;
		if (rest->n < head)
			return false;
		n = (size_t)p[2] << 8 | p[3];
	} else if (n == 127) {
		head = 10;
		if (rest->n < head)
			return false;
		n = 0;
		for (unsigned i = 2; i < 10; i++)
			n = n << 8 | p[i];
	}
	if (rest->n - head < n)
		return false;
	*f = (struct frame){p[0] & 15, {rest->p + head, n}};
	*rest = slice_from(*rest, head + n);
	return true;
}

static void
sub_frame(struct load *l, struct sub *s, const struct frame *f)
{
	if (f->opcode == OP_PING)
		sub_send(s, OP_PONG, f->payload);
	else if (f->opcode == OP_CLOSE)
		shutdown(s->w.fd, SHUT_RDWR);
	else if (f->opcode == OP_PONG)
		sub_joined(l, s);
	else if (s->state == SUBSCRIBING && l->opt.proto == PROTO_BAYEUX)
		sub_bayeux(l, s, f->payload);
	else if (s->state == SUBSCRIBING)
		sub_confirm(l, s, f->payload);
	else if (f->opcode <= 2)
		sub_message(l, s, f->payload);
}

/* SSE: every mark is a message.  The cut between two reads may lie in one,
 * so whatever follows the last whole line waits. */
static struct slice
sse_lines(struct load *l, struct sub *s, struct slice in)
{
	const char *end = memrchr(in.p, '\n', in.n), *at = in.p;

	if (end == NULL)
		return in;
	while ((at = memmem(at, (size_t)(end - at), "~#", 2)) != NULL &&
	       at + MARK_BYTES <= end) {
		sub_mark(l, s, at);
		at += MARK_BYTES;
	}
	if (memmem(in.p, (size_t)(end - in.p), "event: gap", 10) != NULL)
		l->tally.gaps++;
	return slice_from(in, (size_t)(end - in.p) + 1);
}

/* Returns what is left over. */
static struct slice
sub_consume(struct load *l, struct sub *s, struct slice in)
{
	const char *want = l->opt.proto == PROTO_SSE ? " 200" : " 101", *end;
	struct frame f;

	if (s->state == UPGRADING) {
		if ((end = memmem(in.p, in.n, "\r\n\r\n", 4)) == NULL)
			return in;
		if (memcmp(in.p + 8, want, 4) != 0)
			die("client refused: %.*s", (int)(in.n), in.p);
		in = slice_from(in, (size_t)(end - in.p) + 4);
		s->state = SUBSCRIBING;
		if (l->opt.proto == PROTO_NATIVE)
			sub_subscribe(l, s);
		else if (l->opt.proto == PROTO_INCUS)
			sub_introduce(l, s);
		else if (l->opt.proto == PROTO_BAYEUX)
			sub_send(s, OP_TEXT, SLICE(HANDSHAKE));
		else
			sub_joined(l, s);
	}
	if (l->opt.proto == PROTO_SSE)
		return in.n != 0 ? sse_lines(l, s, in) : in;
	while (frame_cut(&in, &f))
		sub_frame(l, s, &f);
	return in;
}

static void
sub_read(struct load *l, struct sub *s)
{
	struct slice left;
	ssize_t n;

	memcpy(l->scratch, s->tail != NULL ? s->tail : "", s->ntail);
	n = read(s->w.fd, l->scratch + s->ntail, SCRATCH - s->ntail);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		sub_gone(l, s);
		return;
	}
	left =
	    sub_consume(l, s, (struct slice){l->scratch, s->ntail + (size_t)n});
	if (left.n == SCRATCH)
		die("a frame of more than %d bytes", SCRATCH);
	if (left.n > s->ntail)
		s->tail = xrealloc(s->tail, left.n);
	s->ntail = (uint32_t)left.n;
	memcpy(s->tail != NULL ? s->tail : l->scratch, left.p, left.n);
}

/* The request; %c in the URL's path stands for the channel. */
static void
sub_request(struct load *l, struct sub *s, const struct address *to)
{
	struct buf b = {0};
	const char *c = strstr(to->path, "%c");
	int before = c != NULL ? (int)(c - to->path) : -1;

	buf_printf(&b, "GET %.*s", before, to->path);
	if (c != NULL) {
		buf_str(&b, l->opt.channel);
		if (l->opt.own)
			buf_printf(&b, "/%0*u", INDEX, sub_index(l, s));
		buf_str(&b, c + 2);
	}
	buf_printf(&b, " HTTP/1.1\r\nHost: %s\r\n", to->host);
	buf_str(
	    &b, l->opt.proto == PROTO_SSE
		    ? "Accept: text/event-stream\r\n\r\n"
		    : "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		      "Sec-WebSocket-Version: 13\r\n"
		      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	must(!b.full);
	if (write(s->w.fd, b.p, b.n) != (ssize_t)b.n)
		die("client %u: cannot connect: %s", sub_index(l, s),
		    strerror(errno));
	buf_free(&b);
	s->state = UPGRADING;
}

static void
sub_ready(struct load *l, struct watch *w, uint32_t events)
{
	struct sub *s = container_of(w, struct sub, w);

	if (s->state == GONE)
		return;
	if (s->state == CONNECTING) {
		if ((events & EPOLLOUT) == 0)
			return;
		sub_request(l, s, &l->to);
		loop_change(l, w, EPOLLIN);
		return;
	}
	sub_read(l, s);
}

struct sub *
subs_new(unsigned clients)
{
	return xcalloc(clients, sizeof(struct sub));
}

void
subs_connect(struct load *l, unsigned upto)
{
	uint64_t seconds =
	    CONNECT_SECONDS + (uint64_t)upto * l->opt.each / CHANNELS_A_SECOND;
	uint64_t until = now_ns() + seconds * 1000000000ULL;

	address_parse(&l->to, l->opt.url);
	if (l->opt.path != NULL)
		snprintf(l->to.path, sizeof(l->to.path), "%s", l->opt.path);
	while (l->joined < upto) {
		while (l->opened < upto &&
		       l->opened < l->joined + l->opt.inflight) {
			struct sub *s = &l->subs[l->opened];

			s->w.fd = net_connect(&l->to, l->opened++);
			s->w.ready = sub_ready;
			loop_add(l, &s->w, EPOLLOUT);
		}
		loop_turn(l, 100000000);
		if (now_ns() > until)
			die("%u of %u clients subscribed after %u s", l->joined,
			    upto, (unsigned)seconds);
	}
}

void
subs_leave(struct load *l)
{
	for (unsigned i = 0; i < l->opened; i++) {
		struct sub *s = &l->subs[i];

		close(s->w.fd);
		free(s->tail);
		s->tail = NULL;
		s->ntail = 0;
		s->state = CONNECTING;
		s->held = 0;
	}
	l->opened = l->joined = 0;
}

uint64_t
subs_owed(const struct load *l)
{
	uint64_t each = l->opt.own ? 1 : l->opt.clients;
	bool none = l->away || l->opt.clients == 0;
	uint64_t all = none ? 0 : l->tally.published * each;

	return all > l->tally.delivered ? all - l->tally.delivered : 0;
}

/* How many messages went to client i: with channels of their own, number m
 * went to client m * STRIDE mod N, so the last round reached some only. */
void
subs_settle(struct load *l)
{
	uint64_t n = l->opt.clients, sent = l->tally.published;
	uint64_t rounds = n != 0 ? sent / n : 0;
	char *extra = xcalloc(n, 1);

	for (uint64_t m = rounds * n; l->opt.own && m < sent; m++)
		extra[m * STRIDE % n] = 1;
	for (unsigned i = 0; i < n; i++) {
		uint64_t due = l->opt.own ? rounds + (uint64_t)extra[i] : sent;

		if (l->subs[i].next < due)
			l->tally.lost += due - l->subs[i].next;
	}
	free(extra);
}
