/*
 * job_ask.c - jobs are asked for shard by shard and page by page.
 *
 * Whose job it is says the store, so nobody sees another application's.  What
 * is changed is read first: the write is routed by the job's target.
 */
#include "ingress/job_ask.h"

#include "common/json_write.h"
#include "common/message.h"
#include "common/stats.h"

enum {
	LIST_BYTES = 4 << 20,
	REPLAY_PAGE = 64,    /* dead letters on their way at once */
	REPLAY_MAX = 100000, /* of one request */
};

struct job_asks {
	struct table *by_ref; /* struct ask */
	uint64_t ref;
};

struct change {
	struct list node; /* of its ask */
	struct ticket ticket;
	struct ask *ask;
};

static void go_on(struct ask *);

static struct ask *
of(struct request *r)
{
	return container_of(r, struct ask, r);
}

static struct ask *
of_entry(struct table_entry *e)
{
	return container_of(e, struct ask, entry);
}

struct job_asks *
job_asks_new(void)
{
	struct job_asks *all = xcalloc(1, sizeof(*all));

	all->by_ref = table_new();
	return all;
}

static void
forget(struct ask *a)
{
	if (a->asks != NULL)
		table_remove(a->asks->by_ref, &a->entry);
	a->asks = NULL;
}

void
job_asks_free(struct job_asks **ap)
{
	struct job_asks *all = *ap;
	struct table_cursor at = {0};
	struct table_entry *e;

	*ap = NULL;
	if (all == NULL)
		return;
	while ((e = table_next(all->by_ref, &at)) != NULL)
		forget(of_entry(e));
	table_free(&all->by_ref);
	free(all);
}

static void
finish(struct ask *a, enum code code)
{
	forget(a);
	if (code != CODE_ok)
		a->failure = failure_of(code);
	a->done = true;
	request_ready(&a->r);
}

static struct ask *
find(const struct job_asks *all, uint64_t ref)
{
	struct table_entry *e = table_find(
	    all->by_ref, (struct slice){(const char *)&ref, sizeof(ref)});

	return e != NULL ? of_entry(e) : NULL;
}

static void
put_string(struct buf *b, const char *name, struct slice s)
{
	if (s.n == 0)
		return;
	buf_printf(b, ",\"%s\":", name);
	json_escape(b, s);
}

static void
put_job(struct buf *b, const struct msg_job_is *m, bool whole)
{
	if (b->n != 0)
		buf_chr(b, ',');
	buf_printf(b, "{\"job\":\"%u-%llu\",\"state\":\"%s\"",
	    (unsigned)m->shard, (unsigned long long)m->number,
	    job_state_name((enum job_state)m->state));
	put_string(b, "queue", m->queue);
	put_string(b, "target", m->target);
	put_string(b, "collapse", m->collapse);
	buf_printf(b,
	    ",\"priority\":%u,\"attempts\":%u,\"replays\":%u,"
	    "\"created\":%llu,\"due\":%llu,\"expires\":%llu",
	    (unsigned)m->priority, (unsigned)m->attempt, (unsigned)m->replays,
	    (unsigned long long)m->created, (unsigned long long)m->due,
	    (unsigned long long)m->expires);
	put_string(b, "why", m->why);
	put_string(b, "vendor_id", m->vendor_id);
	if (whole && (m->body.n != 0 || m->type.n != 0))
		message_body(b, m->type, m->body);
	buf_chr(b, '}');
}

static void
changed(struct ticket *t, const struct msg_published *got)
{
	struct change *c = container_of(t, struct change, ticket);
	struct ask *a = c->ask;

	list_remove(&c->node);
	free(c);
	if (a->what != REPLAY_ALL) {
		finish(a, (enum code)got->code);
		return;
	}
	a->count += got->code == CODE_ok;
	a->refused += got->code != CODE_ok;
	if (list_empty(&a->changes) && a->asks == NULL && !a->done)
		go_on(a);
}

static void
change(struct ask *a, const struct msg_job_is *is)
{
	struct change *c = xcalloc(1, sizeof(*c));
	struct msg m = {.id = MSG_requeue,
	    .requeue = {.target = is->target, .number = is->number}};

	if (a->what == CANCEL)
		m = (struct msg){.id = MSG_cancel,
		    .cancel = {.target = is->target, .number = is->number}};
	c->ask = a;
	c->ticket = (struct ticket){.answered = changed};
	list_append(&a->changes, &c->node);
	bus_publish(request_front(&a->r)->bus, &m, &c->ticket);
}

static void
one_more(struct job_asks *all, const struct msg_job_is *m)
{
	struct ask *a = find(all, m->ref);

	if (a == NULL)
		return;
	a->found = true;
	if (a->what == LIST || a->what == ONE) {
		put_job(&a->text, m, a->what == ONE);
		a->count++;
	} else {
		change(a, m);
	}
}

static void
page_end(struct job_asks *all, const struct msg_jobs_end *m)
{
	struct ask *a = find(all, m->ref);

	if (a == NULL)
		return;
	forget(a);
	if (m->code != CODE_ok)
		finish(a, (enum code)m->code);
	else if (a->what == ONE)
		finish(a, CODE_ok);
	else if (a->what == CANCEL || a->what == REPLAY)
		return; /* its write is on its way */
	else {
		a->after = m->after;
		a->page_more = m->more != 0;
		if (list_empty(&a->changes))
			go_on(a);
	}
}

