/*
 * incus.c - the envelope of Incus.
 *
 * The outer object is walked, the message only checked on the way; then the
 * few bytes of `command` are walked.  Clients are strangers, and whatever is
 * not understood must end as the original ended it, so a fault says of which
 * kind it is and leaves the rest to the caller.
 */
#include "common/incus.h"

#include "common/http.h"
#include "common/http_class.h"
#include "common/must.h"
#include "common/segment.h"
#include "common/stats.h"

#include <stdio.h>

static const struct {
	struct slice name; /* in letters of any case */
	enum incus_command command;
	unsigned from;
} commands[] = {
    {SLICE_INIT("authenticate"), INCUS_AUTHENTICATE, INCUS_SOCKET},
    {SLICE_INIT("message"), INCUS_MESSAGE,
	INCUS_SOCKET | INCUS_POLL | INCUS_REDIS},
    {SLICE_INIT("setpage"), INCUS_SETPAGE,
	INCUS_SOCKET | INCUS_POLL | INCUS_REDIS},
    {SLICE_INIT("setpresence"), INCUS_SETPRESENCE, INCUS_SOCKET | INCUS_POLL},
    {SLICE_INIT("push"), INCUS_PUSH, INCUS_REDIS},
    {SLICE_INIT("pushios"), INCUS_PUSHIOS, INCUS_REDIS},
    {SLICE_INIT("pushandroid"), INCUS_PUSHANDROID, INCUS_REDIS},
    {SLICE_INIT("pushormessage"), INCUS_PUSHORMESSAGE, INCUS_REDIS},
};

/* The last is the command's own name. */
enum { NAME = INCUS_WORDS, ROWS };
static const struct {
	struct slice name;
	size_t max;
} words[ROWS] = {
    [INCUS_USER] = {SLICE_INIT("user"), INCUS_WORD_MAX},
    [INCUS_PAGE] = {SLICE_INIT("page"), INCUS_WORD_MAX},
    [INCUS_PUSH_TYPE] = {SLICE_INIT("push_type"), INCUS_WORD_MAX},
    [INCUS_DEVICE_TOKEN] = {SLICE_INIT("device_token"), INCUS_WORD_MAX},
    [INCUS_BUILD] = {SLICE_INIT("build"), INCUS_WORD_MAX},
    [INCUS_REGISTRATION_IDS] = {SLICE_INIT("registration_ids"), INCUS_IDS_MAX},
    [INCUS_CURSOR] = {SLICE_INIT("cursor"), INCUS_WORD_MAX},
    [NAME] = {SLICE_INIT("command"), INCUS_WORD_MAX},
};

static enum code
refuse(struct incus *c, enum code code, const char *field, const char *why)
{
	c->fault =
	    (struct native_fault){.code = code, .field = field, .why = why};
	return code;
}

static enum code
bad_json(struct incus *c, const struct json_walk *w)
{
	c->fault = native_bad_json(w);
	return c->fault.code;
}

static char
small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Of a whole envelope: the values of the two names on top. */
struct top {
	struct json_value command, message;
};

static bool
take_top(struct incus *c, struct slice json, struct top *top)
{
	struct json_walk w;
	struct json_value name, value;

	*top = (struct top){.command = {.kind = JSON_NONE}};
	json_object(&w, json, NULL);
	while (json_object_next(&w, &name, &value)) {
		struct json_value *to = NULL;
		struct slice text;

		buf_clear(&c->text);
		text = json_string(name, &c->text);
		if (http_same(text, SLICE("command")))
			to = &top->command;
		else if (http_same(text, SLICE("message")))
			to = &top->message;
		if (to == NULL)
			continue;
		if (to->kind != JSON_NONE) {
			refuse(c, CODE_bad_json, NULL, "the same member twice");
			return false;
		}
		*to = value;
	}
	if (w.why != NULL)
		bad_json(c, &w);
	return w.why == NULL;
}

/* A frame may have more behind its first value. */
static enum code
read_top(
    struct incus *c, struct slice json, enum incus_way way, struct top *top)
{
	struct slice first;

	c->json = json;
	if (take_top(c, json, top))
		return CODE_ok;
	if (way != INCUS_SOCKET || json_first(json, NULL, &first) != NULL ||
	    first.n == json.n)
		return c->fault.code;
	c->json = first;
	c->fault = (struct native_fault){.code = CODE_ok};
	take_top(c, first, top);
	return c->fault.code;
}

