/*
 * json_scan.h - what json.c's scanner offers to the walk, and to no others.
 *
 * Each function takes the place to read from and returns the place behind
 * what it read; NULL or false means that the error was noted in the scan.
 */
#ifndef COMMON_JSON_SCAN_H
#define COMMON_JSON_SCAN_H

#include "common/json.h"

/* False: longer than allowed. */
bool json_scan_begin(
    struct json_scan *, struct slice, const struct json_limits *);

/* Count one value or name. */
bool json_spend(struct json_scan *, const char *p);

/* p is at an opening bracket. */
const char *json_scan_open(struct json_scan *, const char *p);

/* One whole value, however much is nested in it. */
const char *json_scan_value(struct json_scan *, const char *p);

/* A member's name, and the colon behind it. */
const char *json_scan_name(struct json_scan *, const char *p);
const char *json_scan_colon(struct json_scan *, const char *p);

/* Nothing but blanks may follow. */
const char *json_scan_end(struct json_scan *, const char *p);

static inline const char *
json_fail(struct json_scan *s, const char *p, const char *why)
{
	s->why = why;
	s->bad = p;
	return NULL;
}

static inline const char *
json_blanks(const struct json_scan *s, const char *p)
{
	while (p != s->end &&
	       (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* The kind of a checked value, by its first byte. */
static inline enum json_kind
json_kind_of(char c)
{
	switch (c) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

static inline bool
json_in_object(const struct json_scan *s)
{
	return (s->kinds & 1) != 0;
}

static inline bool
json_at_close(const struct json_scan *s, const char *p)
{
	return p != s->end && *p == (json_in_object(s) ? '}' : ']');
}

static inline const char *
json_no_comma(struct json_scan *s, const char *p)
{
	return json_fail(s, p,
	    json_in_object(s) ? "a comma or } is missing"
			      : "a comma or ] is missing");
}

#endif
