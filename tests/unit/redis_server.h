/*
 * redis_server.h - a real Redis of one's own, in a folder of its own, and an
 * engine on it, for tests.
 */
#ifndef TESTS_UNIT_REDIS_SERVER_H
#define TESTS_UNIT_REDIS_SERVER_H

#include "common/log.h"
#include "common/must.h"
#include "store/engine_redis.h"
#include "tests/unit/rocks_world.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>

enum { SERVER_DEADLINE_MS = 20000 }; /* reached by a failure only */

struct redis_server {
	char folder[64], address[96]; /* unix:/path */
	bool keeps;                   /* what it has outlives it */
	pid_t pid;
};

static inline void
server_exec(const struct redis_server *s)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
	    s->address + 5, "--dir", s->folder, "--save", "", "--appendonly",
	    s->keeps ? "yes" : "no", "--appendfsync", "always", NULL);
	_exit(127);
}

/* A command without spaces in its words; the reply is the caller's. */
static inline struct redis_reply *
server_ask(const struct redis_server *s, const char *const *words)
{
	struct redis_login nobody = {"", "", 0};
	uint64_t deadline = redis_now() + SERVER_DEADLINE_MS;
	struct redis_reply *r = NULL;
	struct redis_conn c;

	redis_conn_init(&c);
	snprintf(c.address, sizeof(c.address), "%s", s->address);
	if (redis_conn_open(&c, &nobody, deadline))
		r = redis_conn_ask(&c, words, deadline);
	redis_conn_close(&c, "asked");
	return r;
}
#define SERVER_ASK(s, ...)                                                     \
	server_ask(s, (const char *const[]){__VA_ARGS__, NULL})

static inline void
server_say(const struct redis_server *s, const char *const *words)
{
	struct redis_reply *r = server_ask(s, words);

	assert_non_null(r);
	assert_int_not_equal(r->kind, REDIS_IS_ERROR);
	redis_reply_free(&r);
}
#define SERVER_SAY(s, ...)                                                     \
	server_say(s, (const char *const[]){__VA_ARGS__, NULL})

/* Answers, and has read what it kept. */
static inline bool
server_up(const struct redis_server *s)
{
	struct redis_reply *r = SERVER_ASK(s, "PING");
	bool up = r != NULL && r->kind == REDIS_IS_STATUS;

	redis_reply_free(&r);
	return up;
}

static inline void
server_start(struct redis_server *s)
{
	uint64_t deadline = redis_now() + SERVER_DEADLINE_MS;

	if (s->folder[0] == '\0')
		world_folder(s->folder);
	snprintf(s->address, sizeof(s->address), "unix:%s/redis", s->folder);
	s->pid = fork();
	if (s->pid == 0)
		server_exec(s);
	assert_true(s->pid > 0);
	while (!server_up(s)) {
		assert_true(redis_now() < deadline);
		poll(NULL, 0, 1);
	}
}

static inline void
server_stop(struct redis_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

static inline void
server_end(struct redis_server *s)
{
	server_stop(s);
	world_remove(s->folder);
	*s = (struct redis_server){.pid = 0};
}

/* All of it may be changed. */
static inline struct redis_engine_setup
server_setup(const struct redis_server *s)
{
	return (struct redis_engine_setup){
	    .net = {.addresses = s->address,
		.sentinel = "",
		.login = {"", "", 0},
		.timeout_ms = 5000},
	    .prefix = "test",
	    .journal_ms = 3600000,
	    .shards = 2,
	};
}

#endif