static void
name_it(struct incus *c, struct slice name)
{
	if (name.n >= sizeof(c->name))
		name = SLICE("?");
	for (size_t i = 0; i < name.n; i++) {
		c->name[i] = small(name.p[i]);
		if (!((c->name[i] >= 'a' && c->name[i] <= 'z') ||
			(c->name[i] >= '0' && c->name[i] <= '9') ||
			c->name[i] == '_' || c->name[i] == '-')) {
			snprintf(c->name, sizeof(c->name), "other");
			return;
		}
	}
	c->name[name.n] = '\0';
}

static void
find_command(struct incus *c, struct slice name, enum incus_way way)
{
	name_it(c, name);
	for (size_t i = 0; i < LENGTH(commands); i++)
		if ((commands[i].from & way) != 0 &&
		    http_same(name, commands[i].name))
			c->command = commands[i].command;
}

/* A value of `command`; null stands for "". */
static bool
take_word(
    struct incus *c, struct json_value value, size_t max, struct slice *out)
{
	*out = SLICE("");
	if (value.kind == JSON_STRING)
		*out = json_string(value, &c->text);
	return out->n <= max;
}

static size_t
row_of(struct json_value name)
{
	size_t i = 0;

	while (i < ROWS && !json_is(name, words[i].name))
		i++;
	return i;
}

/* Members nobody knows must be of the right type, too. */
static enum code
read_words(struct incus *c, struct slice json, enum incus_way way)
{
	struct slice at[ROWS] = {{NULL, 0}};
	struct json_value name, value, number = {.kind = JSON_NONE};
	struct json_walk w;
	bool wrong = false;

	buf_clear(&c->text);
	/* strings borrow from text, which must not move under them */
	must(buf_room(&c->text, json.n) != NULL);
	json_object(&w, json, NULL);
	while (json_object_next(&w, &name, &value)) {
		size_t i = row_of(name);

		if (value.kind == JSON_NUMBER && i == INCUS_USER)
			number = value;
		else if (value.kind != JSON_STRING && value.kind != JSON_NULL)
			wrong = true;
		if (i < ROWS && !take_word(c, value, words[i].max, &at[i]))
			return refuse(c, CODE_too_large, words[i].name.p, NULL);
	}
	if (w.why != NULL)
		return bad_json(c, &w);
	if (at[NAME].p != NULL)
		find_command(c, at[NAME], way);
	memcpy(c->words, at, sizeof(c->words));
	if (number.kind != JSON_NONE && c->command == INCUS_AUTHENTICATE)
		c->words[INCUS_USER] = number.raw;
	else if (number.kind != JSON_NONE)
		wrong = true;
	if (wrong && way != INCUS_POLL)
		return refuse(c, CODE_bad_field, "command",
		    "has a member that is not a string");
	return CODE_ok;
}

static bool
is_one(struct json_value v, enum json_kind kind)
{
	return v.kind == kind || v.kind == JSON_NONE || v.kind == JSON_NULL;
}

/* null is an envelope that says nothing. */
static bool
is_null(struct slice json, enum incus_way way)
{
	struct slice first;

	return json_first(json, NULL, &first) == NULL &&
	       slice_is(first, "null") &&
	       (way == INCUS_SOCKET || json_check(json, NULL, NULL) == NULL);
}

/* The code unit of the escape \uXXXX that it begins with, or -1. */
static int
unit_at(struct slice s)
{
	unsigned unit = 0;

	if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u')
		return -1;
	for (unsigned i = 2; i < 6; i++) {
		if (!http_is(s.p[i], HTTP_HEX))
			return -1;
		unit = unit << 4 | http_hex(s.p[i]);
	}
	return (int)unit;
}

/* What an escape takes, and whether it is half a surrogate pair. */
static size_t
escape_at(struct slice s, bool *half)
{
	int unit = unit_at(s), next;

	*half = unit >= 0xd800 && unit <= 0xdfff;
	if (unit < 0)
		return s.n > 1 ? 2 : 1;
	next = unit <= 0xdbff && *half ? unit_at(slice_from(s, 6)) : -1;
	if (next < 0xdc00 || next > 0xdfff)
		return 6;
	*half = false;
	return 12;
}

/* A text that was cut in the middle of an emoji ends in half a pair, and
 * browsers say it so.  Incus read U+FFFD there.  False: there is none. */
