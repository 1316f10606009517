/*
 * native.c - the publish object, read once for all who take it.
 *
 * HTTP, Redis, WebSocket and pipes promise the same object; were it read in
 * four places, they would soon differ.
 */
#include "common/native.h"

#include "common/base64.h"
#include "common/channel.h"
#include "common/crypto.h"
#include "common/http.h"
#include "common/message.h"
#include "common/must.h"
#include "common/url.h"

#include <stdio.h>

static const struct json_field fields[NATIVE_MEMBERS] = {NATIVE_FIELDS};

static enum code
refuse(
    struct native *n, enum code code, enum native_member field, const char *why)
{
	n->fault = (struct native_fault){
	    .code = code, .why = why, .field = fields[field].name.p};
	return code;
}

/* When it is no member that is wrong. */
static enum code
refuse_all(struct native *n, enum code code, const char *why)
{
	n->fault = (struct native_fault){.code = code, .why = why};
	return code;
}

void
native_begin(struct native *n)
{
	n->msg.id = MSG_publish;
	n->msg.publish = (struct msg_publish){.seq = 0};
	n->fault = (struct native_fault){.code = CODE_ok};
	buf_clear(&n->text);
	buf_clear(&n->bytes);
}

enum code
native_channel(struct native *n, struct slice channel)
{
	const char *why = channel_check(channel);

	if (why != NULL)
		return refuse(n, CODE_bad_channel, NATIVE_CHANNEL, why);
	if (channel_kind(channel) == CHANNEL_META)
		return refuse(n, CODE_forbidden, NATIVE_CHANNEL,
		    "meta channels are for listening only");
	n->msg.publish.channel = channel;
	return CODE_ok;
}

static enum code
set_id(struct native *n, struct slice id)
{
	if (id.n == 0 || id.n > NATIVE_ID_MAX)
		return refuse(
		    n, CODE_bad_field, NATIVE_ID, "not of 1 to 255 bytes");
	n->msg.publish.id = id;
	return CODE_ok;
}

static enum code
set_ttl(struct native *n, struct slice number, uint64_t unix_ms)
{
	uint64_t ttl;

	if (!slice_num(number, &ttl) || ttl == 0 || ttl > NATIVE_TTL_MAX)
		return refuse(n, CODE_bad_field, NATIVE_TTL,
		    "not a whole number of seconds from 1 to ten years");
	n->msg.publish.expires = unix_ms + ttl * 1000;
	return CODE_ok;
}

static enum code
set_receipt(struct native *n, struct slice name)
{
	if (slice_is(name, "stored"))
		n->msg.publish.receipt = RECEIPT_STORED;
	else if (!slice_is(name, "routed"))
		return refuse(n, CODE_bad_field, NATIVE_RECEIPT,
		    "neither \"routed\" nor \"stored\"");
	return CODE_ok;
}

void
native_id(struct native *n, struct slice made)
{
	struct msg_publish *p = &n->msg.publish;
	char chance[NATIVE_MADE / 4 * 3];

	if (p->track == 0 || (p->id.n != 0 && p->id.p != n->made.p))
		return;
	buf_clear(&n->made);
	if (made.n != 0) {
		buf_put(&n->made, made);
	} else {
		crypto_random(chance, sizeof(chance));
		base64_encode(&n->made, (struct slice){chance, sizeof(chance)},
		    BASE64_URL);
	}
	p->id = buf_slice(&n->made);
}

static enum code
set_track(struct native *n, struct slice value)
{
	n->msg.publish.track = slice_is(value, "true");
	if (n->msg.publish.track == 0 && !slice_is(value, "false"))
		return refuse(
		    n, CODE_bad_field, NATIVE_TRACK, "neither true nor false");
	return CODE_ok;
}

/* A member that must be a string. */
static enum code
take_string(struct native *n, const struct json_value *v,
    enum native_member field, struct slice *out)
{
	if (v[field].kind != JSON_STRING)
		return refuse(n, CODE_bad_field, field, "not a string");
	*out = json_string(v[field], &n->text);
	return CODE_ok;
}

static enum code
take_text(struct native *n, const struct json_value *v)
{
	struct msg_publish *p = &n->msg.publish;

	p->type = SLICE("text/plain;charset=utf-8");
	return take_string(n, v, NATIVE_TEXT, &p->body);
}

