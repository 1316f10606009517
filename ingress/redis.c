/*
 * redis.c - a connection to Redis on our loop.
 *
 *          backoff          connected          AUTH, SELECT done
 *   DOWN ----------> OPENING --------> GREETING ----------------> UP
 *     ^                 |                 |                        |
 *     +-----------------+-- broken, refused, too late, too large --+
 *
 * hiredis's asynchronous client is not used: it aborts on messages it does
 * not know.  Its reader is (redis_reader.c); commands are written straight
 * into the output.
 */
#include "ingress/redis.h"

#include "common/backoff.h"
#include "common/buf.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/must.h"
#include "common/net.h"
#include "common/redis_writer.h"
#include "common/stats.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_SIZE = 64 << 10,
	OPEN_MS = 3000, /* to connect and greet */
	BACKOFF_MIN = 100,
	BACKOFF_MAX = 1000,   /* ms */
	SILENCE_MS = 3000,    /* of a subscriber, then it is asked; twice, and
	                       * it is dead */
	READS_PER_EVENT = 16, /* then others have their turn */
};

enum state { DOWN, OPENING, GREETING, UP };

struct redis {
	struct redis_setup setup;
	enum state state;
	int fd;
	struct watch watch;
	struct turn turn;   /* writes what the turn said */
	struct timer timer; /* DOWN: try again; else the oldest answer is due */
	struct backoff backoff;
	struct buf out;
	struct redis_reader *reader;
	struct list calls; /* struct redis_call, oldest first */
	struct redis_call auth, select;
	bool pushes, asked; /* subscribes; was asked for a sign of life */
	bool said;          /* that it is down */
	bool was_up;
};

static void fail(struct redis *, const char *why);

bool
redis_is_up(const struct redis *r)
{
	return r->state == UP;
}

static void
put_command(struct buf *out, const struct slice *words, size_t n)
{
	redis_put_count(out, n);
	for (size_t i = 0; i < n; i++)
		redis_put_word(out, words[i]);
}

/* The oldest answer is the next one, so its deadline is the one to watch. */
static void
watch_deadline(struct redis *r)
{
	struct redis_call *c;
	uint64_t now = loop_now(r->setup.loop);

	if (r->state == UP && r->pushes) {
		loop_arm(r->setup.loop, &r->timer, SILENCE_MS);
	} else if (r->state == UP && list_empty(&r->calls)) {
		timer_cancel(&r->timer);
	} else if (r->state == UP) {
		c = container_of(r->calls.next, struct redis_call, node);
		loop_arm(
		    r->setup.loop, &r->timer, c->due > now ? c->due - now : 0);
	}
}

static void
ask(struct redis *r, struct redis_call *c, const struct slice *words, size_t n)
{
	bool first = list_empty(&r->calls);

	c->due = loop_now(r->setup.loop) +
	         (c->wait_ms != 0 ? c->wait_ms : REDIS_ANSWER_MS);
	list_append(&r->calls, &c->node);
	put_command(&r->out, words, n);
	if (first)
		watch_deadline(r);
}

void
redis_ask(
    struct redis *r, struct redis_call *c, const struct slice *words, size_t n)
{
	must(r->state == UP && !r->pushes);
	ask(r, c, words, n);
}

void
redis_subscribe(struct redis *r, const struct slice *words, size_t n)
{
	must(r->state == UP && list_empty(&r->calls));
	r->pushes = true;
	put_command(&r->out, words, n);
	watch_deadline(r);
}

static void
came_up(struct redis *r)
{
	r->state = UP;
	r->said = false;
	backoff_worked(&r->backoff);
	log_info(
	    "redis_up", "for=%s address=%s", r->setup.label, r->setup.address);
	stats_add(STAT_redis_reconnects, r->was_up);
	r->was_up = true;
	watch_deadline(r);
	if (r->setup.face->up != NULL)
		r->setup.face->up(r->setup.face);
}

static void
greeted(struct redis *r, const struct redis_reply *reply)
{
	char why[LOG_VALUE];

	if (reply == NULL)
		return;
	snprintf(why, sizeof(why), "%.*s", SLICE_ARGS(reply->text));
	if (reply->kind == REDIS_IS_ERROR)
		fail(r, why);
	else if (list_empty(&r->calls))
		came_up(r);
}

static void
authenticated(struct redis_call *c, const struct redis_reply *reply)
{
	greeted(container_of(c, struct redis, auth), reply);
}

static void
selected(struct redis_call *c, const struct redis_reply *reply)
{
	greeted(container_of(c, struct redis, select), reply);
}

/* SELECT is always asked: its answer shows that this is Redis and that we
 * may talk to it. */
static void
greet(struct redis *r)
{
	struct slice user = slice_of(r->setup.user);
	struct slice password = slice_of(r->setup.password);
	struct slice auth[3] = {SLICE("AUTH"), user, password};
	char db[24];

	r->state = GREETING;
	if (user.n == 0)
		auth[1] = password;
	if (password.n != 0)
		ask(r, &r->auth, auth, user.n == 0 ? 2 : 3);
	snprintf(db, sizeof(db), "%llu", (unsigned long long)r->setup.db);
	ask(r, &r->select, (struct slice[]){SLICE("SELECT"), slice_of(db)}, 2);
}

static void
close_connection(struct redis *r)
{
	loop_unwatch(r->setup.loop, &r->watch);
	timer_cancel(&r->timer);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	buf_clear(&r->out);
	redis_reader_free(&r->reader);
	r->pushes = r->asked = false;
	r->state = DOWN;
}

