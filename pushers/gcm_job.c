/*
 * gcm_job.c - jobs in, requests out.
 */
#include "pushers/gcm_job.h"

#include "common/base64.h"
#include "common/json_write.h"
#include "common/must.h"
#include "common/utf8.h"

enum {
	TTL_MOST = 2419200, /* s, as Google takes it: four weeks */
	HIGH = 5,           /* a priority from here on wakes the device */
};

/* clang-format off */
static const struct json_field members[GCM_MEMBERS] = {
    [GCM_DATA] = {SLICE_INIT("data"), JSON_ANY, false},
    [GCM_NOTIFICATION] = {SLICE_INIT("notification"), JSON_ANY, false},
    [GCM_ANDROID] = {SLICE_INIT("android"), JSON_ANY, false},
    [GCM_WEBPUSH] = {SLICE_INIT("webpush"), JSON_ANY, false},
    [GCM_APNS] = {SLICE_INIT("apns"), JSON_ANY, false},
    [GCM_FCM_OPTIONS] = {SLICE_INIT("fcm_options"), JSON_ANY, false},
};
/* clang-format on */

/* ---- Reading */

enum incus_field { PUSH_TYPE, IDS, ERROR_QUEUE, MESSAGE, RECEIVED, INCUS };

static const struct json_field incus_fields[INCUS] = {
    [PUSH_TYPE] = {SLICE_INIT("push_type"), JSON_MAY(JSON_STRING), true},
    [IDS] = {SLICE_INIT("registration_ids"), JSON_MAY(JSON_STRING), true},
    [ERROR_QUEUE] = {SLICE_INIT("error_queue"), JSON_MAY(JSON_STRING), false},
    [MESSAGE] = {SLICE_INIT("message"), JSON_MAY(JSON_OBJECT), true},
    [RECEIVED] = {SLICE_INIT("received"), JSON_MAY(JSON_NUMBER), true},
};

static const char *
read_incus(struct gcm_job *j, struct slice body)
{
	struct json_value v[INCUS];
	struct json_walk w;
	struct slice rest, id;
	unsigned n = 0;

	if (!json_object(&w, body, NULL) ||
	    !json_object_read(&w, (struct json_table){incus_fields, INCUS}, v))
		return "BadJob";
	if (!json_is(v[PUSH_TYPE], SLICE("android")))
		return "NotAndroid";
	j->incus = true;
	j->ids = json_string(v[IDS], &j->scratch);
	if (v[ERROR_QUEUE].kind == JSON_STRING)
		j->error_queue = json_string(v[ERROR_QUEUE], &j->scratch);
	if (j->error_queue.n > GCM_LIST_MOST)
		return "BadJob";
	j->received = v[RECEIVED].raw;
	for (rest = j->ids; gcm_job_id(&rest, &id); n++)
		;
	if (j->ids.n == 0 || n > GCM_IDS_MOST)
		return "InvalidRegistration";
	return incus_body_read(&j->message, v[MESSAGE].raw) ? NULL : "BadJob";
}

/* All its members are those of a message, and what they should be. */
static bool
is_message(struct gcm_job *j, struct slice body)
{
	struct json_value name, value, v[GCM_MEMBERS];
	struct json_walk w;

	if (!json_object(&w, body, NULL))
		return false;
	while (json_object_next(&w, &name, &value)) {
		unsigned i = 0;

		while (i < GCM_MEMBERS && !json_is(name, members[i].name))
			i++;
		if (i == GCM_MEMBERS || value.kind != JSON_OBJECT)
			return false;
	}
	if (!json_object(&w, body, NULL) ||
	    !json_object_read(
		&w, (struct json_table){members, GCM_MEMBERS}, v) ||
	    (v[GCM_DATA].kind == JSON_NONE &&
		v[GCM_NOTIFICATION].kind == JSON_NONE))
		return false;
	memcpy(j->members, v, sizeof(v));
	return true;
}

/* A message without a type is JSON. */
static bool
is_json(const struct push *p)
{
	return (p->type.n == 0 ||
		   slice_starts(p->type, SLICE("application/json"))) &&
	       json_check(p->body, NULL, NULL) == NULL;
}

