/*
 * bus_pipe.c - stages as filters: msgpack frames on stdin and stdout.
 *
 * Output is written without blocking where the kernel lets us; what does not
 * fit waits in a buffer, and while one window of it waits the outbox stays
 * full and the link has no room, so that the stage stops taking more in.
 * Everything happens in the loop's own turns: never inside a call of the
 * stage's.
 */
#include "common/bus_pipe.h"

#include "common/code.h"
#include "common/log.h"
#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum {
	READ_SIZE = 64 << 10, /* a pipe holds as much */
	FRAME_MAX = 5 << 20,  /* one whole body and its fields */
	FINISH_MS = 1000,     /* for a reader that is still there */
	EXIT_BROKEN = 111,
};

struct bus_pipe {
	struct bus *bus;
	struct bus_link *link;
	struct watch in, out;
	struct bus_pipe_ends fd;
	int flags;    /* of the output, as we found it; -1: unknown */
	bool ended;   /* the input is */
	bool failed;  /* the output is: nobody will read it */
	uint64_t seq; /* the last publish whose frame is in write, or left */
	struct buf read, write;
	size_t wrote;    /* of write, by the kernel */
	struct buf owed; /* frames we answer ourselves with */
};

static size_t
unwritten(const struct bus_pipe *p)
{
	return p->write.n - p->wrote;
}

static void
broken(struct bus_pipe *p, const char *what)
{
	log_err("pipe", "what=\"%s\" error=\"%s\"", what, strerror(errno));
	loop_stop(p->bus->loop, EXIT_BROKEN);
}

/* What leaves as a publish comes in as one: give it the shape of a delivery,
 * for a stage that delivers. */
static void
handle(struct bus_pipe *p, const struct msg *m)
{
	struct bus_face *face = p->bus->face;
	struct msg d = {.id = MSG_deliver};

	if (face->frame == NULL)
		return;
	if (m->id == MSG_publish) {
		d.deliver = (struct msg_deliver){
		    .channel = m->publish.channel,
		    .epoch = 1,
		    .offset = m->publish.seq,
		    .type = m->publish.type,
		    .body = m->publish.body,
		    .filter = m->publish.filter,
		    .id = m->publish.id,
		    .expires = m->publish.expires,
		    .envelope = m->publish.envelope,
		};
		m = &d;
	}
	if (m->id != MSG_unknown)
		face->frame(face, p->link, m);
}

static void
take_frames(struct bus_pipe *p, struct buf *b)
{
	size_t at = 0;

	while (at < b->n) {
		struct msg m;
		const char *why;
		long n = msg_decode(slice_from(buf_slice(b), at), &m, &why);

		if (n == 0)
			break;
		if (n < 0) {
			stats_add(STAT_drop_bad_frame, 1);
			errno = EBADMSG;
			broken(p, why);
			return;
		}
		at += (size_t)n;
		stats_add(STAT_bus_frames_in, 1);
		handle(p, &m);
	}
	buf_drop(b, at);
}

static void
readable(struct watch *w, unsigned events)
{
	struct bus_pipe *p = container_of(w, struct bus_pipe, in);
	char *room = buf_room(&p->read, READ_SIZE);
	ssize_t n;

	(void)events;
	if (room == NULL) {
		errno = EMSGSIZE;
		broken(p, "a frame on stdin is too large");
		return;
	}
	n = read(p->fd.in, room, READ_SIZE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		p->ended = true;
		loop_unwatch(p->bus->loop, &p->in);
		log_info("stdin_ended", "left=%zu", p->read.n);
		return;
	}
	p->read.n += (size_t)n;
	take_frames(p, &p->read);
}

/* All up to p->seq has left.  What a ticket publishes on being answered has
 * not. */
static void
answer_all(struct bus_pipe *p)
{
	struct outbox *o = &p->bus->outbox;
	struct outbox_item *i;

	while ((i = outbox_next(&p->link->sent, NULL)) != NULL) {
		uint64_t seq = outbox_seq(i);

		if (seq > p->seq)
			break;
		outbox_answer(o, i, &(struct msg_published){.seq = seq});
	}
}