/* Either alphabet; nearly all come in the first. */
static enum code
take_base64(struct native *n, const struct json_value *v)
{
	struct msg_publish *p = &n->msg.publish;
	struct slice text;
	const char *why;

	if (take_string(n, v, NATIVE_BASE64, &text) != CODE_ok)
		return n->fault.code;
	why = base64_decode(&n->bytes, text, BASE64_STD | BASE64_EITHER);
	if (why != NULL)
		why =
		    base64_decode(&n->bytes, text, BASE64_URL | BASE64_EITHER);
	if (why != NULL)
		return refuse(n, CODE_bad_field, NATIVE_BASE64, why);
	p->type = SLICE("application/octet-stream");
	p->body = buf_slice(&n->bytes);
	return CODE_ok;
}

/* Exactly one of the three that say what the message is. */
static enum code
take_body(struct native *n, const struct json_value *v)
{
	struct msg_publish *p = &n->msg.publish;
	unsigned given = (v[NATIVE_DATA].kind != JSON_NONE) +
	                 (v[NATIVE_TEXT].kind != JSON_NONE) +
	                 (v[NATIVE_BASE64].kind != JSON_NONE);

	if (given == 0)
		return refuse(n, CODE_missing_field, NATIVE_DATA,
		    "one of data, text and base64 is needed");
	if (given > 1)
		return refuse(n, CODE_bad_field, NATIVE_DATA,
		    "only one of data, text and base64 may be given");
	if (v[NATIVE_DATA].kind != JSON_NONE)
		p->body = v[NATIVE_DATA].raw;
	else if (v[NATIVE_TEXT].kind != JSON_NONE)
		take_text(n, v);
	else
		take_base64(n, v);
	if (n->fault.code == CODE_ok && p->body.n > NATIVE_BODY_MAX)
		refuse(n, CODE_too_large, NATIVE_DATA,
		    "the message is larger than 4 MiB");
	return n->fault.code;
}

static enum code
take_rest(struct native *n, const struct json_value *v, uint64_t unix_ms)
{
	struct slice s;

	if (v[NATIVE_ID].kind != JSON_NONE && v[NATIVE_ID].kind != JSON_NULL &&
	    (take_string(n, v, NATIVE_ID, &s) != CODE_ok ||
		set_id(n, s) != CODE_ok))
		return n->fault.code;
	/* what is spelt otherwise than as plain digits is no such number */
	if (v[NATIVE_TTL].kind != JSON_NONE &&
	    set_ttl(n, v[NATIVE_TTL].raw, unix_ms) != CODE_ok)
		return n->fault.code;
	if (v[NATIVE_RECEIPT].kind != JSON_NONE &&
	    (take_string(n, v, NATIVE_RECEIPT, &s) != CODE_ok ||
		set_receipt(n, s) != CODE_ok))
		return n->fault.code;
	if (v[NATIVE_TRACK].kind != JSON_NONE) {
		if (set_track(n, v[NATIVE_TRACK].raw) != CODE_ok)
			return n->fault.code;
		native_id(n, (struct slice){NULL, 0});
	}
	return CODE_ok;
}

enum code
native_members(struct native *n, const struct json_value v[NATIVE_MEMBERS],
    uint64_t unix_ms)
{
	size_t escaped = 0;
	struct slice channel;

	native_begin(n);
	if (v[NATIVE_CHANNEL].kind == JSON_NONE)
		return refuse(n, CODE_missing_field, NATIVE_CHANNEL, NULL);
	for (unsigned i = 0; i < NATIVE_MEMBERS; i++)
		escaped += v[i].escaped ? v[i].raw.n : 0;
	/* strings borrow from text, which must not move under them */
	if (escaped != 0)
		must(buf_room(&n->text, escaped) != NULL);
	if (take_string(n, v, NATIVE_CHANNEL, &channel) != CODE_ok ||
	    native_channel(n, channel) != CODE_ok ||
	    take_body(n, v) != CODE_ok || take_rest(n, v, unix_ms) != CODE_ok)
		return n->fault.code;
	return CODE_ok;
}

