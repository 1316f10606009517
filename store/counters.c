/*
 * counters.c - kept by name, because a peer may be of a newer version.
 */
#include "store/counters.h"

#include "common/must.h"
#include "common/stats.h"
#include "common/table.h"

struct counter {
	struct table_entry entry;
	uint64_t value;
	char name[];
};

void
counters_init(struct counters *c)
{
	c->rows = table_new();
}

void
counters_free(struct counters *c)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	if (c->rows == NULL)
		return;
	while ((e = table_next(c->rows, &at)) != NULL) {
		table_remove(c->rows, e);
		free(container_of(e, struct counter, entry));
	}
	table_free(&c->rows);
}

void
counters_keep(struct counters *c, const struct msg_stat *m)
{
	struct table_entry *e = table_find(c->rows, m->metric);
	struct counter *row;

	if (e != NULL) {
		container_of(e, struct counter, entry)->value = m->value;
		return;
	}
	if (m->metric.n == 0 || table_count(c->rows) >= COUNTERS_MOST)
		return;
	row = xmalloc(sizeof(*row) + m->metric.n);
	memcpy(row->name, m->metric.p, m->metric.n);
	row->value = m->value;
	table_insert(
	    c->rows, &row->entry, (struct slice){row->name, m->metric.n});
}

void
counters_tell(const struct counters *c, const struct bus_peer *of,
    const struct counters_asked *to)
{
	struct msg m = {.id = MSG_stat,
	    .stat = {
		.ref = to->ref,
		.stage = slice_of(of->stage),
		.name = slice_of(of->name),
	    }};
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(c->rows, &at)) != NULL) {
		m.stat.metric = table_key(e);
		m.stat.value = container_of(e, struct counter, entry)->value;
		to->wire->send(to->wire, to->peer, &m);
	}
}

void
counters_tell_own(const char *name, const struct counters_asked *to)
{
	struct msg m = {.id = MSG_stat,
	    .stat = {
		.ref = to->ref,
		.stage = SLICE("store"),
		.name = slice_of(name),
	    }};

	for (unsigned i = 0; i < STATS; i++) {
		m.stat.metric = stat_rows[i].name;
		m.stat.value = stats_get((enum stat_id)i);
		if (m.stat.value != 0)
			to->wire->send(to->wire, to->peer, &m);
	}
}
