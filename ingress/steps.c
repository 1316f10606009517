/*
 * steps.c - one question at a time, and one answer in the end.
 */
#include "ingress/steps.h"

#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/api.h"

struct scans {
	struct table *by_ref; /* struct steps */
	uint64_t ref;         /* the last one */
};

struct scans *
scans_new(void)
{
	struct scans *all = xcalloc(1, sizeof(*all));

	all->by_ref = table_new();
	return all;
}

static struct steps *
of(struct table_entry *e)
{
	return container_of(e, struct steps, entry);
}

static struct steps *
find(const struct scans *all, uint64_t ref)
{
	struct slice key = {(const char *)&ref, sizeof(ref)};
	struct table_entry *e = table_find(all->by_ref, key);

	return e != NULL ? of(e) : NULL;
}

static void
forget(struct steps *s)
{
	if (s->scans != NULL)
		table_remove(s->scans->by_ref, &s->entry);
	s->scans = NULL;
}

void
scans_free(struct scans **sp)
{
	struct scans *all = *sp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*sp = NULL;
	if (all == NULL)
		return;
	while ((e = table_next(all->by_ref, &at)) != NULL)
		forget(of(e));
	table_free(&all->by_ref);
	free(all);
}

void
steps_init(struct steps *s, const struct request_kind *kind)
{
	*s = (struct steps){.r.kind = kind};
}

void
steps_end(struct steps *s)
{
	forget(s);
	ticket_forget(&s->ticket);
	buf_free(&s->answer);
}

static struct front *
front_of(const struct steps *s)
{
	return s->front != NULL ? s->front : request_front(&s->r);
}

void
steps_done(struct steps *s)
{
	s->done = true;
	if (s->over != NULL)
		s->over(s);
	else
		request_ready(&s->r);
}

void
steps_refuse(
    struct steps *s, enum code code, const char *field, const char *why)
{
	s->failure = failure_of(code);
	s->failure.fault.field = field;
	if (why != NULL)
		s->failure.fault.message = why;
	steps_done(s);
}

void
steps_fail(struct request *r, const struct failure *f)
{
	struct steps *s = container_of(r, struct steps, r);

	if (s->done)
		return;
	forget(s);
	ticket_forget(&s->ticket);
	s->failure = *f;
	s->done = true;
}

bool
steps_answer(struct request *r, struct buf *out)
{
	struct steps *s = container_of(r, struct steps, r);
	struct http_reply reply = request_reply(r, 200);

	if (!s->done)
		return false;
	if (s->failure.status != 0) {
		request_put_failure(r, &s->failure, out);
		return true;
	}
	reply.type = SLICE("application/json");
	reply.body = buf_slice(&s->answer);
	http_reply(out, &reply);
	return true;
}

/* ---- scans */

void
steps_scan(struct steps *s, const struct msg_scan *scan,
    void (*row)(struct steps *, const struct msg_row *),
    void (*next)(struct steps *))
{
	struct front *f = front_of(s);
	unsigned shards = bus_shards(f->bus);
	struct slice key = {(const char *)&s->ref, sizeof(s->ref)};
	struct msg m = {.id = MSG_scan, .scan = *scan};

	s->link = shards != 0
	              ? bus_owner(f->bus, channel_shard(scan->home, shards))
	              : NULL;
	if (s->link == NULL) {
		steps_refuse(s, CODE_unavailable, NULL, NULL);
		return;
	}
	s->row = row;
	s->next = next;
	s->scans = f->scans;
	s->ref = m.scan.ref = ++f->scans->ref;
	table_insert(f->scans->by_ref, &s->entry, key);
	bus_send((struct bus_link *)s->link, &m);
}

void
scans_row(struct scans *all, const struct msg_row *m)
{
	struct steps *s = find(all, m->ref);

	if (s != NULL && s->row != NULL)
		s->row(s, m);
}

void
scans_end(struct scans *all, const struct msg_scan_end *m)
{
	struct steps *s = find(all, m->ref);

	if (s == NULL)
		return;
	forget(s);
	s->more = m->more != 0;
	if (m->code != CODE_ok)
		steps_refuse(s, (enum code)m->code, NULL, NULL);
	else
		s->next(s);
}

void
scans_down(struct scans *all, const struct bus_link *link)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(all->by_ref, &at)) != NULL) {
		struct steps *s = of(e);

		if (s->link != link)
			continue;
		forget(s);
		steps_refuse(s, CODE_unavailable, NULL, NULL);
	}
}

/* ---- writes */

static void
written(struct ticket *t, const struct msg_published *got)
{
	struct steps *s = container_of(t, struct steps, ticket);

	if (s->done)
		return;
	if (got->code != CODE_ok)
		steps_refuse(s, (enum code)got->code, NULL, NULL);
	else
		s->next(s);
}

void
steps_write(struct steps *s, struct msg *m, void (*next)(struct steps *))
{
	struct front *f = front_of(s);

	if (!front_can_publish(f)) {
		steps_refuse(s,
		    bus_shards(f->bus) == 0 ? CODE_unavailable : CODE_busy,
		    NULL, NULL);
		return;
	}
	s->next = next;
	s->ticket = (struct ticket){.answered = written};
	bus_publish(f->bus, m, &s->ticket);
}
