/*
 * redis_conn.c - a socket, hiredis's reader, and poll() with a deadline.
 *
 * hiredis's own client is not used: its timeouts are for each read and write,
 * not for the whole, and it has none for names.
 */
#include "store/redis_conn.h"

#include "common/loop.h"
#include "common/must.h"
#include "common/net.h"
#include "store/redis_cmd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10 };

uint64_t
redis_now(void)
{
	return clock_us() / 1000;
}

void
redis_conn_init(struct redis_conn *c)
{
	*c = (struct redis_conn){.fd = -1, .why = "not connected yet"};
}

void
redis_conn_close(struct redis_conn *c, const char *why)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->why = why;
	redis_reader_free(&c->reader);
}

/* False: closed, because it took too long. */
static bool
wait_for(struct redis_conn *c, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = events};
		uint64_t now = redis_now();
		int n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			break;
	}
	redis_conn_close(c, "no answer in time");
	return false;
}

bool
redis_conn_send(struct redis_conn *c, struct slice s, uint64_t deadline)
{
	while (c->fd >= 0 && s.n != 0) {
		ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n >= 0)
			s = slice_from(s, (size_t)n);
		else if (errno == EAGAIN)
			wait_for(c, POLLOUT, deadline);
		else if (errno != EINTR)
			redis_conn_close(c, "broken while writing");
	}
	return c->fd >= 0;
}

struct redis_reply *
redis_conn_reply(struct redis_conn *c, uint64_t deadline)
{
	char bytes[READ_SIZE];
	struct redis_reply *r = NULL;

	while (c->fd >= 0) {
		const char *why = redis_reader_next(c->reader, &r);
		ssize_t n;

		if (why != NULL) {
			redis_conn_close(c, "not a reply of Redis");
			return NULL;
		}
		if (r != NULL)
			return r;
		n = recv(c->fd, bytes, sizeof(bytes), 0);
		if (n > 0)
			redis_reader_feed(
			    c->reader, (struct slice){bytes, (size_t)n});
		else if (n < 0 && errno == EAGAIN)
			wait_for(c, POLLIN, deadline);
		else if (n == 0 || errno != EINTR)
			redis_conn_close(c, "closed by Redis");
	}
	return NULL;
}

struct redis_reply *
redis_conn_ask(
    struct redis_conn *c, const char *const *words, uint64_t deadline)
{
	struct redis_cmd cmd = {0};
	struct redis_reply *r = NULL;
	struct buf out = {0};

	for (; *words != NULL; words++)
		redis_cmd_str(&cmd, *words);
	redis_cmd_put(&cmd, &out);
	if (redis_conn_send(c, buf_slice(&out), deadline))
		r = redis_conn_reply(c, deadline);
	redis_cmd_free(&cmd);
	buf_free(&out);
	return r;
}

static bool
greeted(struct redis_conn *c, const char *const *words, uint64_t deadline)
{
	struct redis_reply *r = redis_conn_ask(c, words, deadline);
	bool ok = r != NULL && r->kind == REDIS_IS_STATUS;

	redis_reply_free(&r);
	if (!ok && c->fd >= 0)
		redis_conn_close(c, "user, password or database refused");
	return ok;
}

static bool
log_in(struct redis_conn *c, const struct redis_login *l, uint64_t deadline)
{
	const char *auth[] = {"AUTH", l->user, l->password, NULL};
	const char *plain[] = {"AUTH", l->password, NULL};
	char db[24];
	const char *select[] = {"SELECT", db, NULL};

	snprintf(db, sizeof(db), "%llu", (unsigned long long)l->db);
	if (l->password[0] != '\0' &&
	    !greeted(c, l->user[0] != '\0' ? auth : plain, deadline))
		return false;
	return l->db == 0 || greeted(c, select, deadline);
}

bool
redis_conn_open(
    struct redis_conn *c, const struct redis_login *l, uint64_t deadline)
{
	redis_conn_close(c, "not connected");
	c->fd = net_connect_named(c->address);
	if (c->fd < 0) {
		c->why = "no such address";
		return false;
	}
	c->reader = redis_reader_new();
	if (!wait_for(c, POLLOUT, deadline))
		return false;
	if (net_connected(c->fd) != 0) {
		redis_conn_close(c, "cannot connect");
		return false;
	}
	return log_in(c, l, deadline);
}
