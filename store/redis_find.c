/*
 * redis_find.c - who is asked for the map: what the setting names, and of a
 * Cluster also whoever was in it.
 */
#include "store/redis_find.h"

#include "common/must.h"

#include <stdio.h>

void
redis_map_init(struct redis_map *m)
{
	*m = (struct redis_map){.count = 0};
	memset(m->slots, REDIS_NO_NODE, sizeof(m->slots));
}

void
redis_map_free(struct redis_map *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		redis_conn_close(&m->nodes[i].conn, "closed");
		buf_free(&m->nodes[i].out);
	}
}

/* The node of an address; NULL: there are too many. */
static struct redis_node *
node_of(struct redis_map *m, struct slice address)
{
	struct redis_node *n;

	for (unsigned i = 0; i < m->count; i++)
		if (slice_is(address, m->nodes[i].conn.address))
			return &m->nodes[i];
	if (m->count == REDIS_NODES || address.n >= REDIS_ADDRESS)
		return NULL;
	n = &m->nodes[m->count++];
	redis_conn_init(&n->conn);
	snprintf(n->conn.address, sizeof(n->conn.address), "%.*s",
	    SLICE_ARGS(address));
	return n;
}

/* host and port; no host: that of whoever says so. */
static struct redis_node *
node_at(struct redis_map *m, struct slice host, const struct redis_reply *port,
    const struct redis_node *from)
{
	char text[REDIS_ADDRESS];
	const char *colon = strrchr(from->conn.address, ':');
	int64_t number = port->kind == REDIS_IS_NUMBER ? port->number : 0;
	uint64_t n;

	if (number == 0 && slice_num(port->text, &n))
		number = (int64_t)n;
	if (host.n == 0 && colon != NULL)
		host = (struct slice){
		    from->conn.address, (size_t)(colon - from->conn.address)};
	snprintf(text, sizeof(text),
	    host.n != 0 && host.p[0] != '[' && memchr(host.p, ':', host.n)
		? "[%.*s]:%lld"
		: "%.*s:%lld",
	    SLICE_ARGS(host), (long long)number);
	return node_of(m, slice_of(text));
}

/* "MOVED 3999 127.0.0.1:6381", where the host may be missing. */
struct redis_node *
redis_map_told(struct redis_map *m, struct redis_node *from, struct slice error)
{
	struct slice word, slot, at;
	const char *colon;
	struct redis_reply port = {.kind = REDIS_IS_STRING};
	uint64_t n;

	if (!slice_cut(&error, ' ', &word) || !slice_cut(&error, ' ', &slot) ||
	    !slice_cut(&error, ' ', &at) || !slice_num(slot, &n) ||
	    n >= REDIS_SLOTS || (colon = memrchr(at.p, ':', at.n)) == NULL)
		return NULL;
	port.text = slice_from(at, (size_t)(colon - at.p) + 1);
	at.n = (size_t)(colon - at.p);
	from = node_at(m, at, &port, from);
	if (from != NULL && slice_is(word, "MOVED"))
		m->slots[n] = (uint8_t)(from - m->nodes);
	return from;
}

void
redis_node_role(struct redis_node *n, const struct redis_reply *r)
{
	if (slice_is(redis_item(r, 0), "master") && r->n > 2)
		n->replicas = (unsigned)r->items[2].n;
	n->asked_at = redis_now();
}

static bool
read_slots(struct redis_map *m, const struct redis_reply *r,
    const struct redis_node *from)
{
	if (r == NULL || r->kind != REDIS_IS_ARRAY || r->n == 0)
		return false;
	memset(m->slots, REDIS_NO_NODE, sizeof(m->slots));
	for (size_t i = 0; i < r->n; i++) {
		const struct redis_reply *row = &r->items[i];
		uint64_t last = redis_item_num(row, 1);
		struct redis_node *n;

		if (row->n < 3 || row->items[2].n < 2 || last >= REDIS_SLOTS)
			return false;
		n = node_at(m, redis_item(&row->items[2], 0),
		    &row->items[2].items[1], from);
		for (uint64_t s = redis_item_num(row, 0);
		     n != NULL && s <= last; s++)
			m->slots[s] = (uint8_t)(n - m->nodes);
	}
	return true;
}

