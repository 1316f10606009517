/*
 * envelope.c - reads envelopes, and names what is wrong with one.
 */
#include "ingress/envelope.h"

#include "common/base64.h"
#include "common/channel.h"
#include "common/json.h"
#include "common/must.h"
#include "common/url.h"

enum { CHANNEL, DATA, TEXT, BASE64, ID, TTL, RECEIPT, FIELDS };

static const struct json_field fields[FIELDS] = {
    [CHANNEL] = {SLICE_INIT("channel"), JSON_ANY, false},
    [DATA] = {SLICE_INIT("data"), JSON_ANY, false},
    [TEXT] = {SLICE_INIT("text"), JSON_ANY, false},
    [BASE64] = {SLICE_INIT("base64"), JSON_ANY, false},
    [ID] = {SLICE_INIT("id"), JSON_ANY, false},
    [TTL] = {SLICE_INIT("ttl"), JSON_ANY, false},
    [RECEIPT] = {SLICE_INIT("receipt"), JSON_ANY, false},
};

static bool
fault(struct envelope_fault *f, enum code code, const char *field,
    const char *why)
{
	*f = (struct envelope_fault){.code = code, .why = why, .field = field};
	return false;
}

static bool
check_channel(struct envelope *e, struct envelope_fault *f)
{
	const char *why = channel_check(e->channel);

	return why == NULL || fault(f, CODE_bad_channel, "channel", why);
}

static bool
check_id(struct envelope *e, struct envelope_fault *f)
{
	return e->id.n <= ENVELOPE_ID_MAX ||
	       fault(f, CODE_bad_field, "id", "longer than 255 bytes");
}

/* `number`: it is one, and stands in e->ttl. */
static bool
check_ttl(const struct envelope *e, bool number, struct envelope_fault *f)
{
	return (number && e->ttl != 0 && e->ttl <= ENVELOPE_TTL_MAX) ||
	       fault(f, CODE_bad_field, "ttl",
		   "not a whole number of seconds from 1 to a year");
}

static bool
take_receipt(struct envelope *e, struct slice name, struct envelope_fault *f)
{
	if (slice_is(name, "stored"))
		e->receipt = RECEIPT_STORED;
	else if (!slice_is(name, "routed"))
		return fault(f, CODE_bad_field, "receipt",
		    "neither \"routed\" nor \"stored\"");
	return true;
}

/* A member that must be a string, if it is there at all. */
static bool
take_string(struct slice *out, struct json_value v, const char *field,
    struct envelope_fault *f)
{
	if (v.kind != JSON_STRING)
		return fault(f, CODE_bad_field, field, "not a string");
	*out = v.raw;
	return true;
}

static bool
take_text(struct envelope *e, struct json_value v, struct buf *scratch,
    struct envelope_fault *f)
{
	if (!take_string(&e->body, v, "text", f))
		return false;
	e->body = json_string(v, scratch);
	e->type = SLICE("text/plain;charset=utf-8");
	return true;
}

static bool
take_base64(struct envelope *e, struct json_value v, struct buf *scratch,
    struct envelope_fault *f)
{
	struct slice coded;
	const char *why;
	size_t from;

	if (!take_string(&coded, v, "base64", f))
		return false;
	coded = (struct slice){v.raw.p + 1, v.raw.n - 2};
	from = scratch->n;
	why = base64_decode(scratch, coded, BASE64_STD | BASE64_EITHER);
	if (why != NULL) {
		scratch->n = from;
		why = base64_decode(scratch, coded, BASE64_URL | BASE64_EITHER);
	}
	if (why != NULL || v.escaped)
		return fault(f, CODE_bad_field, "base64",
		    why != NULL ? why : "escapes in base64");
	e->body = (struct slice){scratch->p + from, scratch->n - from};
	e->type = SLICE("application/octet-stream");
	return true;
}

static bool
take_body(struct envelope *e, const struct json_value *v, struct buf *scratch,
    struct envelope_fault *f)
{
	unsigned count = 0;

	for (unsigned i = DATA; i <= BASE64; i++)
		count += v[i].kind != JSON_NONE;
	if (count == 0)
		return fault(f, CODE_missing_field, "data",
		    "one of data, text and base64 is needed");
	if (count != 1)
		return fault(f, CODE_bad_field, "data",
		    "only one of data, text and base64 may be there");
	if (v[TEXT].kind != JSON_NONE)
		return take_text(e, v[TEXT], scratch, f);
	if (v[BASE64].kind != JSON_NONE)
		return take_base64(e, v[BASE64], scratch, f);
	e->body = v[DATA].raw;
	return true;
}

