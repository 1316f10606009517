/*
 * asks.c - questions on their way to a store, and what comes back for them.
 */
#include "ingress/asks.h"

#include "common/channel.h"
#include "common/must.h"

/* A question, each frame of its answer, and the last one.  All of them begin
 * with the ref, and the last one goes on with the code. */
struct ask_frames {
	enum msg_id question, row, end;
};

static const struct ask_frames frames[] = {
    {MSG_read, MSG_entry, MSG_read_end},
    {MSG_roster, MSG_present, MSG_roster_end},
    {MSG_scan, MSG_row, MSG_scan_end},
    {MSG_jobs, MSG_job_is, MSG_jobs_end},
    {MSG_message, MSG_message_is, MSG_message_end},
};

struct asks {
	struct table *by_ref; /* struct ask */
	uint64_t ref;         /* the last one */
};

struct asks *
asks_new(void)
{
	struct asks *all = xcalloc(1, sizeof(*all));

	all->by_ref = table_new();
	return all;
}

static struct ask *
of(struct table_entry *e)
{
	return container_of(e, struct ask, entry);
}

static struct slice
key_of(const uint64_t *ref)
{
	return (struct slice){(const char *)ref, sizeof(*ref)};
}

static void
forget(struct ask *a)
{
	if (a->awaits != NULL)
		table_remove(a->front->asks->by_ref, &a->entry);
	a->awaits = NULL;
}

void
asks_free(struct asks **ap)
{
	struct asks *all = *ap;
	struct table_cursor at = {0};
	struct table_entry *e;

	if (all != NULL) {
		while ((e = table_next(all->by_ref, &at)) != NULL)
			forget(of(e));
		table_free(&all->by_ref);
	}
	free(all);
	*ap = NULL;
}

bool
ask_link(struct ask *a, struct bus_link *link, struct msg *m)
{
	struct asks *all = a->front->asks;
	const struct ask_frames *f;

	if (link == NULL || !bus_link_up(link))
		return false;
	must(a->awaits == NULL);
	for (f = frames; f->question != m->id; f++)
		must(f + 1 < frames + LENGTH(frames));
	a->awaits = f;
	a->link = link;
	a->ref = m->read.ref = ++all->ref;
	table_insert(all->by_ref, &a->entry, key_of(&a->ref));
	bus_send(link, m);
	return true;
}

bool
ask_store(struct ask *a, unsigned shard, struct msg *m)
{
	return ask_link(a, bus_owner(a->front->bus, shard), m);
}

bool
ask_home(struct ask *a, struct slice name, struct msg *m)
{
	unsigned shards = bus_shards(a->front->bus);

	return shards != 0 && ask_store(a, channel_shard(name, shards), m);
}

void
asks_frame(struct asks *all, const struct msg *m)
{
	struct table_entry *e = table_find(all->by_ref, key_of(&m->entry.ref));
	struct ask *a = e != NULL ? of(e) : NULL;

	if (a == NULL)
		return;
	if (m->id == a->awaits->row) {
		a->row(a, m);
	} else if (m->id == a->awaits->end) {
		forget(a);
		if (m->read_end.code != CODE_ok)
			ask_refuse(a, (enum code)m->read_end.code, NULL, NULL);
		else
			a->end(a, m);
	}
}

void
asks_down(struct asks *all, const struct bus_link *link)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(all->by_ref, &at)) != NULL)
		if (of(e)->link == link)
			ask_refuse(of(e), CODE_unavailable, NULL, NULL);
}

void
ask_done(struct ask *a)
{
	if (a->done)
		return;
	forget(a);
	a->done = true;
	if (a->over != NULL)
		a->over(a);
	else
		request_ready(&a->r);
}

void
ask_refuse(struct ask *a, enum code code, const char *field, const char *why)
{
	if (!a->done)
		a->failure = failure_why(code, field, why);
	ask_done(a);
}

void
ask_end(struct ask *a)
{
	forget(a);
	buf_free(&a->answer);
}

void
ask_fail(struct request *r, const struct failure *f)
{
	struct ask *a = container_of(r, struct ask, r);

	if (a->done)
		return;
	forget(a);
	a->failure = *f;
	a->done = true;
}

bool
ask_answer(struct request *r, struct buf *out)
{
	struct ask *a = container_of(r, struct ask, r);
	struct http_reply reply = request_reply(r, 200);

	if (!a->done)
		return false;
	if (a->failure.status != 0) {
		request_put_failure(r, &a->failure, out);
		return true;
	}
	reply.type = SLICE("application/json");
	reply.body = buf_slice(&a->answer);
	http_reply(out, &reply);
	return true;
}
