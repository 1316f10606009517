/*
 * bridge_incus.c - Incus' envelopes, made into what Posthorn carries.
 *
 * All that can be wrong with an item is found while it is read, so that it is
 * carried out whole or put aside whole.
 */
#include "ingress/bridge_incus.h"

#include "common/http.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/must.h"
#include "common/segment.h"
#include "common/stats.h"

static const struct {
	const char *type, *queue, *suffix;
	enum stat_id made, off;
} kinds[INCUS_PUSHES] = {
    [INCUS_IOS] = {"ios", "apns", "/i", STAT_incus_pushes_ios,
	STAT_incus_pushes_ios_off},
    [INCUS_ANDROID] = {"android", "gcm", "/a", STAT_incus_pushes_android,
	STAT_incus_pushes_android_off},
};

static enum code
refuse(
    struct bridge_incus *x, enum code code, const char *field, const char *why)
{
	x->in.fault =
	    (struct native_fault){.code = code, .field = field, .why = why};
	return code;
}

/* ---- Jobs */

static void
put_string(struct buf *out, const char *name, struct slice s)
{
	buf_printf(out, ",\"%s\":", name);
	json_escape(out, s);
}

/* The body of a job, with these registration ids. */
static void
put_job(struct bridge_incus *x, enum incus_push k, struct slice ids, uint64_t s)
{
	struct buf *out = &x->body;

	buf_clear(out);
	buf_printf(out, "{\"push_type\":\"%s\"", kinds[k].type);
	if (k == INCUS_IOS) {
		put_string(
		    out, "device_token", x->in.words[INCUS_DEVICE_TOKEN]);
		put_string(out, "build", x->in.words[INCUS_BUILD]);
	} else {
		put_string(out, "registration_ids", ids);
	}
	buf_str(out, ",\"message\":");
	incus_body_put(out, &x->pushes[k]);
	buf_printf(out, ",\"received\":%llu}", (unsigned long long)s);
}

/* What a byte takes in a JSON string, at most: the rest of it is UTF-8. */
static size_t
escaped(unsigned char c)
{
	if (c < 0x20)
		return 6;
	return c == '"' || c == '\\' || c >= 0x80 ? 2 : 1;
}

/* Cut as many whole ids off the front as fit.  False: none is left, or not
 * even the first does; then *ids is empty. */
static bool
cut_ids(struct slice *rest, size_t room, struct slice *ids)
{
	size_t n = 0, used = 0;
	unsigned count = 0;

	*ids = (struct slice){rest->p, 0};
	if (rest->p == NULL)
		return false;
	for (size_t i = 0; i <= rest->n && count < INCUS_JOB_IDS; i++) {
		if (i == rest->n || rest->p[i] == ',') {
			n = i;
			count++;
		}
		if (i < rest->n)
			used += escaped((unsigned char)rest->p[i]);
		if (used > room)
			break;
	}
	ids->n = n;
	if (n == rest->n)
		*rest = (struct slice){NULL, 0};
	else
		*rest = slice_from(*rest, n + 1);
	return n != 0;
}

/* What a body without ids leaves for them. */
static size_t
room_for_ids(struct bridge_incus *x)
{
	put_job(x, INCUS_ANDROID, SLICE(""), UINT64_MAX);
	return x->body.n < INCUS_JOB_BODY ? INCUS_JOB_BODY - x->body.n : 0;
}

static bool
ids_fit(struct bridge_incus *x)
{
	struct slice rest = x->in.words[INCUS_REGISTRATION_IDS], ids;
	size_t room = room_for_ids(x);
	unsigned jobs = 0;

	while (cut_ids(&rest, room, &ids))
		jobs++;
	return rest.p == NULL && jobs != 0 && jobs <= INCUS_JOBS;
}

static void
write_job(struct bridge_incus *x, struct incus_sink *sink, enum incus_push k,
    struct slice target)
{
	struct msg m = {.id = MSG_enqueue,
	    .enqueue = {
		.target = target,
		.queue = slice_of(kinds[k].queue),
		.app = SLICE("incus"),
		.body = buf_slice(&x->body),
		.id = buf_slice(&x->id),
	    }};

