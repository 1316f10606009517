/*
 * json.c - the scanner: one pass over a value, checking every byte.
 *
 * jsmn finds tokens but lets pass what RFC 8259 forbids, and wants a token
 * per nested value, so the hot path does not use it.  The scanner here is a
 * loop, not a recursion: the open brackets are a word of bits, so a hostile
 * depth costs nothing.  Every function takes the place to read from and
 * returns the place behind what it read, or NULL once an error was noted.
 */
#include "common/json.h"

#include "common/json_scan.h"
#include "common/must.h"
#include "common/swar.h"
#include "common/utf8.h"

bool
json_spend(struct json_scan *s, const char *p)
{
	if (s->tokens-- != 0)
		return true;
	json_fail(s, p, "more values than allowed");
	return false;
}

/* Four hexadecimal digits, or -1. */
static int32_t
hex4(const struct json_scan *s, const char *p)
{
	int32_t v = 0;

	if (s->end - p < 4)
		return -1;
	for (unsigned i = 0; i < 4; i++) {
		unsigned digit = (unsigned char)p[i] - (unsigned)'0';
		unsigned letter = ((unsigned char)p[i] | 0x20u) - 'a';

		if (digit > 9 && letter > 5)
			return -1;
		v = v << 4 | (int32_t)(digit <= 9 ? digit : letter + 10);
	}
	return v;
}

/* p is at the backslash. */
static const char *
scan_escape(struct json_scan *s, const char *p)
{
	int32_t v;

	s->escaped = true;
	if (s->end - p < 2)
		return json_fail(s, s->end, "a string without an end");
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 2;
	case 'u':
		break;
	default:
		return json_fail(s, p, "an unknown escape");
	}
	if ((v = hex4(s, p + 2)) < 0)
		return json_fail(s, p, "\\u without four hexadecimal digits");
	if (v < 0xd800 || v > 0xdfff)
		return p + 6;
	if (v < 0xdc00 && s->end - p >= 12 && p[6] == '\\' && p[7] == 'u' &&
	    (hex4(s, p + 8) & ~0x3ff) == 0xdc00)
		return p + 12;
	return json_fail(s, p, "half a surrogate pair");
}

/* p is behind the opening quote. */
static const char *
scan_string(struct json_scan *s, const char *p)
{
	while ((p = swar_plain(p, s->end)) != s->end) {
		size_t n;

		if (*p == '"')
			return p + 1;
		if (*p == '\\') {
			if ((p = scan_escape(s, p)) == NULL)
				return NULL;
			continue;
		}
		if ((unsigned char)*p < 0x20)
			return json_fail(
			    s, p, "a control character in a string");
		while ((n = utf8_one(p, (size_t)(s->end - p))) > 1)
			p += n;
		if (n == 0 && p != s->end)
			return json_fail(s, p, "bytes that are not UTF-8");
	}
	return json_fail(s, p, "a string without an end");
}