struct native_fault
native_bad_json(const struct json_walk *w)
{
	return (struct native_fault){
	    .code = CODE_bad_json, .why = w->why, .at = w->at};
}

enum code
native_read(struct native *n, struct slice json, uint64_t unix_ms)
{
	struct json_value v[NATIVE_MEMBERS];
	struct json_walk w;

	json_object(&w, json, NULL);
	if (json_object_read(
		&w, (struct json_table){fields, NATIVE_MEMBERS}, v))
		return native_members(n, v, unix_ms);
	n->fault = native_bad_json(&w);
	return n->fault.code;
}

static enum code
take_pair(
    struct native *n, enum native_member m, struct slice value, uint64_t now)
{
	switch (m) {
	case NATIVE_CHANNEL:
		return native_channel(n, value);
	case NATIVE_ID:
		return set_id(n, value);
	case NATIVE_TTL:
		return set_ttl(n, value, now);
	case NATIVE_RECEIPT:
		return set_receipt(n, value);
	case NATIVE_TRACK:
		return set_track(n, value);
	default:
		return CODE_ok;
	}
}

/* Append what a value of the query stands for. */
static bool
decode(struct native *n, struct slice *value)
{
	size_t from = n->text.n;

	if (value->p == NULL)
		return true;
	if (!url_decode(&n->text, *value, URL_QUERY))
		return false;
	*value = (struct slice){n->text.p + from, n->text.n - from};
	return true;
}

enum code
native_query(struct native *n, struct slice query, uint64_t unix_ms)
{
	struct slice rest = query, name, value;
	unsigned m, given = 0;

	native_begin(n);
	must(buf_room(&n->text, query.n + 1) != NULL);
	while (url_query_next(&rest, &name, &value)) {
		if (!decode(n, &value))
			return refuse_all(n, CODE_bad_request,
			    "a value of the query is not percent-encoded");
		for (m = 0; m < NATIVE_MEMBERS; m++)
			if (url_is(name, fields[m].name, URL_QUERY))
				break;
		if (m < NATIVE_MEMBERS && (given & 1U << m) != 0)
			return refuse(n, CODE_bad_field, m, "given twice");
		given |= 1U << m;
		if (take_pair(n, m, value, unix_ms) != CODE_ok)
			return n->fault.code;
	}
	if ((given & 1U << NATIVE_CHANNEL) == 0)
		return refuse(n, CODE_missing_field, NATIVE_CHANNEL, NULL);
	native_id(n, (struct slice){NULL, 0});
	return CODE_ok;
}

/* A media type, whatever its parameters. */
static bool
is_json(struct slice type)
{
	struct slice rest = type, name = type;

	slice_cut(&rest, ';', &name);
	return http_same(slice_trim(name), SLICE("application/json"));
}

enum code
native_body(struct native *n, struct slice type, struct slice body)
{
	struct msg_publish *p = &n->msg.publish;
	const char *why;
	size_t at;

	if (body.n > NATIVE_BODY_MAX)
		return refuse_all(n, CODE_too_large, NULL);
	if (type.n > NATIVE_TYPE_MAX)
		return refuse_all(
		    n, CODE_bad_request, "Content-Type is too long");
	if (slice_starts(type, SLICE(MESSAGE_OWN))) {
		refuse_all(n, CODE_bad_field, "only the store uses this type");
		n->fault.field = "Content-Type";
		return n->fault.code;
	}
	p->body = body;
	if (type.n != 0 && is_json(type)) {
		p->type = SLICE("");
		if ((why = json_check(body, NULL, &at)) != NULL) {
			refuse_all(n, CODE_bad_json, why);
			n->fault.at = at;
		}
		return n->fault.code;
	}
	p->type = type.n != 0 ? type : SLICE("application/octet-stream");
	return CODE_ok;
}

const char *
native_why(const struct native_fault *f, char room[NATIVE_WHY])
{
	const char *why = f->why != NULL ? f->why : code_text(f->code);

	if (f->at == 0)
		return why;
	snprintf(room, NATIVE_WHY, "%s at byte %zu", why, f->at);
	return room;
}

void
native_free(struct native *n)
{
	buf_free(&n->text);
	buf_free(&n->bytes);
	buf_free(&n->made);
	*n = (struct native){0};
}