	sink->write(sink, &m);
}

static void
name_write(struct bridge_incus *x, const struct incus_sink *sink,
    const char *suffix, unsigned n)
{
	must(sink->id.n <= INCUS_ITEM_ID);
	buf_clear(&x->id);
	if (sink->id.n == 0)
		return;
	buf_put(&x->id, sink->id);
	buf_str(&x->id, suffix);
	if (n != 0)
		buf_num(&x->id, n);
}

static void
push_ios(struct bridge_incus *x, struct incus_sink *sink)
{
	put_job(x, INCUS_IOS, SLICE(""), sink->unix_s);
	name_write(x, sink, kinds[INCUS_IOS].suffix, 0);
	write_job(x, sink, INCUS_IOS, x->in.words[INCUS_DEVICE_TOKEN]);
}

/* What does not fit, or not onto a line, is a digest. */
static struct slice
target_of(struct bridge_incus *x, struct slice ids)
{
	bool plain = ids.n <= INCUS_JOB_TARGET;

	for (size_t i = 0; plain && i < ids.n; i++)
		plain = (unsigned char)ids.p[i] >= ' ';
	if (plain)
		return ids;
	buf_clear(&x->target);
	segment_put(&x->target, ids, INCUS_JOB_TARGET);
	return buf_slice(&x->target);
}

static void
push_android(struct bridge_incus *x, struct incus_sink *sink)
{
	struct slice rest = x->in.words[INCUS_REGISTRATION_IDS], ids;
	size_t room = room_for_ids(x);
	unsigned n = 0;

	while (cut_ids(&rest, room, &ids)) {
		put_job(x, INCUS_ANDROID, ids, sink->unix_s);
		name_write(x, sink, kinds[INCUS_ANDROID].suffix, n++);
		write_job(x, sink, INCUS_ANDROID, target_of(x, ids));
	}
}

static void
push(struct bridge_incus *x, struct incus_sink *sink)
{
	for (enum incus_push k = 0; k < INCUS_PUSHES; k++) {
		if (!x->due[k])
			continue;
		stats_add(x->enabled[k] ? kinds[k].made : kinds[k].off, 1);
		if (!x->enabled[k]) {
			log_warn("push_off", "kind=%s", kinds[k].type);
		} else if (k == INCUS_IOS) {
			push_ios(x, sink);
		} else {
			push_android(x, sink);
		}
	}
}

/* ---- Publishes */

static void
publish(struct bridge_incus *x, struct incus_sink *sink,
    const struct incus_route *to, const char *suffix)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = to->channel,
		.filter = to->filter,
		.body = buf_slice(&x->body)}};

	name_write(x, sink, suffix, 0);
	m.publish.id = buf_slice(&x->id);
	sink->write(sink, &m);
}

static void
tell(struct bridge_incus *x, struct incus_sink *sink, const char *suffix)
{
	struct incus_route to = incus_route(&x->in);

	if (!x->tells || to.to == INCUS_TO_NOBODY) {
		stats_add(STAT_incus_ignored, 1);
		return;
	}
	incus_count(to.to);
	buf_clear(&x->body);
	incus_body_put(&x->body, &x->message);
	publish(x, sink, &to, suffix);
}

static void
set_page(struct bridge_incus *x, struct incus_sink *sink)
{
	const struct slice *w = x->in.words;
	const struct incus_route to = {
	    .channel = SLICE_INIT(INCUS_CONTROL), .filter = SLICE_INIT("")};

	if (w[INCUS_USER].n == 0 || w[INCUS_PAGE].n == 0) {
		stats_add(STAT_incus_ignored, 1);
		return;
	}
	buf_clear(&x->body);
	incus_control_setpage(&x->body, w[INCUS_USER], w[INCUS_PAGE]);
	publish(x, sink, &to, "");
}

