/*
 * redis_net.c - rounds: what is not done is sent, and its answers are read.
 *
 *	not done -- sent to its node --- an answer ------------------> done
 *	   ^                         --- MOVED, ASK, NOSCRIPT ---+
 *	   |                         --- broken: find the map ---+
 *	   +---- a pause, unless we were told where to go -------+
 */
#include "store/redis_find.h"

#include "common/log.h"
#include "common/must.h"

#include <poll.h>

enum { PAUSE_MIN = 10, PAUSE_MAX = 200, ROLE_MS = 500 };

struct redis_net {
	struct redis_net_setup setup;
	struct redis_map map;
	bool down; /* and said so */
};

struct round {
	struct redis_net *net;
	struct redis_cmd *cmds;
	size_t n;
	uint64_t deadline;
	bool left; /* something is not done */
	bool told; /* and we know at once where to go */
};

struct redis_net *
redis_net_new(const struct redis_net_setup *setup)
{
	struct redis_net *net = xcalloc(1, sizeof(*net));

	net->setup = *setup;
	redis_map_init(&net->map);
	return net;
}

void
redis_net_free(struct redis_net **np)
{
	if (*np != NULL)
		redis_map_free(&(*np)->map);
	free(*np);
	*np = NULL;
}

static void
say_down(struct redis_net *net, const char *why)
{
	if (!net->down)
		log_warn("redis_down", "for=%s address=\"%s\" why=\"%s\"",
		    net->setup.label, net->setup.addresses, why);
	net->down = true;
}

static void
say_up(struct redis_net *net)
{
	if (net->down)
		log_info("redis_up", "for=%s", net->setup.label);
	if (net->down)
		redis_count(net->setup.counts, reconnects);
	net->down = false;
}

static struct redis_node *
node_of(struct round *r, const struct redis_cmd *c)
{
	struct redis_map *m = &r->net->map;
	unsigned slot = c->slot < REDIS_SLOTS ? c->slot : 0;

	if (c->asked)
		return &m->nodes[c->node];
	return m->slots[slot] != REDIS_NO_NODE ? &m->nodes[m->slots[slot]]
	                                       : NULL;
}

static bool
connected(struct round *r, struct redis_node *n)
{
	static const char *const role[] = {"ROLE", NULL};
	const struct redis_net_setup *s = &r->net->setup;
	struct redis_reply *reply;

	if (n->conn.fd >= 0)
		return true;
	if (!redis_conn_open(&n->conn, &s->login, r->deadline))
		return false;
	if (s->replicas != 0 &&
	    (reply = redis_conn_ask(&n->conn, role, r->deadline)) != NULL) {
		redis_node_role(n, reply);
		redis_reply_free(&reply);
	}
	return n->conn.fd >= 0;
}

/* What is sent to each node, in one piece. */
static void
gather(struct round *r)
{
	struct redis_net *net = r->net;

	for (size_t i = 0; i < r->n; i++) {
		struct redis_cmd *c = &r->cmds[i];
		struct redis_node *n;

		if (c->done)
			continue;
		n = node_of(r, c);
		if (n == NULL || !connected(r, n)) {
			say_down(net, n != NULL ? n->conn.why : "no such slot");
			net->map.known = false;
			continue;
		}
		c->sent = true;
		c->node = (int)(n - net->map.nodes);
		if (c->asked)
			buf_str(&n->out, "*1\r\n$6\r\nASKING\r\n");
		redis_cmd_put(c, &n->out);
	}
}

/* Behind what was written: who has it, and now and then who is there. */
static void
put_wait(struct redis_net *net, struct redis_node *n)
{
	const struct redis_net_setup *s = &net->setup;
	struct redis_cmd wait = {0};

	n->waits = n->replicas < s->replicas ? n->replicas : s->replicas;
	n->asks = s->replicas != 0 && redis_now() >= n->asked_at + ROLE_MS;
	if (n->waits != 0) {
		redis_cmd_str(&wait, "WAIT");
		redis_cmd_num(&wait, n->waits);
		redis_cmd_num(&wait, s->wait_ms);
		redis_cmd_put(&wait, &n->out);
	}
	if (n->asks)
		buf_str(&n->out, "*1\r\n$4\r\nROLE\r\n");
	redis_cmd_free(&wait);
}

static void
send_all(struct round *r)
{
	struct redis_map *m = &r->net->map;

	for (unsigned i = 0; i < m->count; i++) {
		struct redis_node *n = &m->nodes[i];

		if (n->out.n == 0)
			continue;
		put_wait(r->net, n);
		redis_conn_send(&n->conn, buf_slice(&n->out), r->deadline);
		buf_clear(&n->out);
	}
}