/* The data, where it is not an object's members. */
static void
read_plain(struct gcm_job *j, const struct push *p)
{
	struct buf b = {0};
	size_t at = j->scratch.n;

	j->plain_name = "text";
	if (is_json(p)) {
		j->plain_name = "data";
		json_escape(&j->scratch, p->body);
	} else if (slice_starts(p->type, SLICE("text/")) &&
		   utf8_valid(p->body)) {
		json_escape(&j->scratch, p->body);
	} else {
		j->plain_name = "base64";
		base64_encode(&b, p->body, BASE64_STD);
		json_escape(&j->scratch, buf_slice(&b));
	}
	buf_free(&b);
	j->plain = slice_from(buf_slice(&j->scratch), at);
}

/* A walk ends at what it does not take, and half of it is not to be sent. */
static bool
whole(struct json_value object)
{
	struct json_value name, value;
	struct json_walk w;

	if (object.kind != JSON_OBJECT)
		return true;
	if (!json_object(&w, object.raw, NULL))
		return false;
	while (json_object_next(&w, &name, &value))
		;
	return w.why == NULL;
}

const char *
gcm_job_read(struct gcm_job *j, const struct push *p)
{
	struct slice body = p->body;

	j->push = p;
	must(buf_room(&j->scratch, body.n + 1) != NULL);
	if (slice_is(p->app, "incus"))
		return read_incus(j, body);
	j->ids = p->target;
	if (!is_json(p) || json_value(body).kind != JSON_OBJECT)
		read_plain(j, p);
	else if (!is_message(j, body))
		j->members[GCM_DATA] = json_value(body);
	if (!whole(j->members[GCM_DATA]))
		return "BadData";
	return whole(j->members[GCM_ANDROID]) ? NULL : "BadAndroid";
}

void
gcm_job_free(struct gcm_job *j)
{
	buf_free(&j->scratch);
}

bool
gcm_job_id(struct slice *rest, struct slice *id)
{
	return slice_cut(rest, ',', id);
}

/* ---- Writing */

static void
put_name(struct buf *b, const char *name)
{
	if (b->p[b->n - 1] != '{')
		buf_chr(b, ',');
	buf_printf(b, "\"%s\":", name);
}

static void
put_text(struct buf *b, const char *name, struct slice text)
{
	put_name(b, name);
	json_escape(b, text);
}

/* A value of data, as a string. */
static void
put_value(struct buf *b, struct json_value v, bool strings)
{
	struct buf line = {0};

	if (v.kind == JSON_STRING || !strings) {
		buf_put(b, v.raw);
		return;
	}
	json_compact(&line, v.raw);
	json_escape(b, buf_slice(&line));
	buf_free(&line);
}

static void
put_data(struct buf *b, const struct gcm_job *j, bool strings)
{
	struct json_value data = j->members[GCM_DATA], name, value;
	struct json_walk w;

	if (data.kind == JSON_NONE && j->plain.n == 0)
		return;
	put_name(b, "data");
	buf_chr(b, '{');
	if (j->plain.n != 0) {
		put_name(b, j->plain_name);
		buf_put(b, j->plain);
	} else if (json_object(&w, data.raw, NULL)) {
		while (json_object_next(&w, &name, &value)) {
			if (b->p[b->n - 1] != '{')
				buf_chr(b, ',');
			buf_put(b, name.raw);
			buf_chr(b, ':');
			put_value(b, value, strings);
		}
	}
	buf_chr(b, '}');
}

static uint64_t
ttl_of(const struct gcm_job *j, uint64_t unix_ms)
{
	uint64_t s = j->push->expires > unix_ms
	                 ? (j->push->expires - unix_ms) / 1000
	                 : 0;

	return s < TTL_MOST ? s : TTL_MOST;
}

static bool
has(struct json_value object, struct slice name)
{
	struct json_value key, value;
	struct json_walk w;

	if (object.kind != JSON_OBJECT || !json_object(&w, object.raw, NULL))
		return false;
	while (json_object_next(&w, &key, &value))
		if (json_is(key, name))
			return true;
	return false;
}

