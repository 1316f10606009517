/*
 * apns_incus.c - one job of the bridge, turned into what Incus sent.
 */
#include "pushers/apns_incus.h"

#include "common/incus_body.h"
#include "common/json.h"

#include <math.h>
#include <stdlib.h>

enum { DEVICE_TOKEN, BUILD, SOUND, MESSAGE, RECEIVED, MEMBERS };

static const struct json_field members[MEMBERS] = {
    [DEVICE_TOKEN] = {SLICE_INIT("device_token"), JSON_MAY(JSON_STRING), true},
    [BUILD] = {SLICE_INIT("build"), JSON_MAY(JSON_STRING), true},
    [SOUND] = {SLICE_INIT("sound"), JSON_MAY(JSON_STRING), false},
    [MESSAGE] = {SLICE_INIT("message"), JSON_MAY(JSON_OBJECT), true},
    [RECEIVED] = {SLICE_INIT("received"), JSON_MAY(JSON_NUMBER), true},
};

enum { TEXT, OTHER_TEXT, BADGE, DATA_MEMBERS };

static const struct json_field data_members[DATA_MEMBERS] = {
    [TEXT] = {SLICE_INIT("message_text"), JSON_ANY, false},
    [OTHER_TEXT] = {SLICE_INIT("message"), JSON_ANY, false},
    [BADGE] = {SLICE_INIT("badge_count"), JSON_ANY, false},
};

/* As a float becomes an int; beyond any badge it is none. */
static long
badge_of(struct json_value v)
{
	char digits[64];
	double d;

	if (v.kind != JSON_NUMBER || v.raw.n >= sizeof(digits))
		return -1;
	memcpy(digits, v.raw.p, v.raw.n);
	digits[v.raw.n] = '\0';
	d = trunc(strtod(digits, NULL));
	return d == 0 || fabs(d) > 1e9 ? -1 : (long)d;
}

static const char *
put_aps(struct buf *out, struct slice data, struct json_value sound)
{
	struct json_value v[DATA_MEMBERS];
	struct json_walk walk;
	const struct json_value *alert = &v[TEXT];

	if (!json_object(&walk, data, NULL) ||
	    !json_object_read(
		&walk, (struct json_table){data_members, DATA_MEMBERS}, v))
		return "data has more than 64 members";
	if (alert->kind == JSON_NONE)
		alert = &v[OTHER_TEXT];
	buf_str(out, "{\"aps\":{");
	if (alert->kind != JSON_NONE) {
		buf_str(out, "\"alert\":");
		buf_put(out, alert->raw);
		buf_chr(out, ',');
	}
	buf_printf(out, "\"badge\":%ld", badge_of(v[BADGE]));
	if (sound.kind == JSON_STRING) {
		buf_str(out, ",\"sound\":");
		buf_put(out, sound.raw);
	}
	buf_chr(out, '}');
	return NULL;
}

const char *
apns_incus_read(struct apns_body *b, const struct push *x)
{
	struct json_value v[MEMBERS];
	struct json_walk walk;
	struct incus_body body;
	uint64_t received;
	const char *why;

	if (!json_object(&walk, x->body, NULL) ||
	    !json_object_read(
		&walk, (struct json_table){members, MEMBERS}, v) ||
	    !incus_body_read(&body, v[MESSAGE].raw) ||
	    !json_uint(v[RECEIVED], &received))
		return "the body is not a push of Incus for iOS";
	if ((why = put_aps(&b->made, body.data, v[SOUND])) != NULL)
		return why;
	buf_str(&b->made, ",\"payload\":");
	incus_body_tell(&b->made,
	    &(struct incus_message){.body = v[MESSAGE].raw, .time = received});
	buf_chr(&b->made, '}');
	b->payload = buf_slice(&b->made);
	b->which = json_string(v[BUILD], &b->words);
	b->shows = true; /* there is always a badge */
	b->priority = 10;
	b->expiration = 0;
	b->collapse = x->collapse;
	return b->which.n != 0 ? NULL : "build is empty";
}