void
bridge_incus_write(struct bridge_incus *x, struct incus_sink *sink)
{
	switch (x->in.command) {
	case INCUS_MESSAGE:
		tell(x, sink, "");
		break;
	case INCUS_SETPAGE:
		set_page(x, sink);
		break;
	case INCUS_PUSH:
	case INCUS_PUSHIOS:
	case INCUS_PUSHANDROID:
		push(x, sink);
		break;
	case INCUS_PUSHORMESSAGE:
		if (sink->present)
			tell(x, sink, "/m");
		else
			push(x, sink);
		break;
	default:
		stats_add(STAT_incus_ignored, 1);
		break;
	}
}

/* ---- Reading */

/* What a push of this kind needs besides its message; NULL: nothing. */
static const char *
missing(const struct bridge_incus *x, enum incus_push k)
{
	const struct slice *w = x->in.words;

	if (k == INCUS_ANDROID)
		return w[INCUS_REGISTRATION_IDS].n == 0 ? "registration_ids"
		                                        : NULL;
	if (w[INCUS_DEVICE_TOKEN].n == 0)
		return "device_token";
	return w[INCUS_BUILD].n == 0 ? "build" : NULL;
}

/* The push is due: does it fit into jobs? */
static enum code
check_push(struct bridge_incus *x, enum incus_push k)
{
	struct slice token = x->in.words[INCUS_DEVICE_TOKEN];

	x->due[k] = true;
	if (k == INCUS_ANDROID)
		return ids_fit(x) ? CODE_ok
		                  : refuse(x, CODE_too_large,
					"registration_ids", NULL);
	if (token.n > INCUS_JOB_TARGET)
		return refuse(x, CODE_too_large, "device_token", NULL);
	for (size_t i = 0; i < token.n; i++)
		if ((unsigned char)token.p[i] < ' ')
			return refuse(x, CODE_bad_field, "device_token",
			    "has a character it may not have");
	put_job(x, k, SLICE(""), UINT64_MAX);
	return x->body.n <= INCUS_JOB_BODY
	           ? CODE_ok
	           : refuse(x, CODE_too_large, "message", NULL);
}

static enum code
read_push(struct bridge_incus *x, enum incus_push k)
{
	const char *field = missing(x, k);

	if (field != NULL)
		return refuse(x, CODE_missing_field, field, NULL);
	if (!incus_body_read(&x->pushes[k], x->in.message))
		return refuse(x, CODE_bad_field, "message",
		    "has no string event and object data");
	return check_push(x, k);
}

/* Of any other type it is nothing, as the original had it. */
static enum code
read_typed_push(struct bridge_incus *x)
{
	for (enum incus_push k = 0; k < INCUS_PUSHES; k++)
		if (http_same(
			x->in.words[INCUS_PUSH_TYPE], slice_of(kinds[k].type)))
			return read_push(x, k);
	x->in.command = INCUS_NOTHING;
	return CODE_ok;
}

/* What will be published is as large as this, at most. */
static enum code
check_message(struct bridge_incus *x)
{
	x->tells = true;
	return x->message.event.n + x->message.data.n <= INCUS_MESSAGE_MAX
	           ? CODE_ok
	           : refuse(x, CODE_too_large, "message", NULL);
}

static enum code
read_message(struct bridge_incus *x)
{
	if (!incus_body_read(&x->message, x->in.message))
		return refuse(x, CODE_bad_field, "message",
		    "has no string event and object data");
	return check_message(x);
}

enum { PUSH, IOS, ANDROID, WEBSOCKET, MEMBERS };
static const struct json_field members[MEMBERS] = {
    [PUSH] = {SLICE_INIT("push"), JSON_ANY, false},
    [IOS] = {SLICE_INIT("ios"), JSON_ANY, false},
    [ANDROID] = {SLICE_INIT("android"), JSON_ANY, false},
    [WEBSOCKET] = {SLICE_INIT("websocket"), JSON_ANY, false},
};

