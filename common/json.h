/*
 * json.h - read JSON from strangers: strictly RFC 8259, and without memory.
 *
 * Reading is one pass that checks and splits at once.  A walk takes one
 * object or array a member at a time and hands out the members' raw bytes,
 * each already checked to its depths, so a message's data costs the same
 * whatever is inside and is passed on as it arrived.  Nothing is allocated,
 * nothing recurses, and every slice handed out borrows from the input.
 *
 * Refused beyond the grammar: what is not UTF-8, escapes that name half a
 * surrogate pair, a byte order mark, and in a walked object a second member
 * of the same name.  "\u0000" is legal JSON and comes out as a zero byte.
 *
 * Errors are static strings that say what was wrong, with an offset in bytes.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JSON_DEPTH = 32,     /* default: far past any real message */
	JSON_DEPTH_MAX = 64, /* what a limit may ask: one word of bits */
	JSON_MEMBERS = 64,   /* of a walked object; their names are compared */
};

/* Zeroes, or no struct at all, are the defaults. */
struct json_limits {
	size_t size;    /* bytes; 0 is no limit but the caller's own */
	size_t tokens;  /* values and member names; 0 is no limit */
	unsigned depth; /* 0 is JSON_DEPTH; 1 allows no nesting in the first */
};

enum json_kind {
	JSON_NONE, /* not there */
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* One checked value. */
struct json_value {
	struct slice raw; /* as it came, quotes included, no blanks around */
	enum json_kind kind;
	bool escaped; /* a string, with escapes in it */
};

/* NULL: exactly one JSON value, blanks around it allowed.  Else the reason,
 * and *at where (at may be NULL). */
const char *json_check(struct slice, const struct json_limits *, size_t *at);

/* The first value, whatever follows it.  NULL and its bytes in *value; or
 * the reason. */
const char *json_first(
    struct slice, const struct json_limits *, struct slice *value);

/* The value in bytes that were checked before. */
struct json_value json_value(struct slice checked);

/* The scanner's state; json.c's own business. */
struct json_scan {
	const char *p, *start, *end;
	const char *why, *bad; /* the first error and where */
	size_t tokens;         /* left */
	uint64_t kinds;        /* a bit per open level, 1 is an object */
	unsigned depth, depth_max;
	bool escaped; /* an escape was seen */
};

/*
 * A walk over one object or array.  Members are provisional until next has
 * returned false with `why` at NULL: only then was everything checked to
 * the last byte.
 */
struct json_field;
struct json_walk {
	const char *why;    /* NULL, or what was wrong */
	size_t at;          /* and at which byte */
	struct slice field; /* in which member, as spelt; "" for none */
	const struct json_field *row; /* that it is not as, or NULL */

	struct json_scan scan;
	struct json_value name; /* the last one seen */
	unsigned members;
	bool begun;
	uint64_t escaped; /* which of the names */
	struct slice names[JSON_MEMBERS];
};

/* Begin; anything but an object (an array) is an error.  Errors also show at
 * the first next.  Cost of a member: its bytes, and a comparison of its
 * length with those of the names before it. */
bool json_object(struct json_walk *, struct slice, const struct json_limits *);
bool json_array(struct json_walk *, struct slice, const struct json_limits *);
bool json_object_next(
    struct json_walk *, struct json_value *name, struct json_value *value);
bool json_array_next(struct json_walk *, struct json_value *value);

/* A member somebody expects: a row of a static table. */
#define JSON_MAY(kind) (1u << (kind))
#define JSON_ANY       (~0u)
struct json_field {
	struct slice name;
	unsigned kinds; /* JSON_MAY()s or-ed */
	bool required;
};

/* Walk a begun object to its end and fill values[i] for fields[i]: JSON_NONE
 * when it is absent.  Members no row names are checked and skipped.  False:
 * why, at, field and row tell, and the values mean nothing. */
struct json_table {
	const struct json_field *fields;
	size_t n;
};
bool json_object_read(
    struct json_walk *, struct json_table, struct json_value *values);

/* Is it a string with this text?  Escapes are seen through. */
bool json_is(struct json_value, struct slice text);

/* Are two strings the same text, however each is spelt? */
bool json_same(struct json_value, struct json_value);

/* The text of a JSON_STRING (nothing else may come).  Without escapes it
 * borrows from the input and the buf is not touched.  Else it is appended
 * there and borrows from there: a later string in the same buf may move it,
 * unless buf_room() made room for the whole input before.  Past the buf's
 * cap, by the length of the escaped text, p is NULL. */
struct slice json_string(struct json_value, struct buf *);

/* A JSON_NUMBER written as plain digits, 0 to 2^64-1: 1.5, 1e3 and -0 are
 * refused.  JavaScript is exact up to 2^53 only; that limit is the caller's. */
bool json_uint(struct json_value, uint64_t *);

bool json_bool(struct json_value, bool *);

/* Cut the next line that is not blank off the front of *rest, without its
 * \n or \r\n.  False: no whole line is left; what is left waits for more,
 * unless this is final, when it is the last line. */
bool ndjson_next(struct slice *rest, struct slice *line, bool final);

#endif
