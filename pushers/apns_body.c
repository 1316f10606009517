/*
 * apns_body.c - the rules of Apple's headers, and which job says what.
 *
 * A push that shows something is an alert, anything else goes in the
 * background, unless it says otherwise.  A push of the background with a
 * priority above 5 is an error at Apple's, so it never has one.
 */
#include "pushers/apns_body.h"

#include "common/base64.h"
#include "common/crypto.h"
#include "common/json.h"
#include "pushers/apns_incus.h"

#include <stdio.h>

enum { COLLAPSE = 64 }; /* bytes of apns-collapse-id */

/* ---- Bodies of our own form */

enum member {
	PAYLOAD,
	CONNECTION,
	TOPIC,
	PUSH_TYPE,
	PRIORITY,
	EXPIRATION,
	COLLAPSE_ID,
	APS,
	MEMBERS
};

static const struct json_field members[MEMBERS] = {
    [PAYLOAD] = {SLICE_INIT("payload"), JSON_ANY, false},
    [CONNECTION] = {SLICE_INIT("connection"), JSON_ANY, false},
    [TOPIC] = {SLICE_INIT("topic"), JSON_ANY, false},
    [PUSH_TYPE] = {SLICE_INIT("push_type"), JSON_ANY, false},
    [PRIORITY] = {SLICE_INIT("priority"), JSON_ANY, false},
    [EXPIRATION] = {SLICE_INIT("expiration"), JSON_ANY, false},
    [COLLAPSE_ID] = {SLICE_INIT("collapse_id"), JSON_ANY, false},
    [APS] = {SLICE_INIT("aps"), JSON_ANY, false},
};

enum { ALERT, BADGE, SOUND, APS_MEMBERS };

static const struct json_field aps_members[APS_MEMBERS] = {
    [ALERT] = {SLICE_INIT("alert"), JSON_ANY, false},
    [BADGE] = {SLICE_INIT("badge"), JSON_ANY, false},
    [SOUND] = {SLICE_INIT("sound"), JSON_ANY, false},
};

static bool
read_object(
    struct slice object, struct json_table table, struct json_value *values)
{
	struct json_walk walk;

	return json_object(&walk, object, NULL) &&
	       json_object_read(&walk, table, values);
}

static bool
there(struct json_value v)
{
	return v.kind != JSON_NONE && v.kind != JSON_NULL;
}

/* Text, or not there. */
static bool
text(struct apns_body *b, struct json_value v, struct slice *out)
{
	if (!there(v))
		return true;
	if (v.kind != JSON_STRING)
		return false;
	*out = json_string(v, &b->words);
	return true;
}

static bool
number(struct json_value v, uint64_t *out)
{
	return !there(v) || (v.kind == JSON_NUMBER && json_uint(v, out));
}

/* What goes around the payload. */
static const char *
read_around(struct apns_body *b, const struct json_value *v)
{
	if (!text(b, v[CONNECTION], &b->which))
		return "connection is not text";
	if (!text(b, v[TOPIC], &b->topic))
		return "topic is not text";
	if (!text(b, v[PUSH_TYPE], &b->push_type))
		return "push_type is not text";
	if (!text(b, v[COLLAPSE_ID], &b->collapse))
		return "collapse_id is not text";
	if (!number(v[PRIORITY], &b->priority) || b->priority > 10)
		return "priority is not 1, 5 or 10";
	if (!number(v[EXPIRATION], &b->expiration))
		return "expiration is not unix seconds";
	return NULL;
}

static bool
shows(struct slice payload)
{
	struct json_value v[MEMBERS], aps[APS_MEMBERS];

	return read_object(payload, (struct json_table){members, MEMBERS}, v) &&
	       v[APS].kind == JSON_OBJECT &&
	       read_object(v[APS].raw,
		   (struct json_table){aps_members, APS_MEMBERS}, aps) &&
	       (there(aps[ALERT]) || there(aps[BADGE]) || there(aps[SOUND]));
}

static const char *
read_own(struct apns_body *b, const struct push *x)
{
	struct json_value v[MEMBERS];
	const char *why = NULL;

	if (!read_object(x->body, (struct json_table){members, MEMBERS}, v))
		return "the body is not a JSON object of up to 64 members";
	b->collapse = x->collapse;
	b->expiration = x->expires / 1000;
	if (v[PAYLOAD].kind == JSON_OBJECT) {
		b->payload = v[PAYLOAD].raw;
		buf_room(&b->words, x->body.n); /* what is there stays */
		why = read_around(b, v);
	} else if (v[APS].kind == JSON_OBJECT) {
		b->payload = x->body;
	} else {
		why = "the body has neither aps nor payload";
	}
	b->shows = why == NULL && shows(b->payload);
	return why;
}

/* ---- What both have */

static const char *
set_path(struct apns_body *b, struct slice target)
{
	size_t at = (size_t)snprintf(b->path, sizeof(b->path), "/3/device/");

	if (target.n == 0 || target.n > APNS_TARGET || target.n % 2 != 0)
		return "BadDeviceToken";
	for (size_t i = 0; i < target.n; i++) {
		char c = target.p[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c + 'a' - 'A');
		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return "BadDeviceToken";
		b->path[at++] = c;
	}
	b->path[at] = '\0';
	return NULL;
}

