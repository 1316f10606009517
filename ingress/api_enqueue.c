/*
 * api_enqueue.c - POST /v1/jobs: work for a pusher.
 *
 *	{"queue": Q, "target": T, "data": D}	text or base64 instead of data
 *
 * besides with "collapse", "priority" (0 to 9), "delay" and "ttl" (seconds),
 * "id".  The body is read as that of a message is (native.h).
 */
#include "common/channel.h"
#include "common/json_write.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/api.h"

enum {
	BODY_MAX = 65536, /* as in msg.def; so are the others */
	QUEUE_MAX = 31,
	TARGET_MAX = 255,
	DELAY_MAX = 31536000, /* s, a year: more was meant as ms */
};

struct enqueue {
	struct request r;
	struct credential *who;
	struct ticket ticket;
	bool answered;
	unsigned shard;
	struct msg_published got;
	struct failure failure; /* status 0: none */
};

enum member {
	QUEUE = NATIVE_MEMBERS,
	TARGET,
	COLLAPSE,
	PRIORITY,
	DELAY,
	MEMBERS
};

static const struct json_field fields[] = {
    NATIVE_FIELDS,
    [QUEUE] = {SLICE_INIT("queue"), JSON_ANY, false},
    [TARGET] = {SLICE_INIT("target"), JSON_ANY, false},
    [COLLAPSE] = {SLICE_INIT("collapse"), JSON_ANY, false},
    [PRIORITY] = {SLICE_INIT("priority"), JSON_ANY, false},
    [DELAY] = {SLICE_INIT("delay"), JSON_ANY, false},
};

static struct enqueue *
of(struct request *r)
{
	return container_of(r, struct enqueue, r);
}

static void
answered(struct ticket *t, const struct msg_published *got)
{
	struct enqueue *e = container_of(t, struct enqueue, ticket);

	e->got = *got;
	e->answered = true;
	if (got->code == CODE_bad_field) /* the rest was seen here */
		e->failure = failure_why(CODE_bad_field, "delay",
		    "longer than the store lets a job live");
	else if (got->code != CODE_ok)
		e->failure = failure_of((enum code)got->code);
	request_ready(&e->r);
}

static bool
refuse(struct enqueue *e, enum code code, const char *field, const char *why)
{
	e->failure = failure_why(code, field, why);
	e->answered = true;
	return false;
}

/* A string of 1 to so many bytes; absent is empty, and needed or not. */
static bool
take_name(struct enqueue *e, const struct json_value *v, enum member m,
    struct slice *out)
{
	struct buf *text = &request_front(&e->r)->text;
	size_t most = m == QUEUE ? QUEUE_MAX : TARGET_MAX;

	if (v[m].kind == JSON_NONE)
		return m == COLLAPSE ||
		       refuse(e, CODE_missing_field, fields[m].name.p, NULL);
	if (v[m].kind != JSON_STRING)
		return refuse(
		    e, CODE_bad_field, fields[m].name.p, "not a string");
	*out = json_string(v[m], text);
	if (out->n == 0 || out->n > most)
		return refuse(e, CODE_bad_field, fields[m].name.p,
		    m == QUEUE ? "not 1 to 31 bytes" : "not 1 to 255 bytes");
	for (size_t i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] < ' ' ||
		    (m == QUEUE && (out->p[i] == ' ' || out->p[i] == '/' ||
				       out->p[i] == 0x7f)))
			return refuse(e, CODE_bad_field, fields[m].name.p,
			    "has a character it may not have");
	return true;
}

static bool
take_number(
    struct enqueue *e, const struct json_value *v, enum member m, uint64_t *out)
{
	uint64_t most = m == PRIORITY ? 9 : DELAY_MAX;

	if (v[m].kind == JSON_NONE)
		return true;
	if (v[m].kind == JSON_NUMBER && json_uint(v[m], out) && *out <= most)
		return true;
	return refuse(e, CODE_bad_field, fields[m].name.p,
	    m == PRIORITY ? "not a number from 0 to 9"
			  : "not a number of seconds, at most a year");
}

/* What a job shares with a message is read as one, on a channel that is of
 * no meaning. */
