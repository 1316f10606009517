/*
 * api_device.c - a token is put to a user: it leaves whoever had it.
 */
#include "common/json.h"
#include "common/json_write.h"
#include "ingress/api_devices.h"

enum {
	VALUE_MAX = 4096, /* of a device's row */
	QUEUE_MAX = 31,
};

/* It is alive again, if it ever was not. */
static void
put_alive(struct steps *s)
{
	devices_unset(devices_of(s),
	    (struct msg_unset){.home = devices_of(s)->token_at,
		.table = SLICE("rejected"),
		.key = SLICE("since")},
	    devices_told);
}

static void
put_device(struct steps *s)
{
	struct devices *d = devices_of(s);

	devices_set(d,
	    (struct msg_set){.home = devices_home(d, d->user),
		.table = SLICE("devices"),
		.key = slice_of(d->token),
		.value = buf_slice(&d->value)},
	    put_alive);
}

static void
put_owner(struct steps *s)
{
	struct devices *d = devices_of(s);

	devices_set(d,
	    (struct msg_set){.home = d->token_at,
		.table = SLICE("tokens"),
		.key = SLICE("user"),
		.value = slice_of(d->user)},
	    put_device);
}

static void
leave_owner(struct steps *s)
{
	struct devices *d = devices_of(s);

	if (d->owner[0] != '\0' && strcmp(d->owner, d->user) != 0)
		devices_unset_one(d, d->owner, put_owner);
	else
		put_owner(s);
}

static void
count_device(struct steps *s, const struct msg_row *row)
{
	devices_of(s)->count++;
	devices_of(s)->known =
	    devices_of(s)->known || slice_is(row->key, devices_of(s)->token);
}

static void
check_count(struct steps *s)
{
	if (devices_of(s)->count >= DEVICES_MOST && !devices_of(s)->known)
		ask_refuse(
		    &s->a, CODE_too_many, "user", "he has 100 devices already");
	else
		devices_find_owner(devices_of(s), leave_owner);
}

enum field { TOKEN, QUEUE, DATA, FIELDS };

static const struct json_field fields[FIELDS] = {
    [TOKEN] = {SLICE_INIT("token"), JSON_MAY(JSON_STRING), true},
    [QUEUE] = {SLICE_INIT("queue"), JSON_MAY(JSON_STRING), true},
    [DATA] = {SLICE_INIT("data"), JSON_ANY, false},
};

/* As a job's may be. */
static bool
is_queue(const char *name)
{
	return strpbrk(name, " /") == NULL;
}

static bool
take_text(char *to, struct json_value v, size_t max)
{
	struct buf text = {.max = max};
	struct slice s = json_string(v, &text);
	bool good = s.p != NULL && device_name_ok(s, max);

	if (good) {
		memcpy(to, s.p, s.n);
		to[s.n] = '\0';
	}
	buf_free(&text);
	return good;
}

/* The row's value is what GET shows. */
static bool
make_value(struct devices *d, const char *queue, struct json_value data)
{
	struct buf *b = &d->value;

	b->max = VALUE_MAX;
	buf_str(b, "{\"token\":");
	json_escape(b, slice_of(d->token));
	buf_str(b, ",\"queue\":");
	json_escape(b, slice_of(queue));
	buf_printf(b, ",\"seen\":%llu",
	    (unsigned long long)loop_unix_ms(request_front(&d->s.a.r)->loop));
	if (data.kind != JSON_NONE) {
		buf_str(b, ",\"data\":");
		json_compact(b, data.raw);
	}
	buf_chr(b, '}');
	return !b->full;
}

void
devices_put(struct devices *d, struct slice body)
{
	struct json_value v[FIELDS];
	struct json_walk w;
	char queue[QUEUE_MAX + 1];

	if (!json_object(&w, body, NULL) ||
	    !json_object_read(&w, (struct json_table){fields, FIELDS}, v)) {
		ask_refuse(&d->s.a, CODE_bad_json,
		    w.row != NULL ? w.row->name.p : NULL, w.why);
	} else if (!take_text(d->token, v[TOKEN], DEVICE_TOKEN)) {
		ask_refuse(&d->s.a, CODE_bad_field, "token",
		    "not a text of 1 to 255 bytes");
	} else if (!take_text(queue, v[QUEUE], QUEUE_MAX) || !is_queue(queue)) {
		ask_refuse(&d->s.a, CODE_bad_field, "queue",
		    "not a name of 1 to 31 bytes");
	} else if (!make_value(d, queue, v[DATA])) {
		ask_refuse(
		    &d->s.a, CODE_too_large, "data", "more than 4096 bytes");
	} else {
		buf_put(&d->s.a.answer, buf_slice(&d->value));
		steps_scan(&d->s,
		    &(struct msg_scan){.table = SLICE("devices"),
			.home = devices_home(d, d->user),
			.limit = DEVICES_MOST},
		    count_device, check_count);
	}
}
