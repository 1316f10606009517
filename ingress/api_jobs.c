/*
 * api_jobs.c - questions about jobs, and what is to become of them.
 *
 *	GET    /v1/jobs?queue=&state=&after=&limit=	a list
 *	GET    /v1/jobs/ID		one, with its body
 *	DELETE /v1/jobs/ID		not wanted any more
 *	POST   /v1/jobs/ID/replay	a dead letter is tried again
 *	POST   /v1/jobs/replay?queue=	all dead letters are
 *
 * An id is SHARD-NUMBER.
 */
#include "ingress/api.h"
#include "ingress/job_ask.h"
#include "ingress/question.h"

enum { QUEUE, STATE, AFTER, LIMIT, QUESTIONS }; /* of the query */

enum {
	LIST_DEFAULT = 100, /* jobs */
	LIST_MAX = 1000,
};

static bool
read_id(struct slice text, unsigned shards, uint64_t *shard, uint64_t *number)
{
	struct slice rest = text, first;

	return slice_cut(&rest, '-', &first) && slice_num(first, shard) &&
	       *shard < shards && slice_num(rest, number);
}

static bool
read_state(struct slice text, uint64_t *state)
{
	for (*state = JOB_WAITING; *state < JOB_STATES; ++*state)
		if (slice_is(text, job_state_name((enum job_state) * state)))
			return true;
	return false;
}

/* One value; NULL or what is wrong with it. */
static const char *
read_value(
    struct job_ask *a, unsigned which, struct slice value, unsigned shards)
{
	uint64_t number;

	if (which == QUEUE) {
		if (value.n >= sizeof(a->queue))
			return "longer than 31 bytes";
		if (memchr(value.p, '\0', value.n) != NULL)
			return "has a character it may not have";
		memcpy(a->queue, value.p, value.n);
		a->queue[value.n] = '\0';
	} else if (which == STATE) {
		if (a->what == LIST && !read_state(value, &a->state))
			return "not a state of a job";
	} else if (which == AFTER) {
		if (!read_id(value, shards, &a->shard, &a->after))
			return "not the id of a job";
	} else {
		if (!slice_num(value, &number) || number == 0 ||
		    number > LIST_MAX)
			return "not a number from 1 to 1000";
		a->limit = number;
	}
	return NULL;
}

static struct request *
read_query(struct job_ask *a, struct front *f, struct slice query)
{
	struct question q[QUESTIONS] = {{.name = "queue"}, {.name = "state"},
	    {.name = "after"}, {.name = "limit"}};
	struct request *refused = question_read(query, q, QUESTIONS, &f->text);
	const char *why = NULL;

	if (refused != NULL)
		return refused;
	for (unsigned i = 0; i < QUESTIONS; i++) {
		if (q[i].value.n != 0)
			why = read_value(a, i, q[i].value, bus_shards(f->bus));
		if (why != NULL)
			return question_refuse(CODE_bad_field, q[i].name, why);
	}
	return NULL;
}

/* /v1/jobs, /v1/jobs/replay, /v1/jobs/ID, /v1/jobs/ID/replay */
static bool
read_path(struct job_ask *a, const struct http_request *http, unsigned shards)
{
	struct slice rest = slice_from(http->path, strlen("/v1/jobs")), id;

	a->what = LIST;
	if (rest.n == 0)
		return true;
	rest = slice_from(rest, 1);
	a->what = REPLAY_ALL;
	a->state = JOB_DEAD;
	if (slice_is(rest, "replay"))
		return true;
	a->state = JOB_ANY;
	slice_cut(&rest, '/', &id);
	a->what = rest.p != NULL              ? REPLAY
	          : http->verb == HTTP_DELETE ? CANCEL
	                                      : ONE;
	return read_id(id, shards, &a->shard, &a->number) && a->number != 0;
}

static struct request *
begin(struct job_ask *a, struct front *f, const struct http_request *http)
{
	if (bus_shards(f->bus) == 0)
		return question_refuse(CODE_unavailable, NULL, NULL);
	if (!read_path(a, http, bus_shards(f->bus)))
		return question_refuse(CODE_not_found, NULL, NULL);
	job_ask_ready(a);
	return read_query(a, f, http->query);
}

/* A token speaks of channels, so jobs need a key. */
static enum code
may(struct front *f, const struct http_request *http, struct auth_result *who)
{
	enum code code =
	    auth_check(f->auth, http_header(http, SLICE("authorization")),
		loop_unix_ms(f->loop) / 1000, who);

	if (code != CODE_ok)
		return code;
	return who->who->grant.token ||
	               (who->who->grant.rights & KEY_PUBLISH) == 0
	           ? CODE_forbidden
	           : CODE_ok;
}

struct request *
api_jobs(struct client *c, const struct http_request *http)
{
	struct front *f = api_front(c);
	struct auth_result who;
	struct request *refused;
	enum code code = may(f, http, &who);
	struct job_ask *a;

	if (code != CODE_ok)
		return question_refuse(code, NULL, who.why);
	if (http->verb == HTTP_POST && slice_is(http->path, "/v1/jobs"))
		return api_enqueue(who.who);
	a = job_ask_new(f, who.who);
	a->limit = LIST_DEFAULT;
	refused = begin(a, f, http);
	if (refused == NULL)
		return &a->a.r;
	a->a.r.kind->free(&a->a.r);
	return refused;
}
