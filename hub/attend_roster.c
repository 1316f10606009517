/*
 * attend_roster.c - rosters that were asked for, and asked for again.
 */
#include "common/must.h"
#include "hub/attend_own.h"

static void
ask(struct attends *a, struct roster *r, unsigned link)
{
	struct msg m = {.id = MSG_roster,
	    .roster = {
		.ref = r->ref,
		.channel = r->channel,
		.after = r->after,
		.limit = r->limit,
		.user = r->user,
	    }};

	table_insert(a->rosters, &r->entry,
	    (struct slice){(const char *)&r->ref, sizeof(r->ref)});
	r->begin(r);
	a->face->say(a->face, link, &m);
}

/* Behind what was said of those who are there: they are in the answer. */
void
rosters_ask(struct attends *a)
{
	list_each_safe (at, &a->unasked) {
		struct roster *r = container_of(at, struct roster, node);
		int l = attend_link_of(a, r->shard);

		if (l < 0)
			continue;
		list_remove(&r->node);
		ask(a, r, (unsigned)l);
	}
}

void
rosters_link(struct attends *a, unsigned link)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(a->rosters, &at)) != NULL) {
		struct roster *r = container_of(e, struct roster, entry);

		if (attend_link_of(a, r->shard) != (int)link)
			continue;
		table_remove(a->rosters, e);
		list_append(&a->unasked, &r->node);
	}
}

/* What the old owner may still say is of another number. */
void
rosters_owner(struct attends *a, unsigned shard)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(a->rosters, &at)) != NULL) {
		struct roster *r = container_of(e, struct roster, entry);

		if (r->shard != shard)
			continue;
		table_remove(a->rosters, e);
		r->ref = ++a->ref;
		list_append(&a->unasked, &r->node);
	}
}

void
roster_ask(struct attends *a, struct roster *r)
{
	int l = attend_link_of(a, r->shard);

	r->ref = ++a->ref;
	list_init(&r->node);
	if (l >= 0 && a->at == NULL)
		ask(a, r, (unsigned)l);
	else
		list_append(&a->unasked, &r->node);
}

static struct roster *
roster_of(const struct attends *a, uint64_t ref)
{
	struct table_entry *e = table_find(
	    a->rosters, (struct slice){(const char *)&ref, sizeof(ref)});

	return e != NULL ? container_of(e, struct roster, entry) : NULL;
}

void
roster_drop(struct attends *a, struct roster *r)
{
	if (r->ref == 0)
		return;
	if (roster_of(a, r->ref) == r)
		table_remove(a->rosters, &r->entry);
	list_remove(&r->node);
	r->ref = 0;
}

void
attends_present(struct attends *a, const struct msg_present *m)
{
	struct roster *r = roster_of(a, m->ref);

	if (r != NULL)
		r->present(r, m);
}

void
attends_roster_end(struct attends *a, const struct msg_roster_end *m)
{
	struct roster *r = roster_of(a, m->ref);

	if (r == NULL)
		return;
	table_remove(a->rosters, &r->entry);
	if (m->code == CODE_moved || m->code == CODE_busy) {
		list_append(&a->later, &r->node);
		return;
	}
	r->ref = 0;
	r->end(r, m);
}
