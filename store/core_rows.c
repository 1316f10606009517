/*
 * core_rows.c - boxes, tables and keys, and the frames that are theirs.
 */
#include "common/must.h"
#include "store/core_own.h"

/* Who has keys is told of every change at once. */
static void
tell_key(struct core *c, const struct msg *key)
{
	for (struct bus_peer *p = bus_server_next(c->server, NULL); p != NULL;
	     p = bus_server_next(c->server, p))
		if (p->state != NULL && keyring_wants(p))
			c->wire.send(&c->wire, p, key);
}

static void
changed(struct tables_setup *setup, const struct msg *row)
{
	struct core *c = container_of(setup, struct core, tables_setup);
	struct msg key;

	if (keyring_changed(c->keyring, row, &key))
		tell_key(c, &key);
}

void
core_make_rows(struct core *c)
{
	struct core_setup *setup = c->setup;

	c->keyring = keyring_new(setup->owners->shards);
	c->pages = pages_new(&(struct pages_setup){
	    .engine = setup->engine,
	    .reader = c->reader,
	    .writes = c->writes,
	    .wire = &c->wire,
	});
	c->boxes = boxes_new(&(struct boxes_setup){
	    .engine = setup->engine,
	    .reader = c->reader,
	    .writes = c->writes,
	    .sequence = c->sequence,
	    .pages = c->pages,
	    .items = setup->box_items,
	    .bytes = setup->box_bytes,
	    .ttl_ms = setup->box_ttl_ms,
	    .memory = setup->box_memory,
	});
	c->tables_setup = (struct tables_setup){
	    .engine = setup->engine,
	    .writes = c->writes,
	    .sequence = c->sequence,
	    .pages = c->pages,
	    .changed = changed,
	};
	c->tables = tables_new(&c->tables_setup);
}

void
core_free_rows(struct core *c)
{
	pages_free(&c->pages);
	boxes_free(&c->boxes);
	tables_free(&c->tables);
	keyring_free(&c->keyring);
}

void
core_add_key(struct core *c, const struct core_key *key)
{
	struct msg m;

	keyring_add(c->keyring, key, &m);
	tell_key(c, &m);
}

void
core_keys_again(struct core *c)
{
	keyring_doubt(c->keyring);
}

void
core_keys_done(struct core *c)
{
	struct msg m;

	while (keyring_drop(c->keyring, &m))
		tell_key(c, &m);
}

const char *
core_wrong_clients(const struct core *c, const char *clients)
{
	return bus_server_wrong_clients(c->server, clients);
}

void
core_bus_clients(struct core *c, const char *clients)
{
	bus_server_clients(c->server, clients);
}

void
core_on_box(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	boxes_write(c->boxes, s->publisher, m, loop_unix_ms(c->setup->loop));
}

void
core_on_list(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	boxes_list(c->boxes, &s->pages, &m->list);
}

/* Who may make applications and keys: the door that asks for the
 * administrator's key. */
static enum code
may_write(const struct bus_peer *p, const struct msg *m)
{
	struct slice table = m->id == MSG_set ? m->set.table : m->unset.table;
	bool ours = slice_is(table, "keys") || slice_is(table, "apps");

	return !ours || strcmp(p->stage, "ingress") == 0 ? CODE_ok
	                                                 : CODE_forbidden;
}

void
core_on_table(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	struct tables_write w = {
	    .from = s->publisher,
	    .msg = m,
	    .unix_ms = loop_unix_ms(c->setup->loop),
	    .code = may_write(s->peer, m),
	};

	tables_write(c->tables, &w);
}

void
core_on_scan(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	tables_scan(c->tables, &s->pages, &m->scan);
}