void
job_asks_frame(struct job_asks *all, const struct msg *m)
{
	if (m->id == MSG_job_is)
		one_more(all, &m->job_is);
	else if (m->id == MSG_jobs_end)
		page_end(all, &m->jobs_end);
}

void
job_asks_down(struct job_asks *all, const struct bus_link *link)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(all->by_ref, &at)) != NULL)
		if (of_entry(e)->link == link)
			finish(of_entry(e), CODE_unavailable);
}

static void
ask(struct ask *a)
{
	struct front *f = request_front(&a->r);
	struct bus_link *link = bus_owner(f->bus, (unsigned)a->shard);
	struct msg m = {.id = MSG_jobs,
	    .jobs = {
		.shard = a->shard,
		.queue = slice_of(a->queue),
		.app = slice_of(a->who->grant.app),
		.state = a->state,
		.number = a->number,
		.after = a->after,
		.limit = a->what == LIST ? a->limit - a->count : REPLAY_PAGE,
	    }};

	if (link == NULL) {
		finish(a, CODE_unavailable);
		return;
	}
	a->link = link;
	a->asks = f->jobs;
	a->ref = m.jobs.ref = ++f->jobs->ref;
	table_insert(f->jobs->by_ref, &a->entry,
	    (struct slice){(const char *)&a->ref, sizeof(a->ref)});
	bus_send(link, &m);
}

/* A page of a shard is done: the next page, or the next shard. */
static void
go_on(struct ask *a)
{
	struct front *f = request_front(&a->r);

	if (!a->page_more && a->shard + 1 >= bus_shards(f->bus)) {
		finish(a, CODE_ok);
		return;
	}
	if (a->what == LIST ? a->count >= a->limit || a->text.n > LIST_BYTES
			    : a->count + a->refused >= REPLAY_MAX) {
		a->more = true;
		finish(a, CODE_ok);
		return;
	}
	if (!a->page_more) {
		a->shard++;
		a->after = 0;
	}
	ask(a);
}

static void
put_answer(const struct ask *a, struct buf *b)
{
	if (a->what == ONE) {
		buf_put(b, buf_slice(&a->text));
	} else if (a->what == LIST) {
		buf_str(b, "{\"jobs\":[");
		buf_put(b, buf_slice(&a->text));
		buf_chr(b, ']');
		if (a->more)
			buf_printf(b, ",\"after\":\"%u-%llu\"",
			    (unsigned)a->shard, (unsigned long long)a->after);
		buf_chr(b, '}');
	} else if (a->what == REPLAY_ALL) {
		buf_printf(b, "{\"replayed\":%u,\"refused\":%u%s}", a->count,
		    a->refused, a->more ? ",\"more\":true" : "");
	} else {
		buf_printf(b, "{\"job\":\"%u-%llu\"}", (unsigned)a->shard,
		    (unsigned long long)a->number);
	}
}

static bool
ask_answer(struct request *r, struct buf *out)
{
	struct ask *a = of(r);
	struct http_reply reply = request_reply(r, 200);
	struct buf *body = &request_front(r)->lines;

	if (!a->done)
		return false;
	if (a->failure.status != 0) {
		request_put_failure(r, &a->failure, out);
		return true;
	}
	buf_clear(body);
	put_answer(a, body);
	reply.type = SLICE("application/json");
	reply.body = buf_slice(body);
	http_reply(out, &reply);
	return true;
}

static void
ask_fail(struct request *r, const struct failure *f)
{
	struct ask *a = of(r);

	if (a->done)
		return;
	forget(a);
	a->failure = *f;
	a->done = true;
}

static void
ask_free(struct request *r)
{
	struct ask *a = of(r);
	struct list *node;

	forget(a);
	while ((node = list_shift(&a->changes)) != NULL) {
		struct change *c = container_of(node, struct change, node);

		ticket_forget(&c->ticket);
		free(c);
	}
	credential_unref(&a->who);
	buf_free(&a->text);
	free(a);
}

/* The first question is asked when the request is known to its connection:
 * its body, of no interest, is the sign. */
static void
ask_body(struct request *r, struct slice body, bool last)
{
	(void)body;
	(void)last;
	if (!of(r)->done)
		ask(of(r));
}

static const struct request_kind ask_kind = {
    .body = ask_body,
    .answer = ask_answer,
    .fail = ask_fail,
    .free = ask_free,
};

static const struct request_kind change_kind = {
    .publishes = true,
    .body = ask_body,
    .answer = ask_answer,
    .fail = ask_fail,
    .free = ask_free,
};

struct ask *
ask_new(struct credential *who)
{
	struct ask *a = xcalloc(1, sizeof(*a));

	a->r.kind = &ask_kind;
	a->who = credential_ref(who);
	list_init(&a->changes);
	return a;
}

void
ask_ready(struct ask *a)
{
	if (a->what != LIST && a->what != ONE)
		a->r.kind = &change_kind;
}