/* Jitter, so that the bridges of a host do not come back as one. */
static void
fail(struct redis *r, const char *why)
{
	bool was_up = r->state == UP;
	unsigned wait = backoff_failed(&r->backoff);
	char text[LOG_VALUE];
	struct list calls;
	struct list *node;

	if (!r->said)
		log_warn("redis_down", "for=%s address=%s why=%s",
		    r->setup.label, r->setup.address,
		    log_value(text, sizeof(text), slice_of(why)));
	r->said = true;
	close_connection(r);
	wait += (unsigned)(hash_random() % (wait / 4 + 1));
	loop_arm(r->setup.loop, &r->timer, wait);
	list_init(&calls);
	while ((node = list_shift(&r->calls)) != NULL)
		list_append(&calls, node);
	while ((node = list_shift(&calls)) != NULL) {
		struct redis_call *c =
		    container_of(node, struct redis_call, node);

		c->answered(c, NULL);
	}
	if (was_up && r->setup.face->down != NULL)
		r->setup.face->down(r->setup.face);
}

static void
handle(struct redis *r, const struct redis_reply *reply)
{
	struct redis_call *c;
	struct list *node;

	r->asked = false;
	if (r->pushes) {
		if (r->setup.face->pushed != NULL)
			r->setup.face->pushed(r->setup.face, reply);
		return;
	}
	if ((node = list_shift(&r->calls)) == NULL) {
		fail(r, "an answer nobody asked for");
		return;
	}
	c = container_of(node, struct redis_call, node);
	c->answered(c, reply);
}

/* All whole replies.  A handler may end the connection: then this reader is
 * gone. */
static void
take_replies(struct redis *r)
{
	int fd = r->fd;

	while (r->fd == fd) {
		struct redis_reply *reply;
		const char *why = redis_reader_next(r->reader, &reply);

		if (why != NULL) {
			fail(r, why);
			return;
		}
		if (reply == NULL)
			break;
		handle(r, reply);
		redis_reply_free(&reply);
	}
	if (r->fd == fd)
		watch_deadline(r);
}

static void
read_some(struct redis *r)
{
	char room[READ_SIZE];
	int fd = r->fd;

	for (int i = 0; i < READS_PER_EVENT && r->fd == fd; i++) {
		ssize_t n = read(fd, room, sizeof(room));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			fail(r, n < 0 ? strerror(errno) : "it hung up");
			return;
		}
		redis_reader_feed(r->reader, (struct slice){room, (size_t)n});
		take_replies(r);
		if ((size_t)n < sizeof(room))
			return;
	}
}

static void
write_some(struct redis *r)
{
	size_t at = 0;

	while (at < r->out.n) {
		ssize_t n = send(r->fd, r->out.p + at, r->out.n - at,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			fail(r, strerror(errno));
			return;
		}
		at += (size_t)n;
	}
	buf_drop(&r->out, at);
	loop_watch(r->setup.loop, &r->watch, r->fd,
	    LOOP_READ | (r->out.n != 0 ? LOOP_WRITE : 0));
}

static void
ready(struct watch *w, unsigned events)
{
	struct redis *r = container_of(w, struct redis, watch);
	int rc;

	if (r->state == OPENING) {
		if ((rc = net_connected(r->fd)) != 0)
			fail(r, strerror(rc));
		else
			greet(r);
		return;
	}
	if ((events & LOOP_READ) != 0)
		read_some(r);
	if ((events & LOOP_WRITE) != 0 && r->fd >= 0)
		write_some(r);
}

static bool
turn_end(struct turn *t)
{
	struct redis *r = container_of(t, struct redis, turn);

	if (r->out.n != 0 && (r->state == GREETING || r->state == UP))
		write_some(r);
	return false;
}

static void
open_connection(struct redis *r)
{
	r->reader = redis_reader_new();
	/* it may block, once per attempt: nobody waits for a bridge but Redis */
	r->fd = net_connect_named(r->setup.address);
	if (r->fd < 0) {
		fail(r, strerror(errno));
		return;
	}
	r->state = OPENING;
	loop_watch(r->setup.loop, &r->watch, r->fd, LOOP_WRITE);
	loop_arm(r->setup.loop, &r->timer, OPEN_MS);
}

static void
timer_fired(struct timer *t)
{
	struct redis *r = container_of(t, struct redis, timer);

	if (r->state == DOWN) {
		open_connection(r);
	} else if (r->state == UP && r->pushes && !r->asked) {
		r->asked = true;
		put_command(&r->out, (struct slice[]){SLICE("PING")}, 1);
		watch_deadline(r);
	} else {
		fail(r, "it does not answer");
	}
}

struct redis *
redis_new(const struct redis_setup *setup)
{
	struct redis *r = xcalloc(1, sizeof(*r));

	r->setup = *setup;
	r->fd = -1;
	r->watch.ready = ready;
	r->turn.end = turn_end;
	r->auth.answered = authenticated;
	r->select.answered = selected;
	list_init(&r->calls);
	timer_init(&r->timer, timer_fired);
	backoff_init(&r->backoff, BACKOFF_MIN, BACKOFF_MAX);
	loop_add_turn(setup->loop, &r->turn);
	return r;
}

void
redis_open(struct redis *r)
{
	if (r->fd < 0)
		loop_arm(r->setup.loop, &r->timer, 0);
}

void
redis_drop(struct redis *r)
{
	close_connection(r);
	while (list_shift(&r->calls) != NULL)
		continue;
}

void
redis_free(struct redis **rp)
{
	struct redis *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	redis_drop(r);
	list_remove(&r->turn.node);
	buf_free(&r->out);
	free(r);
}