static bool
mend(struct incus *c, struct slice s)
{
	bool half, mended = false;
	const char *at;

	buf_clear(&c->mended);
	while (s.n != 0 && (at = memchr(s.p, '\\', s.n)) != NULL) {
		size_t before = (size_t)(at - s.p), n;

		buf_add(&c->mended, s.p, before);
		s = slice_from(s, before);
		n = escape_at(s, &half);
		if (half)
			buf_str(&c->mended, "\\ufffd");
		else
			buf_add(&c->mended, s.p, n);
		s = slice_from(s, n);
		mended = mended || half;
	}
	buf_put(&c->mended, s);
	return mended;
}

static enum code
read_once(struct incus *c, struct slice json, enum incus_way way)
{
	struct top top;

	*c = (struct incus){
	    .text = c->text, .names = c->names, .mended = c->mended};
	if (read_top(c, json, way, &top) != CODE_ok) {
		if (is_null(json, way))
			c->fault = (struct native_fault){.code = CODE_ok};
		return c->fault.code;
	}
	if (way != INCUS_POLL && !is_one(top.command, JSON_OBJECT))
		return refuse(c, CODE_bad_field, "command", "not an object");
	if (way != INCUS_POLL && !is_one(top.message, JSON_OBJECT))
		return refuse(c, CODE_bad_field, "message", "not an object");
	if (top.message.kind == JSON_OBJECT)
		c->message = top.message.raw;
	if (top.command.kind != JSON_OBJECT)
		return CODE_ok;
	return read_words(c, top.command.raw, way);
}

enum code
incus_read(struct incus *c, struct slice json, enum incus_way way)
{
	enum code code = read_once(c, json, way);

	if (code != CODE_bad_json || !mend(c, json))
		return code;
	return read_once(c, buf_slice(&c->mended), way);
}

void
incus_free(struct incus *c)
{
	buf_free(&c->text);
	buf_free(&c->mended);
	buf_free(&c->names);
	*c = (struct incus){.command = INCUS_NOTHING};
}

void
incus_count(enum incus_to to)
{
	static const enum stat_id counters[] = {
	    [INCUS_TO_NOBODY] = STAT_incus_messages_dropped,
	    [INCUS_TO_ALL] = STAT_incus_messages_all,
	    [INCUS_TO_USER] = STAT_incus_messages_user,
	    [INCUS_TO_PAGE] = STAT_incus_messages_page,
	};

	stats_add(counters[to], 1);
}

void
incus_name(struct buf *out, struct slice name)
{
	if (name.n != 0)
		segment_put(out, name, INCUS_NAME_MAX);
}

void
incus_channel(struct buf *out, enum incus_to to, struct slice name)
{
	static const char *const prefixes[] = {
	    [INCUS_TO_ALL] = INCUS_ALL,
	    [INCUS_TO_USER] = INCUS_USER_PREFIX,
	    [INCUS_TO_PAGE] = INCUS_PAGE_PREFIX,
	};

	must(to != INCUS_TO_NOBODY);
	buf_str(out, prefixes[to]);
	if (to != INCUS_TO_ALL) {
		must(name.n != 0);
		incus_name(out, name);
	}
}

static enum incus_to
routed_to(struct slice user, struct slice page)
{
	if (user.p != NULL)
		return user.n != 0 ? INCUS_TO_USER : INCUS_TO_NOBODY;
	if (page.p != NULL)
		return page.n != 0 ? INCUS_TO_PAGE : INCUS_TO_NOBODY;
	return INCUS_TO_ALL;
}

struct incus_route
incus_route(struct incus *c)
{
	struct slice user = c->words[INCUS_USER], page = c->words[INCUS_PAGE];
	struct incus_route r = {.to = routed_to(user, page)};
	size_t n;

	r.channel = r.filter = SLICE("");
	if (r.to == INCUS_TO_NOBODY)
		return r;
	buf_clear(&c->names);
	incus_channel(&c->names, r.to, r.to == INCUS_TO_USER ? user : page);
	n = c->names.n;
	if (r.to == INCUS_TO_USER)
		incus_name(&c->names, page);
	r.channel = (struct slice){c->names.p, n};
	r.filter = (struct slice){c->names.p + n, c->names.n - n};
	return r;
}

struct slice
incus_shown(struct slice channel)
{
	return slice_starts(channel, SLICE(INCUS_USER_PREFIX))
	           ? SLICE(INCUS_USER_PREFIX "...")
	           : channel;
}
