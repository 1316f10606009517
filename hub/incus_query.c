/*
 * incus_query.c - names and values, from three places.
 */
#include "hub/incus_query.h"

#include "common/must.h"
#include "common/url.h"

enum { BOUNDARY_MAX = 70 }; /* bytes, RFC 2046 5.1.1 */

static struct slice *
place_of(struct incus_query *q, struct slice name)
{
	const struct {
		const char *name;
		struct slice *to;
	} places[] = {
	    {"user", &q->user},
	    {"page", &q->page},
	    {"command", &q->command},
	    {"cursor", &q->cursor},
	    {"messages", &q->messages},
	    {"timeout", &q->timeout},
	};

	for (size_t i = 0; i < LENGTH(places); i++)
		if (slice_is(name, places[i].name))
			return places[i].to->p == NULL ? places[i].to : NULL;
	return NULL;
}

static void
take(struct incus_query *q, struct slice name, struct slice value)
{
	struct slice *to = place_of(q, name);

	if (to != NULL)
		*to = value.p != NULL ? value : SLICE("");
}

/* The text has room for all there is, so that slices of it stay. */
static void
take_pairs(struct incus_query *q, struct slice pairs)
{
	struct slice name, raw;

	while (url_query_next(&pairs, &name, &raw)) {
		size_t from = q->text.n, middle;

		if (!url_decode(&q->text, name, URL_QUERY))
			continue;
		middle = q->text.n;
		if (raw.n != 0 && !url_decode(&q->text, raw, URL_QUERY))
			continue;
		take(q, (struct slice){q->text.p + from, middle - from},
		    (struct slice){q->text.p + middle, q->text.n - middle});
	}
}

/* ---- multipart/form-data, RFC 7578 */

/* The value of a parameter behind a ; of a header's; p is NULL without. */
static struct slice
parameter(struct slice value, const char *name)
{
	struct slice part, key;

	slice_cut(&value, ';', &part);
	while (slice_cut(&value, ';', &part)) {
		slice_cut(&part, '=', &key);
		if (!http_same(slice_trim(key), slice_of(name)))
			continue;
		part = slice_trim(part);
		if (part.n >= 2 && part.p[0] == '"' &&
		    part.p[part.n - 1] == '"')
			part = (struct slice){part.p + 1, part.n - 2};
		return part.p != NULL ? part : SLICE("");
	}
	return (struct slice){NULL, 0};
}

/* Cut off what stands before the mark, and the mark.  False: there is none. */
static bool
cut_at(struct slice *rest, struct slice mark, struct slice *before)
{
	const char *at =
	    rest->n != 0 ? memmem(rest->p, rest->n, mark.p, mark.n) : NULL;

	if (at == NULL)
		return false;
	*before = (struct slice){rest->p, (size_t)(at - rest->p)};
	*rest = slice_from(*rest, before->n + mark.n);
	return true;
}

static void
take_part(struct incus_query *q, struct slice part)
{
	struct slice heads, line, name;

	if (!cut_at(&part, SLICE("\r\n\r\n"), &heads))
		return;
	while (slice_cut(&heads, '\n', &line)) {
		if (line.n != 0 && line.p[line.n - 1] == '\r')
			line.n--;
		slice_cut(&line, ':', &name);
		if (!http_same(slice_trim(name), SLICE("Content-Disposition")))
			continue;
		if (parameter(line, "filename").p == NULL)
			take(q, parameter(line, "name"), part);
		return;
	}
}

/* Each part stands between two lines of the boundary. */
static void
take_parts(struct incus_query *q, struct slice type, struct slice body)
{
	struct slice boundary = parameter(type, "boundary"), part;
	char room[4 + BOUNDARY_MAX] = "\r\n--";
	struct slice mark = {room, 4 + boundary.n}, first;

	if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
		return;
	memcpy(room + 4, boundary.p, boundary.n);
	first = slice_from(mark, 2);
	if (!cut_at(&body, first, &part))
		return;
	while (cut_at(&body, mark, &part))
		take_part(q, part);
}

static bool
is_type(struct slice type, const char *want)
{
	struct slice part = SLICE("");

	slice_cut(&type, ';', &part);
	return http_same(slice_trim(part), slice_of(want));
}

void
incus_query_read(
    struct incus_query *q, const struct http_request *r, struct slice body)
{
	struct slice type = http_header(r, SLICE("Content-Type"));

	(void)!buf_room(&q->text, r->query.n + body.n + 1);
	if (r->verb == HTTP_POST || r->verb == HTTP_PUT ||
	    r->verb == HTTP_PATCH) {
		if (is_type(type, "application/x-www-form-urlencoded"))
			take_pairs(q, body);
		else if (is_type(type, "multipart/form-data"))
			take_parts(q, type, body);
	}
	take_pairs(q, r->query);
}

void
incus_query_free(struct incus_query *q)
{
	buf_free(&q->text);
}