static bool
starts(struct slice s, const char *word)
{
	return slice_starts(s, slice_of(word));
}

/* It cannot be done there and now, and nothing of it was. */
static bool
passing(struct slice e)
{
	static const char *const words[] = {"TRYAGAIN", "CLUSTERDOWN",
	    "LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "BUSY"};

	for (size_t i = 0; i < LENGTH(words); i++)
		if (starts(e, words[i]))
			return true;
	return false;
}

/* Takes the reply. */
static void
judge(struct round *r, struct redis_cmd *c, struct redis_reply *reply)
{
	struct redis_node *at = &r->net->map.nodes[c->node], *to;
	struct slice e = {"", 0};

	if (reply->kind == REDIS_IS_ERROR)
		e = reply->text;
	c->asked = false;
	if (starts(e, "NOSCRIPT") && !c->whole) {
		c->whole = r->told = true;
	} else if (starts(e, "MOVED ") || starts(e, "ASK ")) {
		redis_count(r->net->setup.counts, redirects);
		to = redis_map_told(&r->net->map, at, e);
		c->asked = to != NULL && e.p[0] == 'A';
		c->node = to != NULL ? (int)(to - r->net->map.nodes) : -1;
		r->told = to != NULL;
		/* a slot that moved is seldom alone */
		r->net->map.known = r->net->map.known && c->asked;
	} else if (passing(e)) {
		r->net->map.known = false;
	} else {
		c->done = true;
		c->outcome = REDIS_DONE;
		c->reply = reply;
		return;
	}
	redis_reply_free(&reply);
}

static void
receive_cmd(struct round *r, struct redis_cmd *c, struct redis_node *n)
{
	struct redis_reply *reply;

	if (c->asked) {
		reply = redis_conn_reply(&n->conn, r->deadline);
		redis_reply_free(&reply);
	}
	reply = redis_conn_reply(&n->conn, r->deadline);
	if (reply != NULL) {
		judge(r, c, reply);
		return;
	}
	c->outcome = REDIS_UNKNOWN;
	c->asked = false;
}

static void
receive_wait(struct round *r, struct redis_node *n)
{
	int self = (int)(n - r->net->map.nodes);
	struct redis_reply *reply;

	if (n->waits != 0) {
		reply = redis_conn_reply(
		    &n->conn, r->deadline + r->net->setup.wait_ms);
		for (size_t i = 0; reply != NULL && i < r->n; i++)
			if (r->cmds[i].done && r->cmds[i].node == self)
				r->cmds[i].replicas = reply->number;
		redis_reply_free(&reply);
	}
	if (n->asks && (reply = redis_conn_reply(&n->conn, r->deadline))) {
		redis_node_role(n, reply);
		redis_reply_free(&reply);
	}
}

static void
receive_all(struct round *r)
{
	struct redis_net *net = r->net;

	for (unsigned k = 0; k < net->map.count; k++) {
		struct redis_node *n = &net->map.nodes[k];
		bool any = false;

		for (size_t i = 0; i < r->n; i++) {
			struct redis_cmd *c = &r->cmds[i];

			if (!c->sent || c->node != (int)k)
				continue;
			c->sent = false;
			any = true;
			receive_cmd(r, c, n);
		}
		if (!any)
			continue;
		receive_wait(r, n);
		if (n->conn.fd < 0) {
			say_down(net, n->conn.why);
			net->map.known = false;
		}
	}
}

static void
one_round(struct round *r)
{
	const char *why;

	r->left = true;
	r->told = false;
	if (!r->net->map.known &&
	    !redis_map_find(&r->net->map, &r->net->setup, r->deadline, &why)) {
		say_down(r->net, why);
		return;
	}
	gather(r);
	send_all(r);
	receive_all(r);
	r->left = false;
	for (size_t i = 0; i < r->n; i++)
		r->left = r->left || !r->cmds[i].done;
	if (!r->left)
		say_up(r->net);
}

void
redis_net_run(struct redis_net *net, struct redis_cmd *cmds, size_t n)
{
	struct round r = {
	    net, cmds, n, .deadline = redis_now() + net->setup.timeout_ms};
	unsigned pause = PAUSE_MIN;

	for (size_t i = 0; i < n; i++) {
		cmds[i].outcome = REDIS_NOT;
		cmds[i].replicas = -1;
		cmds[i].whole = cmds[i].done = cmds[i].asked = false;
		cmds[i].sent = false;
		redis_reply_free(&cmds[i].reply);
	}
	while (n != 0) {
		one_round(&r);
		if (!r.left || redis_now() >= r.deadline)
			return;
		if (r.told)
			continue;
		poll(NULL, 0, (int)pause);
		pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
	}
}