static const char *
digits(const struct json_scan *s, const char *p)
{
	while (p != s->end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static const char *
scan_number(struct json_scan *s, const char *p)
{
	const char *from;

	if (*p == '-')
		p++;
	from = p;
	if ((p = digits(s, from)) == from)
		return json_fail(s, p, "a number without digits");
	if (*from == '0' && p - from > 1)
		return json_fail(s, from, "a number with a leading zero");
	if (p != s->end && *p == '.') {
		from = p + 1;
		if ((p = digits(s, from)) == from)
			return json_fail(s, p, "a number without digits");
	}
	if (p != s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p != s->end && (*p == '+' || *p == '-'))
			p++;
		from = p;
		if ((p = digits(s, from)) == from)
			return json_fail(s, p, "a number without digits");
	}
	return p;
}

static const char *
scan_word(struct json_scan *s, const char *p, struct slice word)
{
	if (!slice_starts((struct slice){p, (size_t)(s->end - p)}, word))
		return json_fail(
		    s, p, "a word that is not true, false or null");
	return p + word.n;
}

/* Anything but an object or an array. */
static const char *
scan_scalar(struct json_scan *s, const char *p)
{
	if (p == s->end)
		return json_fail(s, p, "a value is missing");
	switch (*p) {
	case '"':
		return scan_string(s, p + 1);
	case 't':
		return scan_word(s, p, SLICE("true"));
	case 'f':
		return scan_word(s, p, SLICE("false"));
	case 'n':
		return scan_word(s, p, SLICE("null"));
	case '-':
		return scan_number(s, p);
	default:
		if (*p >= '0' && *p <= '9')
			return scan_number(s, p);
		return json_fail(s, p, "a value is missing");
	}
}

const char *
json_scan_name(struct json_scan *s, const char *p)
{
	if (p == s->end || *p != '"')
		return json_fail(s, p, "a member name is missing");
	return json_spend(s, p) ? scan_string(s, p + 1) : NULL;
}

const char *
json_scan_colon(struct json_scan *s, const char *p)
{
	p = json_blanks(s, p);
	if (p == s->end || *p != ':')
		return json_fail(s, p, "a colon is missing");
	return p + 1;
}

static const char *
scan_member(struct json_scan *s, const char *p)
{
	p = json_scan_name(s, json_blanks(s, p));
	return p != NULL ? json_scan_colon(s, p) : NULL;
}

const char *
json_scan_open(struct json_scan *s, const char *p)
{
	if (s->depth == s->depth_max)
		return json_fail(s, p, "deeper nesting than allowed");
	s->depth++;
	s->kinds = s->kinds << 1 | (*p == '{');
	return json_blanks(s, p + 1);
}

/* Behind a value: close what ends here, down to depth `base`, or go on to
 * where the next value must be. */
static const char *
scan_after(struct json_scan *s, const char *p, unsigned base)
{
	while (s->depth != base) {
		p = json_blanks(s, p);
		if (json_at_close(s, p)) {
			s->depth--;
			s->kinds >>= 1;
			p++;
			continue;
		}
		if (p != s->end && *p == ',')
			return json_in_object(s) ? scan_member(s, p + 1)
			                         : p + 1;
		return json_no_comma(s, p);
	}
	return p;
}

const char *
json_scan_value(struct json_scan *s, const char *p)
{
	unsigned base = s->depth;

	do {
		p = json_blanks(s, p);
		if (!json_spend(s, p))
			return NULL;
		if (p == s->end || (*p != '{' && *p != '[')) {
			p = scan_scalar(s, p);
		} else if ((p = json_scan_open(s, p)) != NULL &&
			   !json_at_close(s, p)) {
			if (json_in_object(s))
				p = scan_member(s, p);
			continue;
		}
		if (p != NULL)
			p = scan_after(s, p, base);
	} while (p != NULL && s->depth != base);
	return p;
}

const char *
json_scan_end(struct json_scan *s, const char *p)
{
	p = json_blanks(s, p);
	if (p != s->end)
		return json_fail(s, p, "more behind the value");
	return p;
}

bool
json_scan_begin(
    struct json_scan *s, struct slice in, const struct json_limits *max)
{
	static const struct json_limits none = {0};

	if (in.p == NULL)
		in = SLICE("");
	max = max != NULL ? max : &none;
	*s = (struct json_scan){.p = in.p, .start = in.p, .end = in.p + in.n};
	s->tokens = max->tokens != 0 ? max->tokens : SIZE_MAX;
	s->depth_max = max->depth != 0 ? max->depth : JSON_DEPTH;
	must(s->depth_max <= JSON_DEPTH_MAX);
	if (max->size == 0 || in.n <= max->size)
		return true;
	json_fail(s, in.p + max->size, "more bytes than allowed");
	return false;
}

const char *
json_check(struct slice in, const struct json_limits *max, size_t *at)
{
	struct json_scan s;
	const char *p = NULL;

	if (json_scan_begin(&s, in, max) &&
	    (p = json_scan_value(&s, s.p)) != NULL)
		p = json_scan_end(&s, p);
	if (p != NULL)
		return NULL;
	if (at != NULL)
		*at = (size_t)(s.bad - s.start);
	return s.why;
}

const char *
json_first(struct slice in, const struct json_limits *max, struct slice *value)
{
	struct json_scan s;
	const char *from, *p;

	if (!json_scan_begin(&s, in, max))
		return s.why;
	from = json_blanks(&s, s.p);
	if ((p = json_scan_value(&s, from)) == NULL)
		return s.why;
	*value = (struct slice){from, (size_t)(p - from)};
	return NULL;
}
