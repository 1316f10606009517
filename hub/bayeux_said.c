/*
 * bayeux_said.c - members of messages, as JavaScript would see them.
 */
#include "hub/bayeux_said.h"

#include "common/json_write.h"
#include "common/must.h"

static const struct json_field fields[BAYEUX_FIELDS] = {
    [BAYEUX_F_ID] = {SLICE_INIT("id"), JSON_ANY, false},
    [BAYEUX_F_CLIENT] = {SLICE_INIT("clientId"), JSON_ANY, false},
    [BAYEUX_F_CHANNEL] = {SLICE_INIT("channel"), JSON_ANY, false},
    [BAYEUX_F_VERSION] = {SLICE_INIT("version"), JSON_ANY, false},
    [BAYEUX_F_TYPES] = {SLICE_INIT("supportedConnectionTypes"), JSON_ANY,
	false},
    [BAYEUX_F_TYPE] = {SLICE_INIT("connectionType"), JSON_ANY, false},
    [BAYEUX_F_SUBSCRIPTION] = {SLICE_INIT("subscription"), JSON_ANY, false},
    [BAYEUX_F_DATA] = {SLICE_INIT("data"), JSON_ANY, false},
    [BAYEUX_F_EXT] = {SLICE_INIT("ext"), JSON_ANY, false},
    [BAYEUX_F_ADVICE] = {SLICE_INIT("advice"), JSON_ANY, false},
    [BAYEUX_F_ERROR] = {SLICE_INIT("error"), JSON_ANY, false},
};

static bool
is_zero(struct slice number)
{
	for (size_t i = 0; i < number.n; i++) {
		if (number.p[i] == 'e' || number.p[i] == 'E')
			break;
		if (number.p[i] >= '1' && number.p[i] <= '9')
			return false;
	}
	return true;
}

bool
bayeux_truthy(struct json_value v)
{
	switch (v.kind) {
	case JSON_NONE:
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		return v.raw.n == 4;
	case JSON_NUMBER:
		return !is_zero(v.raw);
	case JSON_STRING:
		return v.raw.n > 2;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return true;
	}
	return true;
}

struct slice
bayeux_text(struct bayeux_said *s, struct json_value v)
{
	if (v.kind == JSON_NONE)
		return (struct slice){NULL, 0};
	return v.kind == JSON_STRING ? json_string(v, s->text) : v.raw;
}

/* Cut the next value off checked bytes, and what parts it from the one
 * before. */
static bool
next_value(struct slice *rest, const char *between, struct json_value *v)
{
	struct slice raw;

	while (rest->n != 0 && strchr(between, rest->p[0]) != NULL)
		*rest = slice_from(*rest, 1);
	if (rest->n == 0 || rest->p[0] == '}' ||
	    json_first(*rest, NULL, &raw) != NULL)
		return false;
	*v = json_value(raw);
	*rest = slice_from(*rest, (size_t)(raw.p + raw.n - rest->p));
	return true;
}

/* The next member of a checked object, however many it has; *rest begins as
 * the whole of it. */
static bool
next_member(
    struct slice *rest, struct json_value *key, struct json_value *value)
{
	return next_value(rest, " \t\r\n,{", key) &&
	       next_value(rest, " \t\r\n:", value);
}

struct json_value
bayeux_member(struct json_value object, const char *name)
{
	struct json_value key, value;
	struct slice rest = object.raw;

	if (object.kind == JSON_OBJECT)
		while (next_member(&rest, &key, &value))
			if (json_is(key, slice_of(name)))
				return value;
	return (struct json_value){.kind = JSON_NONE};
}

/* Most data has none, and is not looked through. */
static struct json_value
auth_in(struct json_value data)
{
	if (data.kind != JSON_OBJECT ||
	    (memmem(data.raw.p, data.raw.n, "__auth", 6) == NULL &&
		memmem(data.raw.p, data.raw.n, "\\u", 2) == NULL))
		return (struct json_value){.kind = JSON_NONE};
	return bayeux_member(data, "__auth");
}

bool
bayeux_timeout(const struct bayeux_said *s, uint64_t *ms)
{
	struct json_value v = bayeux_member(s->v[BAYEUX_F_ADVICE], "timeout");

	return v.kind == JSON_NUMBER && json_uint(v, ms);
}

bool
bayeux_read(struct bayeux_said *s, struct json_value v, struct buf *text)
{
	struct json_value auth;
	struct json_walk w;

	*s = (struct bayeux_said){.text = text};
	buf_clear(text);
	if (v.kind != JSON_OBJECT)
		return true;
	(void)!buf_room(text, 2 * v.raw.n + 1); /* so that it stays */
	s->raw = v.raw;
	json_object(&w, v.raw, NULL);
	if (!json_object_read(
		&w, (struct json_table){fields, BAYEUX_FIELDS}, s->v))
		return false;
	if (bayeux_truthy(s->v[BAYEUX_F_CHANNEL]))
		s->channel = bayeux_text(s, s->v[BAYEUX_F_CHANNEL]);
	if (bayeux_truthy(s->v[BAYEUX_F_CLIENT]))
		s->client = bayeux_text(s, s->v[BAYEUX_F_CLIENT]);
	auth = bayeux_member(s->v[BAYEUX_F_EXT], "auth");
	if (!bayeux_truthy(auth))
		auth = auth_in(s->v[BAYEUX_F_DATA]);
	pandapush_auth_read(&s->auth, auth, text);
	return true;
}

void
bayeux_put_without(struct buf *b, struct json_value object, const char *name)
{
	struct json_value key, value;
	struct slice rest = object.raw;
	bool more = false;

	buf_chr(b, '{');
	while (next_member(&rest, &key, &value)) {
		if (json_is(key, slice_of(name)))
			continue;
		if (more)
			buf_chr(b, ',');
		more = true;
		buf_put(b, key.raw);
		buf_chr(b, ':');
		json_compact(b, value.raw);
	}
	buf_chr(b, '}');
}

void
bayeux_put_data(struct buf *b, const struct bayeux_said *s)
{
	struct json_value data = s->v[BAYEUX_F_DATA];

	if (auth_in(data).kind != JSON_NONE)
		bayeux_put_without(b, data, "__auth");
	else
		buf_put(b, data.raw);
}

static void
put_member(struct buf *b, struct json_value key, struct json_value value)
{
	buf_put(b, key.raw);
	buf_chr(b, ':');
	if (json_is(key, SLICE("data")))
		buf_chr(b, '\0');
	else if (json_is(key, SLICE("ext")) && value.kind == JSON_OBJECT)
		bayeux_put_without(b, value, "auth");
	else
		json_compact(b, value.raw);
}

/* Who published stays unknown; and no client is to take what another one wrote
 * for the server's word. */
static bool
is_kept_back(struct json_value key)
{
	static const struct slice names[] = {SLICE_INIT("clientId"),
	    SLICE_INIT("__internal"), SLICE_INIT("advice"),
	    SLICE_INIT("successful")};

	for (size_t i = 0; i < LENGTH(names); i++)
		if (json_is(key, names[i]))
			return true;
	return false;
}

void
bayeux_put_envelope(struct buf *b, const struct bayeux_said *s)
{
	struct json_value key, value;
	struct slice rest = s->raw;
	bool more = false;

	buf_chr(b, '{');
	while (next_member(&rest, &key, &value)) {
		if (is_kept_back(key))
			continue;
		if (more)
			buf_chr(b, ',');
		more = true;
		put_member(b, key, value);
	}
	buf_chr(b, '}');
}