static enum code
walk(struct bridge_incus *x, struct slice object, struct json_value v[MEMBERS])
{
	struct json_walk w;

	json_object(&w, object, NULL);
	if (json_object_read(&w, (struct json_table){members, MEMBERS}, v))
		return CODE_ok;
	x->in.fault = native_bad_json(&w);
	return x->in.fault.code;
}

static bool
is_there(struct json_value v)
{
	return v.kind != JSON_NONE && v.kind != JSON_NULL;
}

/* One M of a pushormessage, of any shape. */
static enum code
read_any(struct bridge_incus *x, struct json_value m, struct incus_body *out,
    struct buf *room)
{
	buf_clear(room);
	if (m.kind == JSON_OBJECT && incus_body_flat(out, m.raw, room))
		return CODE_ok;
	return refuse(x, CODE_bad_field, "message",
	    "of ios, android or websocket is no object");
}

/* A user has one kind of device or both: what has nowhere to go is left. */
static enum code
read_either(struct bridge_incus *x, enum incus_push k, struct json_value m)
{
	enum code code = read_any(x, m, &x->pushes[k], &x->flat[k]);

	if (code != CODE_ok)
		return code;
	if (missing(x, k) == NULL)
		return check_push(x, k);
	stats_add(STAT_incus_ignored, 1);
	log_warn("push_to_nobody", "kind=%s missing=%s", kinds[k].type,
	    missing(x, k));
	return CODE_ok;
}

/* {"push": {"ios": M, "android": M}, "websocket": M}, or without the push
 * around them. */
static enum code
read_pushormessage(struct bridge_incus *x)
{
	struct json_value top[MEMBERS], in[MEMBERS];
	enum code code = CODE_ok;

	if (x->in.message.p == NULL)
		return refuse(x, CODE_missing_field, "message", NULL);
	if (walk(x, x->in.message, top) != CODE_ok)
		return x->in.fault.code;
	memcpy(in, top, sizeof(in));
	if (top[PUSH].kind == JSON_OBJECT &&
	    walk(x, top[PUSH].raw, in) != CODE_ok)
		return x->in.fault.code;
	for (enum incus_push k = 0; k < INCUS_PUSHES && code == CODE_ok; k++) {
		unsigned i = k == INCUS_IOS ? IOS : ANDROID;
		struct json_value m = is_there(in[i]) ? in[i] : top[i];

		if (is_there(m))
			code = read_either(x, k, m);
	}
	if (code != CODE_ok || !is_there(top[WEBSOCKET]))
		return code;
	code = read_any(x, top[WEBSOCKET], &x->message, &x->flat_message);
	return code == CODE_ok ? check_message(x) : code;
}

enum code
bridge_incus_read(struct bridge_incus *x, struct slice item)
{
	x->due[INCUS_IOS] = x->due[INCUS_ANDROID] = x->tells = false;
	if (incus_read(&x->in, item, INCUS_REDIS) != CODE_ok)
		return x->in.fault.code;
	switch (x->in.command) {
	case INCUS_MESSAGE:
		return read_message(x);
	case INCUS_PUSH:
		return read_typed_push(x);
	case INCUS_PUSHIOS:
		return read_push(x, INCUS_IOS);
	case INCUS_PUSHANDROID:
		return read_push(x, INCUS_ANDROID);
	case INCUS_PUSHORMESSAGE:
		return read_pushormessage(x);
	default:
		return CODE_ok;
	}
}

bool
bridge_incus_asks(struct bridge_incus *x, struct slice *user)
{
	if (x->in.command != INCUS_PUSHORMESSAGE ||
	    x->in.words[INCUS_USER].n == 0)
		return false;
	buf_clear(&x->target);
	incus_name(&x->target, x->in.words[INCUS_USER]);
	*user = buf_slice(&x->target);
	return true;
}

void
bridge_incus_free(struct bridge_incus *x)
{
	incus_free(&x->in);
	for (enum incus_push k = 0; k < INCUS_PUSHES; k++)
		buf_free(&x->flat[k]);
	buf_free(&x->flat_message);
	buf_free(&x->body);
	buf_free(&x->id);
	buf_free(&x->target);
}
