/*
 * tables.c - sets, unsets and scans.
 *
 * A row's key is table, zero byte, home, zero byte, key.  Names have no zero
 * byte but the key may, since it is the last.
 */
#include "store/tables.h"

#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"

struct tables {
	struct tables_setup *setup;
	struct list pending; /* struct change */
};

/* A set or unset on its way; its strings follow in one block. */
struct change {
	struct write write;
	struct list node;
	struct tables *all;
	struct msg msg;
	struct op op;
	char bytes[];
};

struct tables *
tables_new(struct tables_setup *setup)
{
	struct tables *all = xcalloc(1, sizeof(*all));

	all->setup = setup;
	list_init(&all->pending);
	return all;
}

static void
change_free(struct change *c)
{
	list_remove(&c->node);
	explicit_bzero(c->bytes, c->op.row.key.n + c->op.row.value.n);
	free(c);
}

void
tables_free(struct tables **ap)
{
	struct tables *all = *ap;

	*ap = NULL;
	if (all == NULL)
		return;
	while (!list_empty(&all->pending))
		change_free(
		    container_of(all->pending.next, struct change, node));
	free(all);
}

static void
answered(struct write *w, enum code code)
{
	struct change *c = container_of(w, struct change, write);
	struct tables_setup *setup = c->all->setup;

	if (code == CODE_ok)
		setup->changed(setup, &c->msg);
	change_free(c);
}

static bool
is_name(struct slice s)
{
	return s.n != 0 && memchr(s.p, '\0', s.n) == NULL;
}

static enum code
check(const struct tables_write *w)
{
	const struct msg_set *m = &w->msg->set;
	struct slice key = w->msg->id == MSG_set ? m->key : w->msg->unset.key;
	struct slice table =
	    w->msg->id == MSG_set ? m->table : w->msg->unset.table;

	if (w->code != CODE_ok)
		return w->code;
	if (!is_name(table) || !is_name(m->home) || key.n == 0)
		return CODE_missing_field;
	if (w->msg->id == MSG_set && m->expires != 0 &&
	    m->expires <= w->unix_ms)
		return CODE_expired;
	return CODE_ok;
}

/* The message is made anew from the copies. */
static void
fill(struct change *c, const struct msg *m)
{
	bool sets = m->id == MSG_set;
	struct slice table, home, key;
	char *at = c->bytes;

	table = slice_keep(&at, sets ? m->set.table : m->unset.table);
	*at++ = '\0';
	home = slice_keep(&at, msg_home(m));
	*at++ = '\0';
	key = slice_keep(&at, sets ? m->set.key : m->unset.key);
	c->op.kind = sets ? OP_PUT : OP_DELETE;
	c->op.row.space = SPACE_TABLE;
	c->op.row.key = (struct slice){c->bytes, (size_t)(at - c->bytes)};
	c->msg = *m;
	if (sets) {
		c->op.row.value = slice_keep(&at, m->set.value);
		c->op.row.expires = m->set.expires;
		c->msg.set.home = home;
		c->msg.set.table = table;
		c->msg.set.key = key;
		c->msg.set.value = c->op.row.value;
	} else {
		c->msg.unset.home = home;
		c->msg.unset.table = table;
		c->msg.unset.key = key;
	}
}

static struct change *
change_new(struct tables *all, const struct msg *m)
{
	size_t n = m->id == MSG_set
	               ? m->set.table.n + m->set.key.n + m->set.value.n
	               : m->unset.table.n + m->unset.key.n;
	struct change *c = xcalloc(1, sizeof(*c) + n + msg_home(m).n + 2);

	c->all = all;
	list_append(&all->pending, &c->node);
	fill(c, m);
	return c;
}

void
tables_write(struct tables *all, const struct tables_write *tw)
{
	struct change *c = change_new(all, tw->msg);
	enum code code = check(tw);

	if (!write_begin(&c->write, all->setup->writes, tw->from, tw->msg)) {
		change_free(c);
		return;
	}
	c->write.answered = answered;
	if (code == CODE_ok && tw->msg->id == MSG_set &&
	    engine_full(all->setup->engine, c->write.shard))
		code = CODE_full;
	if (code != CODE_ok) {
		write_end(&c->write, code);
		return;
	}
	c->op.row.shard = c->write.shard;
	c->write.answer.shard = c->write.shard;
	c->write.answer.state = (uint8_t)all->setup->engine->kept;
	write_keep(&c->write, &c->op, 1, tw->unix_ms);
}

/* ---- scans */

bool
tables_row(uint64_t ref, const struct rows_row *r, struct msg *m)
{
	struct slice key = r->key, table, home;

	if (!slice_cut(&key, '\0', &table) || !slice_cut(&key, '\0', &home) ||
	    key.p == NULL)
		return false;
	*m = (struct msg){.id = MSG_row,
	    .row = {
		.ref = ref,
		.home = home,
		.key = key,
		.value = r->value,
		.expires = r->expires,
	    }};
	return true;
}

static void
scan_end(uint64_t ref, enum code code, bool more, struct msg *m)
{
	*m = (struct msg){.id = MSG_scan_end,
	    .scan_end = {.ref = ref, .code = code, .more = more}};
}

/* What the rows of a table, home or key begin with. */
static struct slice
rows_prefix(char room[ROW_KEY], const struct msg_scan *m)
{
	char *at = room;

	slice_keep(&at, m->table);
	*at++ = '\0';
	slice_keep(&at, m->home);
	if (m->home.n != 0)
		*at++ = '\0';
	slice_keep(&at, m->prefix);
	return (struct slice){room, (size_t)(at - room)};
}

static struct slice
behind(char room[ROW_KEY], const struct msg_scan *m)
{
	struct msg_scan at = *m;

	at.home = m->home.n != 0 ? m->home : m->after_home;
	at.prefix = m->after;
	return at.home.n != 0 && at.prefix.n != 0 ? rows_prefix(room, &at)
	                                          : SLICE("");
}

static enum code
check_scan(struct tables *all, const struct msg_scan *m, unsigned shard)
{
	struct sequence *s = all->setup->sequence;

	if (!is_name(m->table))
		return CODE_missing_field;
	if (shard >= sequence_shards(s) ||
	    (m->home.n != 0 && !is_name(m->home)))
		return CODE_bad_field;
	return sequence_shard(s, shard)->owned ? CODE_ok : CODE_moved;
}

void
tables_scan(
    struct tables *all, struct pages_peer *peer, const struct msg_scan *m)
{
	unsigned shard =
	    m->home.n != 0
		? channel_shard(m->home, sequence_shards(all->setup->sequence))
		: (unsigned)m->shard;
	enum code code = check_scan(all, m, shard);
	char prefix[ROW_KEY], after[ROW_KEY];
	struct walk_setup setup = {
	    .space = SPACE_TABLE,
	    .shard = (uint16_t)shard,
	    .prefix = rows_prefix(prefix, m),
	    .after = behind(after, m),
	    .ref = m->ref,
	    .limit = (unsigned)m->limit,
	    .row = tables_row,
	    .end = scan_end,
	};
	struct walk *w;

	stats_add(STAT_bus_moved, code == CODE_moved);
	if (setup.after.n != 0 && !slice_starts(setup.after, setup.prefix))
		code = CODE_bad_field;
	if (code != CODE_ok) {
		pages_refuse(all->setup->pages, peer, &setup, code);
		return;
	}
	if ((w = walk_new(all->setup->pages, peer, &setup)) != NULL)
		walk_go(w);
}
