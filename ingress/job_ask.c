/*
 * job_ask.c - jobs are asked for shard by shard and page by page.
 *
 * Whose job it is says the store, so nobody sees another application's.  What
 * is changed is read first: the write is routed by the job's target.
 */
#include "ingress/job_ask.h"

#include "common/json_write.h"
#include "common/message.h"
#include "common/must.h"

enum {
	LIST_BYTES = 4 << 20,
	REPLAY_PAGE = 64,    /* dead letters on their way at once */
	REPLAY_MAX = 100000, /* of one request */
};

struct change {
	struct list node; /* of its ask */
	struct ticket ticket;
	struct job_ask *ask;
};

static void go_on(struct job_ask *);

static struct job_ask *
of(struct ask *a)
{
	return container_of(a, struct job_ask, a);
}

/* A question goes well: its answer is whole. */
static void
finish(struct job_ask *j)
{
	struct buf *b = &j->a.answer;

	if (j->what == LIST) {
		buf_chr(b, ']');
		if (j->more)
			buf_printf(b, ",\"after\":\"%u-%llu\"",
			    (unsigned)j->shard, (unsigned long long)j->after);
		buf_chr(b, '}');
	} else if (j->what == REPLAY_ALL) {
		buf_printf(b, "{\"replayed\":%u,\"refused\":%u%s}", j->count,
		    j->refused, j->more ? ",\"more\":true" : "");
	} else if (j->what != ONE) {
		buf_printf(b, "{\"job\":\"%u-%llu\"}", (unsigned)j->shard,
		    (unsigned long long)j->number);
	}
	ask_done(&j->a);
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
	struct job_ask *j = c->ask;

	list_remove(&c->node);
	free(c);
	j->count += got->code == CODE_ok;
	j->refused += got->code != CODE_ok;
	if (j->a.done)
		return;
	if (j->what == REPLAY_ALL) {
		if (list_empty(&j->changes) && j->a.awaits == NULL)
			go_on(j);
	} else if (got->code != CODE_ok) {
		ask_refuse(&j->a, (enum code)got->code, NULL, NULL);
	} else {
		finish(j);
	}
}

/* What waits for the store that has it is bounded. */
static bool
has_room(struct job_ask *j, struct slice target)
{
	if (front_has_room(j->a.front, target))
		return true;
	j->refused++;
	if (j->what != REPLAY_ALL)
		ask_refuse(&j->a, CODE_busy, NULL, NULL);
	return false;
}

static void
change(struct job_ask *j, const struct msg_job_is *is)
{
	struct change *c = xcalloc(1, sizeof(*c));
	struct msg m = {.id = MSG_requeue,
	    .requeue = {.target = is->target, .number = is->number}};

	if (j->what == CANCEL)
		m = (struct msg){.id = MSG_cancel,
		    .cancel = {.target = is->target, .number = is->number}};
	c->ask = j;
	c->ticket = (struct ticket){.answered = changed};
	list_append(&j->changes, &c->node);
	bus_publish(j->a.front->bus, &m, &c->ticket);
}

static void
job_is(struct ask *a, const struct msg *m)
{
	struct job_ask *j = of(a);

	if (j->what != LIST && j->what != ONE) {
		if (has_room(j, m->job_is.target))
			change(j, &m->job_is);
		return;
	}
	if (j->count++ != 0)
		buf_chr(&a->answer, ',');
	put_job(&a->answer, &m->job_is, j->what == ONE);
}

static void
jobs_end(struct ask *a, const struct msg *m)
{
	struct job_ask *j = of(a);

	if (j->what == ONE) {
		finish(j);
	} else if (j->what == LIST || j->what == REPLAY_ALL) {
		j->after = m->jobs_end.after;
		j->page_more = m->jobs_end.more != 0;
		if (list_empty(&j->changes))
			go_on(j);
	} /* else its write is on its way */
}

static void
ask(struct job_ask *j)
{
	struct msg m = {.id = MSG_jobs,
	    .jobs = {
		.shard = j->shard,
		.queue = slice_of(j->queue),
		.app = slice_of(j->who->grant.app),
		.state = j->state,
		.number = j->number,
		.after = j->after,
		.limit = j->what == LIST ? j->limit - j->count : REPLAY_PAGE,
	    }};

	if (!ask_store(&j->a, (unsigned)j->shard, &m))
		ask_refuse(&j->a, CODE_unavailable, NULL, NULL);
}

/* A page of a shard is done: the next page, or the next shard. */
static void
go_on(struct job_ask *j)
{
	if (!j->page_more && j->shard + 1 >= bus_shards(j->a.front->bus)) {
		finish(j);
		return;
	}
	if (j->what == LIST ? j->count >= j->limit || j->a.answer.n > LIST_BYTES
			    : j->count + j->refused >= REPLAY_MAX) {
		j->more = true;
		finish(j);
		return;
	}
	if (!j->page_more) {
		j->shard++;
		j->after = 0;
	}
	ask(j);
}

static void
job_ask_free(struct request *r)
{
	struct job_ask *j = container_of(r, struct job_ask, a.r);
	struct list *node;

	ask_end(&j->a);
	while ((node = list_shift(&j->changes)) != NULL) {
		struct change *c = container_of(node, struct change, node);

		ticket_forget(&c->ticket);
		free(c);
	}
	credential_unref(&j->who);
	free(j);
}

/* The first question is asked when the request is known to its connection:
 * its body, of no interest, is the sign. */
static void
body(struct request *r, struct slice s, bool last)
{
	struct job_ask *j = container_of(r, struct job_ask, a.r);

	(void)s;
	(void)last;
	if (j->a.done)
		return;
	if (j->what == LIST)
		buf_str(&j->a.answer, "{\"jobs\":[");
	ask(j);
}

static const struct request_kind ask_kind = {
    .body = body,
    .answer = ask_answer,
    .fail = ask_fail,
    .free = job_ask_free,
};

static const struct request_kind change_kind = {
    .publishes = true,
    .body = body,
    .answer = ask_answer,
    .fail = ask_fail,
    .free = job_ask_free,
};

struct job_ask *
job_ask_new(struct front *front, struct credential *who)
{
	struct job_ask *j = xcalloc(1, sizeof(*j));

	j->a = (struct ask){.r.kind = &ask_kind,
	    .front = front,
	    .row = job_is,
	    .end = jobs_end};
	j->who = credential_ref(who);
	list_init(&j->changes);
	return j;
}

void
job_ask_ready(struct job_ask *j)
{
	if (j->what != LIST && j->what != ONE)
		j->a.r.kind = &change_kind;
}
