/*
 * native.c - the publish object, read once for all who take it.
 *
 * HTTP, Redis, WebSocket and pipes promise the same object; were it read in
 * four places, they would soon differ.
 */
#include "common/native.h"

#include "common/base64.h"
#include "common/channel.h"
#include "common/json.h"
#include "common/must.h"

enum {
	ID_MAX = 255,        /* as in msg.def */
	TTL_MAX = 315360000, /* s, ten years: what is more was meant as ms */
};

enum member { CHANNEL, DATA, TEXT, BASE64, ID, TTL, RECEIPT, MEMBERS };

static const struct json_field fields[MEMBERS] = {
    [CHANNEL] = {SLICE_INIT("channel"), JSON_MAY(JSON_STRING), false},
    [DATA] = {SLICE_INIT("data"), JSON_ANY, false},
    [TEXT] = {SLICE_INIT("text"), JSON_MAY(JSON_STRING), false},
    [BASE64] = {SLICE_INIT("base64"), JSON_MAY(JSON_STRING), false},
    [ID] = {SLICE_INIT("id"), JSON_MAY(JSON_STRING), false},
    [TTL] = {SLICE_INIT("ttl"), JSON_MAY(JSON_NUMBER), false},
    [RECEIPT] = {SLICE_INIT("receipt"), JSON_MAY(JSON_STRING), false},
};

static enum code
refuse(struct native *n, enum code code, enum member m, const char *why)
{
	n->field = m < MEMBERS ? fields[m].name : (struct slice){"", 0};
	n->why = why;
	return n->code = code;
}

enum code
native_channel(struct native *n, struct slice channel)
{
	const char *why = channel_check(channel);

	if (why != NULL)
		return refuse(n, CODE_bad_channel, CHANNEL, why);
	if (channel_kind(channel) == CHANNEL_META)
		return refuse(n, CODE_forbidden, CHANNEL,
		    "meta channels are for listening only");
	n->msg.publish.channel = channel;
	return CODE_ok;
}

/* Exactly one of the three that say what the message is. */
static enum code
read_body(struct native *n, const struct json_value *v)
{
	struct msg_publish *p = &n->msg.publish;
	unsigned given = (v[DATA].kind != JSON_NONE) +
	                 (v[TEXT].kind != JSON_NONE) +
	                 (v[BASE64].kind != JSON_NONE);

	if (given == 0)
		return refuse(n, CODE_missing_field, DATA,
		    "one of data, text and base64 is needed");
	if (given > 1)
		return refuse(n, CODE_bad_field, DATA,
		    "only one of data, text and base64 may be given");
	if (v[DATA].kind != JSON_NONE) {
		p->body = v[DATA].raw;
	} else if (v[TEXT].kind != JSON_NONE) {
		p->type = SLICE("text/plain;charset=utf-8");
		p->body = json_string(v[TEXT], &n->text);
	} else {
		struct slice text = json_string(v[BASE64], &n->text);
		const char *why =
		    base64_decode(&n->bytes, text, BASE64_STD | BASE64_EITHER);

		if (why != NULL)
			return refuse(n, CODE_bad_field, BASE64, why);
		p->type = SLICE("application/octet-stream");
		p->body = buf_slice(&n->bytes);
	}
	if (p->body.n > NATIVE_BODY_MAX)
		return refuse(n, CODE_too_large, DATA,
		    "the message is larger than 4 MiB");
	return CODE_ok;
}

static enum code
read_rest(struct native *n, const struct json_value *v, uint64_t unix_ms)
{
	struct msg_publish *p = &n->msg.publish;
	uint64_t ttl;

	if (v[ID].kind != JSON_NONE) {
		p->id = json_string(v[ID], &n->text);
		if (p->id.n == 0 || p->id.n > ID_MAX)
			return refuse(
			    n, CODE_bad_field, ID, "must have 1 to 255 bytes");
	}
	if (v[TTL].kind != JSON_NONE) {
		if (!json_uint(v[TTL], &ttl) || ttl == 0 || ttl > TTL_MAX)
			return refuse(n, CODE_bad_field, TTL,
			    "must be a whole number of seconds above 0, "
			    "at most ten years");
		p->expires = unix_ms + ttl * 1000;
	}
	if (v[RECEIPT].kind == JSON_NONE)
		return CODE_ok;
	if (json_is(v[RECEIPT], SLICE("stored")))
		p->receipt = RECEIPT_STORED;
	else if (!json_is(v[RECEIPT], SLICE("routed")))
		return refuse(n, CODE_bad_field, RECEIPT,
		    "must be \"routed\" or \"stored\"");
	return CODE_ok;
}

/* What the walk found wrong is either the JSON or a member we look for. */
static enum code
refuse_json(struct native *n, struct slice json, const struct json_walk *w)
{
	n->why = w->why;
	n->field = w->field;
	if (json_check(json, NULL, NULL) != NULL)
		return n->code = CODE_bad_json;
	if (w->field.n == 0)
		return n->code = CODE_bad_request;
	return n->code = CODE_bad_field;
}

enum code
native_read(struct native *n, struct slice json, uint64_t unix_ms)
{
	struct json_value v[MEMBERS];
	struct json_walk w;

	n->msg = (struct msg){.id = MSG_publish};
	n->code = CODE_ok;
	n->why = NULL;
	n->field = (struct slice){"", 0};
	buf_clear(&n->text);
	buf_clear(&n->bytes);
	if (!json_object(&w, json, NULL) ||
	    !json_object_read(&w, (struct json_table){fields, MEMBERS}, v))
		return refuse_json(n, json, &w);
	if (v[CHANNEL].kind == JSON_NONE)
		return refuse(
		    n, CODE_missing_field, CHANNEL, "a channel is needed");
	/* strings borrow from text, which must not move under them */
	must(buf_room(&n->text, json.n) != NULL);
	if (native_channel(n, json_string(v[CHANNEL], &n->text)) != CODE_ok ||
	    read_body(n, v) != CODE_ok || read_rest(n, v, unix_ms) != CODE_ok)
		return n->code;
	return CODE_ok;
}

void
native_free(struct native *n)
{
	buf_free(&n->text);
	buf_free(&n->bytes);
	*n = (struct native){0};
}