static bool
take_rest(struct envelope *e, const struct json_value *v, struct buf *scratch,
    struct envelope_fault *f)
{
	struct slice raw;
	bool number;

	if (v[ID].kind != JSON_NONE && v[ID].kind != JSON_NULL) {
		if (!take_string(&raw, v[ID], "id", f))
			return false;
		e->id = json_string(v[ID], scratch);
		if (!check_id(e, f))
			return false;
	}
	number = v[TTL].kind == JSON_NUMBER && json_uint(v[TTL], &e->ttl);
	if (v[TTL].kind != JSON_NONE && !check_ttl(e, number, f))
		return false;
	if (v[RECEIPT].kind == JSON_NONE)
		return true;
	if (!take_string(&raw, v[RECEIPT], "receipt", f))
		return false;
	return take_receipt(e, json_string(v[RECEIPT], scratch), f);
}

bool
envelope_read(struct envelope *e, struct slice json, struct buf *scratch,
    struct envelope_fault *f)
{
	struct json_value v[FIELDS];
	struct json_walk w;
	struct slice raw;

	*e = (struct envelope){.ttl = 0};
	buf_clear(scratch);
	must(
	    buf_room(scratch, json.n + 16) != NULL); /* so that nothing moves */
	json_object(&w, json, NULL);
	if (!json_object_read(&w, (struct json_table){fields, FIELDS}, v)) {
		fault(f, CODE_bad_json, NULL, w.why);
		f->at = w.at;
		return false;
	}
	if (v[CHANNEL].kind == JSON_NONE)
		return fault(f, CODE_missing_field, "channel", NULL);
	if (!take_string(&raw, v[CHANNEL], "channel", f))
		return false;
	e->channel = json_string(v[CHANNEL], scratch);
	if (!check_channel(e, f) || !take_body(e, v, scratch, f) ||
	    !take_rest(e, v, scratch, f))
		return false;
	return e->body.n <= ENVELOPE_BODY_MAX ||
	       fault(f, CODE_too_large, "data", NULL);
}

/* Decode a value of the query behind what the scratch holds. */
static bool
decode(struct slice raw, struct buf *scratch, struct slice *out)
{
	size_t from = scratch->n;

	if (!url_decode(scratch, raw, URL_QUERY))
		return false;
	*out = (struct slice){scratch->p + from, scratch->n - from};
	return true;
}

static bool
take_pair(struct envelope *e, struct slice name, struct slice value,
    struct envelope_fault *f)
{
	bool number;

	if (url_is(name, SLICE("channel"), URL_QUERY)) {
		e->channel = value;
		return check_channel(e, f);
	}
	if (url_is(name, SLICE("id"), URL_QUERY)) {
		e->id = value;
		return check_id(e, f);
	}
	if (url_is(name, SLICE("ttl"), URL_QUERY)) {
		number = slice_num(value, &e->ttl);
		return check_ttl(e, number, f);
	}
	if (url_is(name, SLICE("receipt"), URL_QUERY))
		return take_receipt(e, value, f);
	return true;
}

bool
envelope_query(struct envelope *e, struct slice query, struct buf *scratch,
    struct envelope_fault *f)
{
	struct slice rest = query, name, value;

	*e = (struct envelope){.ttl = 0};
	must(buf_room(scratch, query.n + 1) != NULL);
	while (url_query_next(&rest, &name, &value)) {
		if (value.p != NULL && !decode(value, scratch, &value))
			return fault(f, CODE_bad_request, NULL,
			    "a value of the query is not percent-encoded");
		if (!take_pair(e, name, value, f))
			return false;
	}
	return e->channel.p != NULL ||
	       fault(f, CODE_missing_field, "channel", NULL);
}

/* A media type without its parameters. */
static bool
is_json(struct slice type)
{
	struct slice rest = type, name = type;

	slice_cut(&rest, ';', &name);
	name = slice_trim(name);
	return http_same(name, SLICE("application/json"));
}

bool
envelope_raw(struct envelope *e, struct slice content_type, struct slice body,
    struct envelope_fault *f)
{
	const char *why;
	size_t at;

	e->body = body;
	if (body.n > ENVELOPE_BODY_MAX)
		return fault(f, CODE_too_large, NULL, NULL);
	if (content_type.n > 127)
		return fault(
		    f, CODE_bad_request, NULL, "Content-Type is too long");
	if (content_type.n == 0) {
		e->type = SLICE("application/octet-stream");
		return true;
	}
	e->type = content_type;
	if (!is_json(content_type))
		return true;
	e->type = SLICE("");
	if ((why = json_check(body, NULL, &at)) == NULL)
		return true;
	fault(f, CODE_bad_json, NULL, why);
	f->at = at;
	return false;
}