static void
write_some(struct bus_pipe *p)
{
	while (unwritten(p) != 0 && !p->failed) {
		ssize_t n =
		    write(p->fd.out, p->write.p + p->wrote, unwritten(p));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			p->failed = true;
			broken(p, "stdout");
			break;
		}
		p->wrote += (size_t)n;
	}
	loop_watch(p->bus->loop, &p->out, p->fd.out,
	    unwritten(p) != 0 && !p->failed ? LOOP_WRITE : 0);
	if (unwritten(p) != 0)
		return;
	buf_clear(&p->write);
	p->wrote = 0;
	answer_all(p);
}

static void
writable(struct watch *w, unsigned events)
{
	(void)events;
	write_some(container_of(w, struct bus_pipe, out));
}

/* The frames themselves: a pipe has no use for the header. */
void
bus_pipe_flush(struct bus_pipe *p)
{
	struct link *l = &p->link->link;
	struct buf owed = p->owed;

	if (l->out.n > MSG_HEADER) {
		stats_add(STAT_bus_bytes_out, l->out.n - MSG_HEADER);
		buf_drop(&p->write, p->wrote);
		p->wrote = 0;
		buf_put(&p->write, slice_from(buf_slice(&l->out), MSG_HEADER));
		buf_clear(&l->out);
		l->frames = 0;
		p->seq = p->bus->outbox.seq;
	}
	if (unwritten(p) != 0)
		write_some(p);
	p->owed = (struct buf){0};
	take_frames(p, &owed);
	buf_free(&owed);
}

bool
bus_pipe_room(const struct bus_pipe *p)
{
	return unwritten(p) + p->link->link.out.n < LINK_WINDOW;
}

bool
bus_pipe_ended(const struct bus_pipe *p)
{
	return p->ended;
}

bool
bus_pipe_due(const struct bus_pipe *p)
{
	return p->link->link.frames != 0 || p->owed.n != 0;
}

void
bus_pipe_hold(struct bus_pipe *p, bool held)
{
	if (!p->ended)
		loop_watch(
		    p->bus->loop, &p->in, p->fd.in, held ? 0 : LOOP_READ);
}

void
bus_pipe_sent(struct bus_pipe *p, const struct msg *m)
{
	struct msg joined = {.id = MSG_joined,
	    .joined = {
		.channel = m->join.channel,
		.shard = m->join.shard,
		.generation = m->join.generation,
		.epoch = 1,
	    }};

	struct msg nobody = {.id = MSG_roster_end,
	    .roster_end = {.ref = m->roster.ref, .code = CODE_not_found}};

	if (m->id == MSG_join)
		msg_encode(&p->owed, &joined);
	else if (m->id == MSG_roster)
		msg_encode(&p->owed, &nobody);
}

void
bus_pipe_finish(struct bus_pipe *p)
{
	struct pollfd out = {.fd = p->fd.out, .events = POLLOUT};

	bus_pipe_flush(p);
	while (unwritten(p) != 0 && !p->failed &&
	       poll(&out, 1, FINISH_MS) == 1 && (out.revents & POLLOUT) != 0)
		write_some(p);
}

struct bus_pipe *
bus_pipe_open(struct bus *b, struct bus_pipe_ends ends)
{
	struct bus_pipe *p = xcalloc(1, sizeof(*p));

	p->bus = b;
	p->fd = ends;
	p->link = &b->links[0];
	p->link->bus = b;
	p->link->state = UP;
	p->link->roomy = true;
	p->link->name = xstrdup("pipe");
	outbox_queue_init(&p->link->sent);
	b->count = 1;
	b->shards = 1;
	b->owner[0] = 0;
	p->read.max = FRAME_MAX + READ_SIZE;
	p->in.ready = readable;
	p->out.ready = writable;
	p->flags = fcntl(p->fd.out, F_GETFL);
	if (p->flags >= 0)
		fcntl(p->fd.out, F_SETFL, p->flags | O_NONBLOCK);
	loop_watch(b->loop, &p->in, p->fd.in, LOOP_READ);
	return p;
}

/* The output may be somebody's terminal: it is left as it was found. */
void
bus_pipe_close(struct bus_pipe **pp)
{
	struct bus_pipe *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	loop_unwatch(p->bus->loop, &p->in);
	loop_unwatch(p->bus->loop, &p->out);
	if (p->flags >= 0)
		fcntl(p->fd.out, F_SETFL, p->flags);
	buf_free(&p->read);
	buf_free(&p->write);
	buf_free(&p->owed);
	free(p);
}
