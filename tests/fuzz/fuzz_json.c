/*
 * fuzz_json.c - the JSON reader and writer agree with each other.
 *
 * For any bytes: check and walk give one verdict; what they take jsmn can
 * index, compacts to the same value, and its strings survive being unescaped,
 * escaped and unescaped again.  Any bytes at all escape to valid JSON.
 */
#include "common/json.h"
#include "common/json_path.h"
#include "common/json_write.h"
#include "common/must.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { TOKENS = 4096 };

static void
string_is_stable(struct json_value v)
{
	struct buf first = {0}, quoted = {0}, second = {0};
	struct slice text = json_string(v, &first), again;
	struct json_value back;

	must(utf8_valid(text) && json_is(v, text));
	must(json_escape(&quoted, text));
	must(json_check(buf_slice(&quoted), NULL, NULL) == NULL);
	back = json_value(buf_slice(&quoted));
	again = json_string(back, &second);
	must(slice_eq(text, again) && json_same(v, back));
	buf_free(&first);
	buf_free(&quoted);
	buf_free(&second);
}

static void
value_is_sound(struct json_value v)
{
	struct json_value again = json_value(v.raw);

	must(json_check(v.raw, NULL, NULL) == NULL);
	must(slice_eq(v.raw, again.raw) && v.kind == again.kind &&
	     v.escaped == again.escaped);
	if (v.kind == JSON_STRING)
		string_is_stable(v);
}

/* True when the walk stopped at what only a walk refuses. */
static bool
only_walk(const char *why)
{
	return strcmp(why, "the same member twice") == 0 ||
	       strcmp(why, "more members than allowed") == 0;
}

static void
walk_agrees(struct slice s, const char *why, size_t at)
{
	struct json_walk w;
	struct json_value name, value;
	bool object = json_object(&w, s, NULL);

	if (!object && !json_array(&w, s, NULL))
		return;
	while (object ? json_object_next(&w, &name, &value)
		      : json_array_next(&w, &value)) {
		if (object)
			value_is_sound(name);
		value_is_sound(value);
	}
	if (w.why != NULL && only_walk(w.why))
		return;
	must((w.why == NULL) == (why == NULL));
	must(why == NULL || (strcmp(why, w.why) == 0 && at == w.at));
}

static void
valid_is_usable(struct slice s)
{
	struct json_doc *d = json_doc_new(TOKENS);
	struct buf once = {0}, twice = {0};

	if (json_doc_read(d, s, NULL) == NULL)
		value_is_sound(json_path(d, ""));
	json_path(d, "a.0.b");
	must(json_compact(&once, s));
	must(json_one_line(buf_slice(&once)));
	must(json_check(buf_slice(&once), NULL, NULL) == NULL);
	must(json_compact(&twice, buf_slice(&once)));
	must(slice_eq(buf_slice(&once), buf_slice(&twice)));
	value_is_sound(json_value(s));
	json_doc_free(&d);
	buf_free(&once);
	buf_free(&twice);
}

static void
any_bytes_escape(struct slice s)
{
	struct buf b = {0}, text = {0};
	struct json_value v;

	must(json_escape(&b, s));
	must(json_check(buf_slice(&b), NULL, NULL) == NULL);
	v = json_value(buf_slice(&b));
	must(!utf8_valid(s) || slice_eq(json_string(v, &text), s));
	buf_free(&b);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice s = {(const char *)data, n};
	struct slice rest = s, line;
	size_t at = 0;
	const char *why = json_check(s, NULL, &at);

	must(why == NULL || at <= n);
	walk_agrees(s, why, at);
	if (why == NULL)
		valid_is_usable(s);
	any_bytes_escape(s);
	while (ndjson_next(&rest, &line, true))
		must(memchr(line.p, '\n', line.n) == NULL);
	return 0;
}