/* The same for each attempt, so that what came twice can be told. */
static void
set_id(struct apns_body *b, const struct push *x)
{
	struct buf all = {0};
	unsigned char d[CRYPTO_SHA256_SIZE];
	size_t at = 0;

	buf_printf(&all, "%llu %llu %llu ", (unsigned long long)x->lease.job[0],
	    (unsigned long long)x->lease.job[1],
	    (unsigned long long)x->created);
	buf_put(&all, x->target);
	crypto_sha256(buf_slice(&all), d);
	buf_free(&all);
	d[6] = (unsigned char)((d[6] & 0x0f) | 0x80); /* RFC 9562: one's own */
	d[8] = (unsigned char)((d[8] & 0x3f) | 0x80);
	for (unsigned i = 0; i < 16; i++)
		at += (size_t)snprintf(b->id + at, sizeof(b->id) - at, "%s%02x",
		    i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", d[i]);
}

const char *
apns_body_read(struct apns_body *b, const struct push *x)
{
	const char *why = set_path(b, x->target);

	if (why != NULL)
		return why;
	set_id(b, x);
	return slice_is(x->app, "incus") ? apns_incus_read(b, x)
	                                 : read_own(b, x);
}

/* ---- Apple's headers */

/* May it stand in a header?  Nothing of Apple's has other characters. */
static bool
printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return true;
}

/* What does not fit is a digest, which collapses as well. */
static struct slice
collapse_id(struct apns_body *b)
{
	unsigned char d[CRYPTO_SHA256_SIZE];
	struct buf out = {0};

	if (b->collapse.n <= COLLAPSE && printable(b->collapse))
		return b->collapse;
	crypto_sha256(b->collapse, d);
	base64_encode(&out, (struct slice){(char *)d, sizeof(d)}, BASE64_TOKEN);
	snprintf(b->collapsed, sizeof(b->collapsed), "%.*s",
	    SLICE_ARGS(buf_slice(&out)));
	buf_free(&out);
	return slice_of(b->collapsed);
}

/* Of some types it is another one; who says it himself may say any of these
 * under the application's, for else he could write to others' devices. */
static const char *
set_topic(struct apns_body *b, const struct apns_app *app)
{
	static const struct {
		const char *type, *suffix;
	} suffixes[] = {
	    {"voip", ".voip"},
	    {"complication", ".complication"},
	    {"fileprovider", ".pushkit.fileprovider"},
	    {"location", ".location-query"},
	    {"liveactivity", ".push-type.liveactivity"},
	    {"pushtotalk", ".voip-ptt"},
	};
	struct slice own = slice_of(app->topic);
	const char *suffix = "";

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (slice_is(b->push_type, suffixes[i].type))
			suffix = suffixes[i].suffix;
	if (b->topic.n == 0) {
		if (own.n == 0) /* the certificate's */
			return NULL;
		snprintf(b->full_topic, sizeof(b->full_topic), "%s%s",
		    app->topic, suffix);
		b->topic = slice_of(b->full_topic);
		return NULL;
	}
	if (!printable(b->topic) || b->topic.n >= sizeof(app->topic))
		return "BadTopic";
	if (own.n == 0 || slice_eq(b->topic, own) ||
	    (slice_starts(b->topic, own) && b->topic.p[own.n] == '.'))
		return NULL;
	return "topic is not the application's";
}

static const char *
set_type(struct apns_body *b, const struct apns_app *app)
{
	if (b->push_type.n == 0)
		b->push_type = b->shows ? SLICE("alert")
		               : app->push_type[0] != '\0'
		                   ? slice_of(app->push_type)
		                   : SLICE("background");
	if (!apns_push_type(b->push_type))
		return "InvalidPushType";
	if (slice_is(b->push_type, "background") &&
	    (b->priority == 0 || b->priority > 5))
		b->priority = 5;
	if (b->priority == 0)
		b->priority = 10;
	return NULL;
}

const char *
apns_body_settle(struct apns_body *b, const struct apns_app *app)
{
	const char *why = set_type(b, app);

	if (why == NULL)
		why = set_topic(b, app);
	if (why == NULL &&
	    b->payload.n > (slice_is(b->push_type, "voip") ? APNS_PAYLOAD_VOIP
							   : APNS_PAYLOAD))
		why = "PayloadTooLarge";
	return why;
}

static void
field(struct apns_body *b, struct slice name, struct slice value)
{
	if (value.n != 0)
		b->fields[b->n++] = (struct h2_field){name, value, false};
}

static void
field_once(struct apns_body *b, struct slice name, const char *value)
{
	b->fields[b->n++] = (struct h2_field){name, slice_of(value), true};
}

void
apns_body_write(struct apns_body *b, struct slice token, struct h2_request *r)
{
	struct slice priority = b->priority == 1   ? SLICE("1")
	                        : b->priority <= 5 ? SLICE("5")
	                                           : SLICE("10");

	b->n = 0;
	snprintf(b->number, sizeof(b->number), "%llu",
	    (unsigned long long)b->expiration);
	field(b, SLICE("authorization"), token);
	field(b, SLICE("apns-topic"), b->topic);
	field(b, SLICE("apns-push-type"), b->push_type);
	field(b, SLICE("apns-priority"), priority);
	field(b, SLICE("apns-collapse-id"), collapse_id(b));
	field_once(b, SLICE("apns-id"), b->id);
	field_once(b, SLICE("apns-expiration"), b->number);
	r->path = slice_of(b->path);
	r->fields = b->fields;
	r->n = b->n;
	r->body = b->payload;
}

void
apns_body_free(struct apns_body *b)
{
	buf_free(&b->words);
	buf_free(&b->made);
}
