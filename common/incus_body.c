/*
 * incus_body.c - events and data, taken apart and put together.
 */
#include "common/incus_body.h"

#include "common/base64.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/message.h"
#include "common/must.h"

enum { EVENT, DATA, MEMBERS };
static const struct json_field members[MEMBERS] = {
    [EVENT] = {SLICE_INIT("event"), JSON_ANY, false},
    [DATA] = {SLICE_INIT("data"), JSON_ANY, false},
};

/* False: not an object that can be walked. */
static bool
walk(struct slice object, struct json_value v[MEMBERS])
{
	struct json_walk w;

	json_object(&w, object, NULL);
	return json_object_read(&w, (struct json_table){members, MEMBERS}, v);
}

bool
incus_body_read(struct incus_body *b, struct slice object)
{
	struct json_value v[MEMBERS];

	if (!walk(object, v) || v[EVENT].kind != JSON_STRING ||
	    v[DATA].kind != JSON_OBJECT)
		return false;
	*b = (struct incus_body){v[EVENT].raw, v[DATA].raw};
	return true;
}

/* The object without its event and time. */
static struct slice
rest_of(struct slice object, struct buf *out)
{
	struct json_value name, value;
	struct json_walk w;
	size_t from = out->n;

	json_object(&w, object, NULL);
	buf_chr(out, '{');
	while (json_object_next(&w, &name, &value)) {
		if (json_is(name, SLICE("event")) ||
		    json_is(name, SLICE("time")))
			continue;
		if (out->n != from + 1)
			buf_chr(out, ',');
		buf_put(out, name.raw);
		buf_chr(out, ':');
		buf_put(out, value.raw);
	}
	buf_chr(out, '}');
	return (struct slice){out->p + from, out->n - from};
}

bool
incus_body_flat(struct incus_body *b, struct slice object, struct buf *room)
{
	struct json_value v[MEMBERS];

	if (!walk(object, v))
		return false;
	b->event = v[EVENT].kind == JSON_STRING ? v[EVENT].raw : SLICE("\"\"");
	b->data =
	    v[DATA].kind == JSON_OBJECT ? v[DATA].raw : rest_of(object, room);
	return true;
}

static void
put_open(struct buf *out, const struct incus_body *b)
{
	buf_put(out, SLICE("{\"event\":"));
	buf_put(out, b->event);
	buf_put(out, SLICE(",\"data\":"));
	buf_put(out, b->data);
}

void
incus_body_put(struct buf *out, const struct incus_body *b)
{
	put_open(out, b);
	buf_chr(out, '}');
}

/* One broken build of an iOS client looks for it there. */
static void
put_internal_url(struct buf *out, struct slice data)
{
	struct json_value name, value;
	struct json_walk w;

	json_object(&w, data, NULL);
	while (json_object_next(&w, &name, &value)) {
		if (value.kind != JSON_STRING ||
		    !json_is(name, SLICE("internal_url")))
			continue;
		buf_put(out, SLICE(",\"internal_url\":"));
		buf_put(out, value.raw);
		return;
	}
}

static void
put_close(struct buf *out, struct slice data, uint64_t time)
{
	buf_put(out, SLICE(",\"time\":"));
	buf_num(out, time);
	put_internal_url(out, data);
	buf_chr(out, '}');
}

static void
put_plain(struct buf *out, const struct incus_message *m, bool text)
{
	buf_put(out, SLICE("{\"event\":\"message\",\"data\":{"));
	if (text) {
		buf_put(out, SLICE("\"text\":"));
		json_escape(out, m->body);
	} else {
		buf_put(out, SLICE("\"base64\":\""));
		base64_encode(out, m->body, BASE64_STD);
		buf_chr(out, '"');
	}
	buf_chr(out, '}');
	put_close(out, SLICE("{}"), m->time);
}

/* False: it only said it were JSON. */
static bool
tell_json(struct buf *out, const struct incus_message *m)
{
	struct incus_body b = {SLICE("\"message\""), SLICE("{}")};
	struct slice value;

	if (incus_body_read(&b, m->body)) {
		put_open(out, &b);
		put_close(out, b.data, m->time);
		return true;
	}
	if (json_check(m->body, NULL, NULL) != NULL)
		return false;
	value = json_value(m->body).raw;
	if (*value.p == '{') {
		b.data = value;
		put_open(out, &b);
		put_close(out, b.data, m->time);
		return true;
	}
	buf_put(out, SLICE("{\"event\":\"message\",\"data\":{\"data\":"));
	buf_put(out, value);
	buf_chr(out, '}');
	put_close(out, SLICE("{}"), m->time);
	return true;
}

void
incus_body_tell(struct buf *out, const struct incus_message *m)
{
	enum message_shape shape = message_shape(m->type, m->body);

	if (shape == SHAPE_JSON || shape == SHAPE_PRESENCE)
		if (tell_json(out, m))
			return;
	put_plain(out, m, shape == SHAPE_TEXT);
}

void
incus_control_setpage(struct buf *out, struct slice user, struct slice page)
{
	buf_put(out, SLICE("{\"setpage\":{\"user\":"));
	json_escape(out, user);
	buf_put(out, SLICE(",\"page\":"));
	json_escape(out, page);
	buf_put(out, SLICE("}}"));
}

void
incus_control_longpoll(struct buf *out, bool allowed)
{
	buf_put(out, SLICE("{\"longpoll\":"));
	buf_str(out, allowed ? "true" : "false");
	buf_chr(out, '}');
}

static bool
read_setpage(struct incus_control *c, struct slice json, struct buf *room)
{
	enum { USER, PAGE, FIELDS };
	static const struct json_field fields[FIELDS] = {
	    [USER] = {SLICE_INIT("user"), JSON_MAY(JSON_STRING), true},
	    [PAGE] = {SLICE_INIT("page"), JSON_MAY(JSON_STRING), true},
	};
	struct json_value v[FIELDS];
	struct json_walk w;

	json_object(&w, json, NULL);
	if (!json_object_read(&w, (struct json_table){fields, FIELDS}, v))
		return false;
	c->user = json_string(v[USER], room);
	c->page = json_string(v[PAGE], room);
	return true;
}

bool
incus_control_read(struct incus_control *c, struct slice json, struct buf *room)
{
	enum { SETPAGE, LONGPOLL, FIELDS };
	static const struct json_field fields[FIELDS] = {
	    [SETPAGE] = {SLICE_INIT("setpage"), JSON_MAY(JSON_OBJECT), false},
	    [LONGPOLL] = {SLICE_INIT("longpoll"), JSON_MAY(JSON_BOOL), false},
	};
	struct json_value v[FIELDS];
	struct json_walk w;

	*c = (struct incus_control){.longpoll = true};
	buf_clear(room);
	json_object(&w, json, NULL);
	if (!json_object_read(&w, (struct json_table){fields, FIELDS}, v))
		return false;
	must(buf_room(room, json.n) != NULL);
	if (v[LONGPOLL].kind != JSON_NONE)
		c->says_longpoll = json_bool(v[LONGPOLL], &c->longpoll);
	return v[SETPAGE].kind == JSON_NONE ||
	       read_setpage(c, v[SETPAGE].raw, room);
}