static bool
take_message(struct enqueue *e, struct json_value *v, struct msg_enqueue *m)
{
	struct front *f = request_front(&e->r);
	struct native *n = &f->native;
	const struct msg_publish *p = &n->msg.publish;

	v[NATIVE_CHANNEL] = (struct json_value){
	    .raw = SLICE("\"/job/private/x\""), .kind = JSON_STRING};
	v[NATIVE_TRACK].kind = JSON_NONE; /* every job is */
	if (native_members(n, v, loop_unix_ms(f->loop)) != CODE_ok)
		return refuse(e, n->fault.code, n->fault.field, n->fault.why);
	if (p->body.n > BODY_MAX)
		return refuse(
		    e, CODE_too_large, "data", "the job is larger than 64 KiB");
	m->type = p->type;
	m->body = p->body;
	m->id = p->id;
	m->expires = p->expires;
	return true;
}

static bool
take(struct enqueue *e, struct slice body, struct msg_enqueue *m)
{
	struct front *f = request_front(&e->r);
	struct json_value v[MEMBERS];
	struct json_walk walk;
	uint64_t delay = 0;

	if (!json_object(&walk, body, NULL) ||
	    !json_object_read(&walk, (struct json_table){fields, MEMBERS}, v))
		return refuse(e, CODE_bad_json, NULL, walk.why);
	buf_clear(&f->text);
	must(buf_room(&f->text, body.n + 1) != NULL);
	if (!take_name(e, v, QUEUE, &m->queue) ||
	    !take_name(e, v, TARGET, &m->target) ||
	    !take_name(e, v, COLLAPSE, &m->collapse) ||
	    !take_number(e, v, PRIORITY, &m->priority) ||
	    !take_number(e, v, DELAY, &delay) || !take_message(e, v, m))
		return false;
	if (delay != 0)
		m->not_before = loop_unix_ms(f->loop) + delay * 1000;
	m->app = slice_of(e->who->grant.app);
	if (m->expires == 0 || m->not_before < m->expires)
		return true;
	return refuse(
	    e, CODE_bad_field, "delay", "longer than what it lives for (ttl)");
}

static void
enqueue_body(struct request *r, struct slice body, bool last)
{
	struct enqueue *e = of(r);
	struct front *f = request_front(r);
	struct msg m = {.id = MSG_enqueue};

	(void)last;
	if (!take(e, body, &m.enqueue))
		return;
	r->put_off = !front_has_room(f, m.enqueue.target);
	if (r->put_off)
		return;
	e->shard = channel_shard(m.enqueue.target, bus_shards(f->bus));
	e->ticket = (struct ticket){.answered = answered};
	bus_publish(f->bus, &m, &e->ticket);
}

static bool
enqueue_answer(struct request *r, struct buf *out)
{
	struct enqueue *e = of(r);
	struct http_reply reply = request_reply(r, 200);
	struct buf *body = &request_front(r)->lines;

	if (e->failure.status != 0) {
		request_put_failure(r, &e->failure, out);
		return true;
	}
	if (!e->answered)
		return false;
	buf_clear(body);
	buf_printf(body, "{\"job\":\"%u-%llu\"}", e->shard,
	    (unsigned long long)e->got.offset);
	reply.type = SLICE("application/json");
	reply.body = buf_slice(body);
	http_reply(out, &reply);
	return true;
}

static void
enqueue_fail(struct request *r, const struct failure *f)
{
	if (!of(r)->answered)
		of(r)->failure = *f;
}

static void
enqueue_free(struct request *r)
{
	struct enqueue *e = of(r);

	ticket_forget(&e->ticket);
	credential_unref(&e->who);
	free(e);
}

static const struct request_kind enqueue_kind = {
    .publishes = true,
    .body = enqueue_body,
    .answer = enqueue_answer,
    .fail = enqueue_fail,
    .free = enqueue_free,
};

struct request *
api_enqueue(struct credential *who)
{
	struct enqueue *e = xcalloc(1, sizeof(*e));

	e->r.kind = &enqueue_kind;
	e->who = credential_ref(who);
	return &e->r;
}
