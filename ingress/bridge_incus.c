/*
 * bridge_incus.c - Incus' envelopes, made into what Posthorn carries.
 *
 * All that can be wrong with an item is found while it is read, so that it is
 * carried out whole or put aside whole.
 */
#include "common/http.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/bridge_incus_own.h"

enum code
bridge_incus_refuse(
    struct bridge_incus *x, enum code code, const char *field, const char *why)
{
	x->in.fault =
	    (struct native_fault){.code = code, .field = field, .why = why};
	return code;
}

void
bridge_incus_name(struct bridge_incus *x, const struct incus_sink *sink,
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

/* ---- Publishes */

static void
publish(struct bridge_incus *x, struct incus_sink *sink,
    const struct incus_route *to, const char *suffix)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = to->channel,
		.filter = to->filter,
		.body = buf_slice(&x->body)}};

	bridge_incus_name(x, sink, suffix, 0);
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
		bridge_incus_push(x, sink);
		break;
	case INCUS_PUSHORMESSAGE:
		if (sink->present)
			tell(x, sink, "/m");
		else
			bridge_incus_push(x, sink);
		break;
	default:
		stats_add(STAT_incus_ignored, 1);
		break;
	}
}

/* ---- Reading */

static enum code
read_push(struct bridge_incus *x, enum incus_push k)
{
	const char *field = bridge_incus_missing(x, k);

	if (field != NULL)
		return bridge_incus_refuse(x, CODE_missing_field, field, NULL);
	if (!incus_body_read(&x->pushes[k], x->in.message))
		return bridge_incus_refuse(x, CODE_bad_field, "message",
		    "has no string event and object data");
	return bridge_incus_check(x, k);
}

/* Of any other type it is nothing, as the original had it. */
static enum code
read_typed_push(struct bridge_incus *x)
{
	for (enum incus_push k = 0; k < INCUS_PUSHES; k++)
		if (http_same(x->in.words[INCUS_PUSH_TYPE],
			slice_of(bridge_incus_type(k))))
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
	           : bridge_incus_refuse(x, CODE_too_large, "message", NULL);
}

static enum code
read_message(struct bridge_incus *x)
{
	if (!incus_body_read(&x->message, x->in.message))
		return bridge_incus_refuse(x, CODE_bad_field, "message",
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
	return bridge_incus_refuse(x, CODE_bad_field, "message",
	    "of ios, android or websocket is no object");
}

/* A user has one kind of device or both: what has nowhere to go is left. */
static enum code
read_either(struct bridge_incus *x, enum incus_push k, struct json_value m)
{
	enum code code = read_any(x, m, &x->pushes[k], &x->flat[k]);

	if (code != CODE_ok)
		return code;
	if (bridge_incus_missing(x, k) == NULL)
		return bridge_incus_check(x, k);
	stats_add(STAT_incus_ignored, 1);
	log_warn("push_to_nobody", "kind=%s missing=%s", bridge_incus_type(k),
	    bridge_incus_missing(x, k));
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
		return bridge_incus_refuse(
		    x, CODE_missing_field, "message", NULL);
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
