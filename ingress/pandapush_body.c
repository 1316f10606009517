/*
 * pandapush_body.c - JSON passes by; a form becomes JSON.
 */
#include "ingress/pandapush_body.h"

#include "common/http.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/url.h"

#define AUTH SLICE("__auth")

enum pandapush_body
pandapush_body_kind(struct slice type)
{
	struct slice rest = type, name = {NULL, 0};

	slice_cut(&rest, ';', &name);
	name = slice_trim(name);
	if (http_same(name, SLICE("application/json")))
		return PANDAPUSH_JSON;
	if (http_same(name, SLICE("application/x-www-form-urlencoded")))
		return PANDAPUSH_FORM;
	return PANDAPUSH_OTHER;
}

/* ---- JSON */

static struct slice
skip_blanks(struct slice s)
{
	while (s.n != 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n' ||
			       s.p[0] == '\r'))
		s = slice_from(s, 1);
	return s;
}

/* The next value of what was checked; what follows it, behind blanks and
 * the one letter after them. */
static struct slice
next_value(struct slice *rest)
{
	struct slice value = {NULL, 0}, at = skip_blanks(*rest);

	json_first(at, NULL, &value);
	at = slice_from(at, (size_t)(value.p - at.p) + value.n);
	*rest = slice_from(skip_blanks(at), 1);
	return value;
}

/* The checked object without members of that name. */
static void
without_auth(struct buf *out, struct slice object)
{
	struct slice rest = skip_blanks(slice_from(object, 1));
	const char *last = "{";

	buf_chr(out, '{');
	while (*last != '}' && rest.n != 0 && rest.p[0] != '}') {
		struct slice name = next_value(&rest);
		struct slice value = next_value(&rest);

		last = rest.p - 1; /* a comma, or the end */
		if (json_is(json_value(name), AUTH))
			continue;
		if (out->n > 1)
			buf_chr(out, ',');
		buf_put(out, name);
		buf_chr(out, ':');
		buf_put(out, value);
	}
	buf_chr(out, '}');
}

static bool
may_have_auth(struct slice s)
{
	return memmem(s.p, s.n, AUTH.p, AUTH.n) != NULL ||
	       memmem(s.p, s.n, "\\u", 2) != NULL;
}

static enum pandapush_read
read_json(struct slice body, struct buf *room, struct slice *data)
{
	*data = skip_blanks(body);
	if (data->n == 0) {
		*data = SLICE("{}");
		return PANDAPUSH_DATA;
	}
	if (json_check(body, NULL, NULL) != NULL)
		return PANDAPUSH_BAD;
	if (data->p[0] == '[')
		return PANDAPUSH_ARRAY;
	if (data->p[0] != '{')
		return PANDAPUSH_BAD;
	if (may_have_auth(*data)) {
		without_auth(room, *data);
		*data = buf_slice(room);
	}
	return PANDAPUSH_DATA;
}

/* ---- Forms */

struct field {
	struct slice name, value;
	bool many, told;
};

/* What is no encoding stands for itself. */
static struct slice
decoded(struct buf *text, struct slice raw)
{
	size_t at = text->n;

	if (raw.n == 0)
		return SLICE("");
	if (!url_decode(text, raw, URL_QUERY))
		buf_put(text, raw);
	return slice_from(buf_slice(text), at);
}

static bool
read_fields(
    struct slice body, struct buf *text, struct field *fields, unsigned *n)
{
	struct slice name, value;

	*n = 0;
	buf_room(text, body.n); /* so that nothing moves */
	while (url_query_next(&body, &name, &value)) {
		struct field *f = &fields[*n];

		if (*n == PANDAPUSH_FORM_MAX)
			return false;
		*f = (struct field){
		    .name = decoded(text, name), .value = decoded(text, value)};
		if (slice_is(f->name, "__auth"))
			continue;
		++*n;
		if (f->name.n < 3 || f->name.p[f->name.n - 2] != '[' ||
		    f->name.p[f->name.n - 1] != ']')
			continue;
		f->many = true;
		f->name.n -= 2;
	}
	return true;
}

/* All of one name; false: there is one. */
static void
put_values(struct buf *out, struct field *fields, unsigned n)
{
	bool many = fields[0].many;

	for (unsigned i = 1; i < n && !many; i++)
		many = slice_eq(fields[i].name, fields[0].name);
	json_escape(out, fields[0].name);
	buf_str(out, many ? ":[" : ":");
	for (unsigned i = 0; i < n; i++) {
		if (!slice_eq(fields[i].name, fields[0].name))
			continue;
		if (i != 0)
			buf_chr(out, ',');
		json_escape(out, fields[i].value);
		fields[i].told = true;
	}
	if (many)
		buf_chr(out, ']');
}

static enum pandapush_read
read_form(struct slice body, struct buf *room, struct slice *data)
{
	struct field fields[PANDAPUSH_FORM_MAX];
	struct buf text = {0};
	unsigned n;
	bool fit = read_fields(body, &text, fields, &n);

	buf_chr(room, '{');
	for (unsigned i = 0; fit && i < n; i++) {
		if (fields[i].told)
			continue;
		if (room->n > 1)
			buf_chr(room, ',');
		put_values(room, fields + i, n - i);
	}
	buf_chr(room, '}');
	buf_free(&text);
	*data = buf_slice(room);
	return fit ? PANDAPUSH_DATA : PANDAPUSH_LARGE;
}

enum pandapush_read
pandapush_body_read(enum pandapush_body kind, struct slice body,
    struct buf *room, struct slice *data)
{
	buf_clear(room);
	if (kind == PANDAPUSH_JSON)
		return read_json(body, room, data);
	if (kind == PANDAPUSH_FORM)
		return read_form(body, room, data);
	*data = SLICE("{}");
	return PANDAPUSH_DATA;
}
