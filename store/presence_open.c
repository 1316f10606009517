/*
 * presence_open.c - presence made, and taken apart.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/presence_own.h"

struct presence *
presence_new(struct presence_setup *setup)
{
	struct presence *p = xcalloc(1, sizeof(*p));

	p->setup = setup;
	must(setup->shards != 0);
	p->shards = xcalloc(setup->shards, sizeof(*p->shards));
	p->places = table_new();
	p->users = table_new();
	p->sessions = table_new();
	list_init(&p->hubs);
	list_init(&p->lingering);
	list_init(&p->unsettled);
	p->holding = true;
	p->hold_until = setup->linger_ms;
	return p;
}

static void
free_tables(struct presence *p)
{
	struct table *all[] = {p->sessions, p->users, p->places};
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(p->sessions, &at)) != NULL) {
		struct session *s = container_of(e, struct session, entry);

		while (!list_empty(&s->holders))
			holder_free(p, container_of(s->holders.next,
					   struct holder, in_session));
		table_remove(p->sessions, e);
		stats_sub(STAT_presence_sessions, 1);
		free(s);
	}
	at = (struct table_cursor){0};
	while ((e = table_next(p->users, &at)) != NULL) {
		struct user *u = container_of(e, struct user, entry);

		body_unref(&u->data);
		table_remove(p->users, e);
		free(u);
	}
	at = (struct table_cursor){0};
	while ((e = table_next(p->places, &at)) != NULL) {
		table_remove(p->places, e);
		free(container_of(e, struct place, entry));
	}
	stats_sub(STAT_presence_bytes, p->bytes);
	for (unsigned i = 0; i < LENGTH(all); i++)
		table_free(&all[i]);
}

void
presence_free(struct presence **pp)
{
	struct presence *p = *pp;
	struct list *node;

	*pp = NULL;
	if (p == NULL)
		return;
	free_tables(p);
	while ((node = list_shift(&p->hubs)) != NULL)
		free(container_of(node, struct presence_hub, node));
	buf_free(&p->body);
	free(p->shards);
	free(p);
}