/* What the job says, unless its message says it. */
static void
put_android(struct buf *b, const struct gcm_job *j, uint64_t unix_ms)
{
	struct json_value given = j->members[GCM_ANDROID];
	const struct push *p = j->push;

	put_name(b, "android");
	if (given.kind == JSON_OBJECT) {
		buf_put(b, given.raw);
		b->n--; /* its brace */
		while (strchr(" \t\r\n", b->p[b->n - 1]) != NULL)
			b->n--;
	} else {
		buf_chr(b, '{');
	}
	if (!has(given, SLICE("ttl"))) {
		put_name(b, "ttl");
		buf_printf(
		    b, "\"%llus\"", (unsigned long long)ttl_of(j, unix_ms));
	}
	if (p->priority != 0 && !has(given, SLICE("priority"))) {
		put_name(b, "priority");
		buf_str(b, p->priority >= HIGH ? "\"HIGH\"" : "\"NORMAL\"");
	}
	if (p->collapse.n != 0 && !has(given, SLICE("collapse_key")))
		put_text(b, "collapse_key", p->collapse);
	buf_chr(b, '}');
}

static void
put_incus_v1(struct buf *b, const struct gcm_job *j)
{
	struct buf line = {0};

	put_name(b, "data");
	json_compact(&line, j->message.data);
	buf_str(b, "{\"data\":");
	json_escape(b, buf_slice(&line));
	buf_str(b, ",\"event\":");
	buf_put(b, j->message.event);
	buf_printf(b, ",\"time\":\"%.*s\"}", SLICE_ARGS(j->received));
	buf_free(&line);
}

void
gcm_job_put_v1(struct buf *b, const struct gcm_job *j, const struct gcm_sent *s)
{
	static const struct slice topics = SLICE_INIT("/topics/");
	struct slice to = s->ids[0];

	buf_str(b, "{\"message\":{");
	if (slice_starts(to, topics) && !j->incus)
		put_text(b, "topic", slice_from(to, topics.n));
	else
		put_text(b, "token", to);
	if (j->incus)
		put_incus_v1(b, j);
	else
		put_data(b, j, true);
	for (unsigned i = 0; i < GCM_MEMBERS; i++) {
		if (i == GCM_DATA || i == GCM_ANDROID ||
		    j->members[i].kind == JSON_NONE)
			continue;
		put_name(b, members[i].name.p);
		buf_put(b, j->members[i].raw);
	}
	put_android(b, j, s->unix_ms);
	buf_str(b, s->dry ? "},\"validate_only\":true}" : "}}");
}

/* As Incus wrote it. */
static void
put_incus_legacy(
    struct buf *b, const struct gcm_job *j, const struct gcm_sent *s)
{
	buf_str(b, "{\"registration_ids\":[");
	for (unsigned i = 0; i < s->n; i++) {
		if (i != 0)
			buf_chr(b, ',');
		json_escape(b, s->ids[i]);
	}
	buf_str(b, "],\"data\":{\"data\":");
	buf_put(b, j->message.data);
	buf_str(b, ",\"event\":");
	buf_put(b, j->message.event);
	buf_printf(b, ",\"time\":%.*s}", SLICE_ARGS(j->received));
}

void
gcm_job_put_legacy(
    struct buf *b, const struct gcm_job *j, const struct gcm_sent *s)
{
	const struct push *p = j->push;

	if (j->incus) {
		put_incus_legacy(b, j, s);
	} else {
		buf_chr(b, '{');
		put_text(b, "to", s->ids[0]);
		put_data(b, j, false);
		if (j->members[GCM_NOTIFICATION].kind != JSON_NONE) {
			put_name(b, "notification");
			buf_put(b, j->members[GCM_NOTIFICATION].raw);
		}
		put_name(b, "time_to_live");
		buf_num(b, ttl_of(j, s->unix_ms));
		if (p->priority != 0)
			put_text(b, "priority",
			    p->priority >= HIGH ? SLICE("high")
						: SLICE("normal"));
		if (p->collapse.n != 0)
			put_text(b, "collapse_key", p->collapse);
	}
	buf_str(b, s->dry ? ",\"dry_run\":true}" : "}");
}
