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
#include "common/stats.h"
#include "common/url.h"
#include "ingress/job_ask.h"

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

/* One parameter; NULL or what is wrong with it. */
static const char *
read_pair(struct ask *a, struct slice name, struct slice value, unsigned shards)
{
	uint64_t number;

	if (url_is(name, SLICE("queue"), URL_QUERY)) {
		if (value.n >= sizeof(a->queue))
			return "longer than 31 bytes";
		memcpy(a->queue, value.p, value.n);
		a->queue[value.n] = '\0';
	} else if (url_is(name, SLICE("state"), URL_QUERY)) {
		if (a->what == LIST && !read_state(value, &a->state))
			return "not a state of a job";
	} else if (url_is(name, SLICE("after"), URL_QUERY)) {
		if (!read_id(value, shards, &a->shard, &a->after))
			return "not the id of a job";
	} else if (url_is(name, SLICE("limit"), URL_QUERY)) {
		if (!slice_num(value, &number) || number == 0 ||
		    number > LIST_MAX)
			return "not a number from 1 to 1000";
		a->limit = number;
	}
	return NULL;
}

static struct request *
refuse(enum code code, const char *field, const char *why)
{
	struct failure f = failure_of(code);

	f.fault.field = field;
	if (why != NULL)
		f.fault.message = why;
	stats_add(STAT_auth_refused, f.status == 401 || f.status == 403);
	return answer_failure(&f);
}

/* A field's name as a static string. */
static const char *
static_name(struct slice name)
{
	static const char *const names[] = {"queue", "state", "after", "limit"};

	for (size_t i = 0; i < LENGTH(names); i++)
		if (url_is(name, slice_of(names[i]), URL_QUERY))
			return names[i];
	return NULL;
}

static struct request *
read_query(struct ask *a, struct front *f, struct slice query)
{
	struct slice name, raw;

	must(buf_room(&f->text, query.n + 1) != NULL);
	while (url_query_next(&query, &name, &raw)) {
		const char *why = "not percent-encoded";
		struct slice value;

		buf_clear(&f->text);
		if (raw.p != NULL && url_decode(&f->text, raw, URL_QUERY)) {
			value = buf_slice(&f->text);
			why = value.n == 0 ? NULL
			                   : read_pair(a, name, value,
						 bus_shards(f->bus));
		}
		if (why != NULL && static_name(name) != NULL)
			return refuse(CODE_bad_field, static_name(name), why);
	}
	return NULL;
}

/* /v1/jobs, /v1/jobs/replay, /v1/jobs/ID, /v1/jobs/ID/replay */
static bool
read_path(struct ask *a, const struct http_request *http, unsigned shards)
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
begin(struct ask *a, struct front *f, const struct http_request *http)
{
	if (bus_shards(f->bus) == 0)
		return refuse(CODE_unavailable, NULL, NULL);
	if (!read_path(a, http, bus_shards(f->bus)))
		return refuse(CODE_not_found, NULL, NULL);
	ask_ready(a);
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
	struct ask *a;

	if (code != CODE_ok)
		return refuse(code, NULL, who.why);
	if (http->verb == HTTP_POST && slice_is(http->path, "/v1/jobs"))
		return api_enqueue(who.who);
	a = ask_new(who.who);
	a->limit = LIST_DEFAULT;
	refused = begin(a, f, http);
	if (refused == NULL)
		return &a->r;
	a->r.kind->free(&a->r);
	return refused;
}
