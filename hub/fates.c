/*
 * fates.c - one block per tracked message, and a list of those to tell.
 */
#include "hub/fates.h"

#include "common/fate.h"
#include "common/list.h"
#include "common/must.h"
#include "common/table.h"

struct tracked {
	struct table_entry entry; /* the number */
	struct list changed;      /* of all, while there is news */
	unsigned shard;
	struct msg_fates fates;
};

struct fates {
	struct fates_face *face;
	struct table *all; /* struct tracked */
	struct list changed;
};

struct fates *
fates_new(struct fates_face *face)
{
	struct fates *f = xcalloc(1, sizeof(*f));

	f->face = face;
	f->all = table_new();
	list_init(&f->changed);
	return f;
}

static void
forget(struct fates *f, struct tracked *t)
{
	table_remove(f->all, &t->entry);
	list_remove(&t->changed);
	free(t);
}

void
fates_free(struct fates **fp)
{
	struct fates *f = *fp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*fp = NULL;
	if (f == NULL)
		return;
	while ((e = table_next(f->all, &at)) != NULL)
		forget(f, container_of(e, struct tracked, entry));
	table_free(&f->all);
	free(f);
}

static struct tracked *
find(const struct fates *f, uint64_t track)
{
	struct table_entry *e = table_find(
	    f->all, (struct slice){(const char *)&track, sizeof(track)});

	return e != NULL ? container_of(e, struct tracked, entry) : NULL;
}

static void
changed(struct fates *f, struct tracked *t)
{
	if (list_empty(&t->changed))
		list_append(&f->changed, &t->changed);
}

void
fates_came(struct fates *f, uint64_t track, unsigned shard)
{
	struct tracked *t = find(f, track);

	if (t != NULL)
		return;
	if (table_count(f->all) >= FATES_MAX) {
		stats_add(STAT_fates_full, 1);
		return;
	}
	t = xcalloc(1, sizeof(*t));
	t->shard = shard;
	t->fates.track = track;
	list_init(&t->changed);
	table_insert(f->all, &t->entry,
	    (struct slice){
		(const char *)&t->fates.track, sizeof(t->fates.track)});
	changed(f, t);
}

/* Nothing counts what is rejected: whoever listens cannot. */
static uint64_t *
counter_of(struct msg_fates *m, enum stat_id what)
{
	static const struct {
		enum stat_id stat;
		enum fate fate;
	} rows[] = {
	    {STAT_messages_delivered, FATE_delivered},
	    {STAT_drop_expired, FATE_expired},
	    {STAT_drop_slow, FATE_slow},
	    {STAT_slow_skips, FATE_skipped},
	    {STAT_drop_closed, FATE_closed},
	    {STAT_drop_left, FATE_left},
	    {STAT_drop_hold, FATE_hold},
	    {STAT_drop_no_room, FATE_no_room},
	};

	if (what == STAT_messages_due)
		return &m->recipients;
	for (size_t i = 0; i < LENGTH(rows); i++)
		if (rows[i].stat == what)
			return fates_at(m, rows[i].fate);
	must(what == STAT_messages_due);
	return NULL;
}

void
fates_count(struct fates *f, uint64_t track, enum stat_id what)
{
	struct tracked *t = f != NULL ? find(f, track) : NULL;

	if (t == NULL)
		return;
	++*counter_of(&t->fates, what);
	changed(f, t);
}

void
fates_untrack(struct fates *f, uint64_t track)
{
	struct tracked *t = find(f, track);

	if (t != NULL)
		forget(f, t);
}

void
fates_again(struct fates *f)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(f->all, &at)) != NULL)
		changed(f, container_of(e, struct tracked, entry));
}

void
fates_tick(struct fates *f)
{
	list_each_safe (at, &f->changed) {
		struct tracked *t = container_of(at, struct tracked, changed);
		struct msg m = {.id = MSG_fates, .fates = t->fates};

		if (f->face->say(f->face, t->shard, &m))
			list_remove(&t->changed);
	}
}
