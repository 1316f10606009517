/*
 * tyron.c - names into channels, items into messages, messages into bodies.
 */
#include "common/tyron.h"

#include "common/channel.h"
#include "common/http_class.h"
#include "common/incus.h"
#include "common/json.h"
#include "common/log.h"
#include "common/message.h"
#include "common/must.h"
#include "common/segment.h"
#include "common/url.h"
#include "common/utf8.h"

#define JSON_TYPE "application/json; charset=UTF-8"

const char *
tyron_prefix_check(struct slice prefix)
{
	char name[TYRON_PREFIX_MAX + 1];
	const char *why;

	if (prefix.n == 0 || prefix.n > TYRON_PREFIX_MAX ||
	    prefix.p[prefix.n - 1] != '/')
		return "1 to 200 bytes that end in a slash";
	memcpy(name, prefix.p, prefix.n);
	name[prefix.n] = 'x';
	why = channel_check((struct slice){name, prefix.n + 1});
	if (why == NULL && channel_kind(prefix) != CHANNEL_PUBLIC)
		why = "not public, and a poll of Tyron has no token";
	return why;
}

void
tyron_channel(struct buf *out, struct slice prefix, struct slice name)
{
	struct segment_room room = {
	    .bytes = CHANNEL_MAX - prefix.n, .segments = CHANNEL_SEGMENTS + 1};

	buf_put(out, prefix);
	if (slice_is(prefix, INCUS_PAGE_PREFIX) && name.n != 0) {
		incus_name(out, name);
		return;
	}
	for (size_t i = 0; i < prefix.n; i++)
		room.segments -= prefix.p[i] == '/';
	segment_path(out, name, room);
}

bool
tyron_name(struct buf *out, struct slice path)
{
	size_t from = out->n;

	for (size_t i = 0, n; i < path.n; i += n) {
		n = path.p[i] == '%' && i + 3 <= path.n ? 3 : 1;
		if (n == 3 &&
		    url_decode(out, (struct slice){path.p + i, n}, URL_PATH))
			continue;
		n = 1;
		buf_chr(out, path.p[i]);
	}
	return path.n == 0 ||
	       utf8_valid((struct slice){out->p + from, out->n - from});
}

/* ---- From Redis */

enum { CHANNEL, DATA, MEMBERS };
static const struct json_field members[MEMBERS] = {
    [CHANNEL] = {SLICE_INIT("channel"), JSON_ANY, false},
    [DATA] = {SLICE_INIT("data"), JSON_ANY, false},
};

static enum code
refuse(struct native *n, enum code code, unsigned member, const char *why)
{
	n->fault = (struct native_fault){
	    .code = code, .why = why, .field = members[member].name.p};
	return code;
}

enum code
tyron_read(struct native *n, struct slice prefix, struct slice item)
{
	struct json_value v[MEMBERS];
	struct json_walk w;

	native_begin(n);
	json_object(&w, item, NULL);
	if (!json_object_read(&w, (struct json_table){members, MEMBERS}, v)) {
		n->fault = native_bad_json(&w);
		return n->fault.code;
	}
	for (unsigned i = 0; i < MEMBERS; i++)
		if (v[i].kind == JSON_NONE)
			return refuse(n, CODE_missing_field, i, NULL);
	if (v[CHANNEL].kind != JSON_STRING)
		return refuse(n, CODE_bad_field, CHANNEL, "not a string");
	if (v[DATA].raw.n > NATIVE_BODY_MAX)
		return refuse(n, CODE_too_large, DATA, NULL);
	tyron_channel(&n->bytes, prefix, json_string(v[CHANNEL], &n->text));
	n->msg.publish.body = v[DATA].raw;
	return native_channel(n, buf_slice(&n->bytes));
}

/* ---- To clients */

static struct tyron_body
of_json(struct json_value v, struct buf *room)
{
	switch (v.kind) {
	case JSON_STRING:
		return (struct tyron_body){{NULL, 0}, json_string(v, room)};
	case JSON_NULL:
		return (struct tyron_body){{NULL, 0}, {NULL, 0}};
	default:
		return (struct tyron_body){SLICE(JSON_TYPE), v.raw};
	}
}

/* What a publisher has named might end the header line. */
static struct slice
good_type(struct slice type)
{
	for (size_t i = 0; i < type.n; i++)
		if (!http_is(type.p[i], HTTP_VALUE))
			return SLICE("application/octet-stream");
	return type.n != 0 ? type : SLICE("application/octet-stream");
}

struct tyron_body
tyron_body(struct slice type, struct slice body, struct buf *room)
{
	switch (message_shape(type, body)) {
	case SHAPE_JSON:
	case SHAPE_PRESENCE:
		/* others than ingress and bridge publish as well */
		if (json_check(body, NULL, NULL) == NULL)
			return of_json(json_value(body), room);
		type = SLICE("");
		break;
	case SHAPE_TEXT:
		return (struct tyron_body){{NULL, 0}, body};
	case SHAPE_BYTES:
		break;
	}
	return (struct tyron_body){good_type(type), body};
}

bool
tyron_rules_read(struct tyron_rules *t, const struct options *o)
{
	const char *text = opt_str(o, "tyron_text");
	char shown[LOG_VALUE];

	t->cors = opt_bool(o, "tyron_cors");
	t->text = SLICE("text/plain; charset=UTF-8");
	if (strcmp(text, "text/plain") == 0)
		return true;
	t->text = SLICE("text/html; charset=UTF-8");
	if (strcmp(text, "text/html") == 0)
		return true;
	log_err("setting", "name=tyron_text value=%s why=\"%s\"",
	    log_value(shown, sizeof(shown), slice_of(text)),
	    "neither text/plain nor text/html");
	return false;
}

bool
tyron_prefix_read(struct slice *prefix, const struct options *o)
{
	const char *why;

	*prefix = slice_of(opt_str(o, "tyron_prefix"));
	if ((why = tyron_prefix_check(*prefix)) != NULL)
		log_err("setting", "name=tyron_prefix why=\"%s\"", why);
	return why == NULL;
}
