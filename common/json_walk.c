/*
 * json_walk.c - one object or array, a member at a time.
 *
 * The walk keeps its place between the members and lets the scanner run over
 * each value, so an envelope is checked and split in a single pass and what
 * is nested in it needs no tokens.
 */
#include "common/json_scan.h"

/* Every error passes here, and ends the walk. */
static bool
broken(struct json_walk *w)
{
	w->why = w->scan.why;
	w->at = (size_t)(w->scan.bad - w->scan.start);
	if (w->name.kind == JSON_STRING)
		w->field = (struct slice){w->name.raw.p + 1, w->name.raw.n - 2};
	return false;
}

static bool
refuse(struct json_walk *w, const char *p, const char *why)
{
	json_fail(&w->scan, p, why);
	return broken(w);
}

/* The names are left as they are: a kilobyte that most walks never touch. */
static bool
begin(struct json_walk *w, struct slice in, const struct json_limits *max)
{
	w->why = NULL;
	w->at = 0;
	w->name = (struct json_value){.kind = JSON_NONE};
	w->field = SLICE("");
	w->row = NULL;
	w->members = 0;
	w->escaped = 0;
	w->begun = false;
	return json_scan_begin(&w->scan, in, max) || broken(w);
}

static bool
open_with(struct json_walk *w, char bracket, const char *why)
{
	struct json_scan *s = &w->scan;
	const char *p = json_blanks(s, s->p);

	if (p == s->end || *p != bracket)
		return refuse(w, p, why);
	if (!json_spend(s, p) || (s->p = json_scan_open(s, p)) == NULL)
		return broken(w);
	return true;
}

bool
json_object(struct json_walk *w, struct slice in, const struct json_limits *max)
{
	return begin(w, in, max) && open_with(w, '{', "not an object");
}

bool
json_array(struct json_walk *w, struct slice in, const struct json_limits *max)
{
	return begin(w, in, max) && open_with(w, '[', "not an array");
}

/* To where the next member begins; NULL at the end and after an error. */
static const char *
next(struct json_walk *w)
{
	struct json_scan *s = &w->scan;
	const char *p = s->p;

	if (w->why != NULL || s->depth == 0)
		return NULL;
	if (!w->begun) {
		w->begun = true;
		if (!json_at_close(s, p))
			return p;
	}
	p = json_blanks(s, p);
	if (p != s->end && *p == ',')
		return json_blanks(s, p + 1);
	if (!json_at_close(s, p)) {
		json_no_comma(s, p);
		broken(w);
		return NULL;
	}
	s->depth = 0;
	if (json_scan_end(s, p + 1) == NULL)
		broken(w);
	return NULL;
}

static bool
take_value(struct json_walk *w, const char *p, struct json_value *value)
{
	struct json_scan *s = &w->scan;

	p = json_blanks(s, p);
	s->escaped = false;
	if ((s->p = json_scan_value(s, p)) == NULL)
		return broken(w);
	value->raw = (struct slice){p, (size_t)(s->p - p)};
	value->kind = json_kind_of(*p);
	value->escaped = s->escaped && value->kind == JSON_STRING;
	return true;
}

/* Note the name; false if it was there before.  Nearly always a comparison
 * of lengths decides, and then of bytes, as names are rarely escaped. */
static bool
remember(struct json_walk *w)
{
	const struct json_value *name = &w->name;

	if (w->members == JSON_MEMBERS)
		return refuse(w, name->raw.p, "more members than allowed");
	for (unsigned i = 0; i < w->members; i++) {
		struct json_value old = {
		    w->names[i], JSON_STRING, (w->escaped >> i & 1) != 0};

		if (json_same(old, *name))
			return refuse(w, name->raw.p, "the same member twice");
	}
	w->names[w->members] = name->raw;
	w->escaped |= (uint64_t)name->escaped << w->members;
	w->members++;
	return true;
}

static bool
take_name(struct json_walk *w, const char **p)
{
	struct json_scan *s = &w->scan;
	const char *from = *p;

	w->name.kind = JSON_NONE;
	s->escaped = false;
	if ((*p = json_scan_name(s, from)) == NULL)
		return broken(w);
	w->name.raw = (struct slice){from, (size_t)(*p - from)};
	w->name.kind = JSON_STRING;
	w->name.escaped = s->escaped;
	if ((*p = json_scan_colon(s, *p)) == NULL)
		return broken(w);
	return remember(w);
}

bool
json_object_next(
    struct json_walk *w, struct json_value *name, struct json_value *value)
{
	const char *p = next(w);

	if (p == NULL || !take_name(w, &p) || !take_value(w, p, value))
		return false;
	*name = w->name;
	return true;
}

bool
json_array_next(struct json_walk *w, struct json_value *value)
{
	const char *p = next(w);

	return p != NULL && take_value(w, p, value);
}

/* The row with this name, or table.n. */
static size_t
find(struct json_table table, struct json_value name)
{
	size_t i;

	for (i = 0; i < table.n; i++)
		if (json_is(name, table.fields[i].name))
			break;
	return i;
}

bool
json_object_read(
    struct json_walk *w, struct json_table table, struct json_value *values)
{
	struct json_value name, value;
	size_t i;

	for (i = 0; i < table.n; i++)
		values[i] = (struct json_value){.kind = JSON_NONE};
	while (json_object_next(w, &name, &value)) {
		if ((i = find(table, name)) == table.n)
			continue;
		if ((table.fields[i].kinds & JSON_MAY(value.kind)) == 0) {
			w->row = &table.fields[i];
			return refuse(
			    w, value.raw.p, "a member of the wrong kind");
		}
		values[i] = value;
	}
	for (i = 0; w->why == NULL && i < table.n; i++) {
		if (!table.fields[i].required || values[i].kind != JSON_NONE)
			continue;
		refuse(w, w->scan.end, "a member is missing");
		w->field = table.fields[i].name;
		w->row = &table.fields[i];
	}
	return w->why == NULL;
}