struct search {
	const struct redis_net_setup *setup;
	uint64_t deadline;
	const char *why;
};

static bool
connected(struct redis_node *n, struct search *s)
{
	uint64_t now = redis_now(), soon = now + s->setup->timeout_ms / 3;

	if (n->conn.fd >= 0)
		return true;
	if (soon > s->deadline)
		soon = s->deadline;
	if (redis_conn_open(&n->conn, &s->setup->login, soon))
		return true;
	s->why = n->conn.why;
	return false;
}

/* A server, or one of a Cluster. */
static bool
ask_node(struct redis_map *m, struct redis_node *n, struct search *s)
{
	static const char *const role[] = {"ROLE", NULL};
	static const char *const info[] = {"INFO", "cluster", NULL};
	static const char *const slots[] = {"CLUSTER", "SLOTS", NULL};
	struct redis_reply *r;
	bool cluster, ok;

	if (!connected(n, s))
		return false;
	r = redis_conn_ask(&n->conn, info, s->deadline);
	cluster = r != NULL && memmem(r->text.p != NULL ? r->text.p : "",
				   r->text.n, "cluster_enabled:1", 17) != NULL;
	redis_reply_free(&r);
	r = redis_conn_ask(&n->conn, cluster ? slots : role, s->deadline);
	if (cluster) {
		ok = read_slots(m, r, n);
		s->why = "the Cluster has no slots";
	} else {
		ok = slice_is(redis_item(r, 0), "master");
		s->why = n->conn.fd < 0 ? n->conn.why : "it is no master";
		if (ok)
			memset(m->slots, (int)(n - m->nodes), sizeof(m->slots));
		redis_node_role(n, r);
	}
	redis_reply_free(&r);
	return ok;
}

/* A Sentinel has users of its own, or none. */
static bool
ask_sentinel(struct redis_map *m, struct slice address, struct search *s)
{
	const char *words[] = {
	    "SENTINEL", "get-master-addr-by-name", s->setup->sentinel, NULL};
	static const struct redis_login nobody = {"", "", 0};
	struct redis_node at = {.waits = 0}, *n = NULL;
	uint64_t soon = redis_now() + s->setup->timeout_ms / 3;
	struct redis_reply *r = NULL;

	redis_conn_init(&at.conn);
	snprintf(at.conn.address, sizeof(at.conn.address), "%.*s",
	    SLICE_ARGS(address));
	s->why = "it is no Sentinel of that master";
	if (!redis_conn_open(&at.conn, &nobody, soon))
		s->why = at.conn.why;
	else if ((r = redis_conn_ask(&at.conn, words, soon)) != NULL &&
		 r->n == 2)
		n = node_at(m, redis_item(r, 0), &r->items[1], &at);
	redis_reply_free(&r);
	redis_conn_close(&at.conn, "asked");
	return n != NULL && ask_node(m, n, s);
}

bool
redis_map_find(struct redis_map *m, const struct redis_net_setup *setup,
    uint64_t deadline, const char **why)
{
	struct search s = {setup, deadline, "no address"};
	struct slice rest = slice_of(setup->addresses), word;
	unsigned known = m->count;
	struct redis_node *n;

	m->known = false;
	while (!m->known && slice_cut(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (setup->sentinel[0] != '\0')
			m->known = ask_sentinel(m, word, &s);
		else if ((n = node_of(m, word)) != NULL)
			m->known = ask_node(m, n, &s);
	}
	for (unsigned i = 0; !m->known && setup->sentinel[0] == '\0' &&
			     i < known && redis_now() < deadline;
	     i++)
		m->known = ask_node(m, &m->nodes[i], &s);
	*why = s.why;
	return m->known;
}
