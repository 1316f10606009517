/*
 * policy.c - rows of patterns, and the most specific one.
 */
#include "store/policy.h"

#include "common/must.h"

enum { SEGMENTS = 16 }; /* of a channel, hence of a pattern */

struct row {
	struct slice pattern;
	char rank[SEGMENTS + 1]; /* per segment 2 a word, 1 *, 0 **; compares */
	struct policy policy;
};

struct policies {
	char *text;
	struct row *rows;
	size_t count;
	struct policy none;
};

static bool
scaled(struct slice s, const char *units, const uint64_t *sizes, uint64_t *out)
{
	const char *unit = NULL;
	uint64_t scale = 1;

	if (s.n != 0 && (unsigned char)(s.p[s.n - 1] - '0') > 9) {
		unit = strchr(units, s.p[s.n - 1]);
		if (unit == NULL || *unit == '\0')
			return false;
		scale = sizes[unit - units];
		s.n--;
	}
	if (!slice_num(s, out) || *out > UINT64_MAX / scale)
		return false;
	*out *= scale;
	return true;
}

static const char *
read_limits(struct slice rest, struct policy *p)
{
	static const uint64_t times[] = {1000, 60000, 3600000, 86400000};
	static const uint64_t sizes[] = {1 << 10, 1 << 20, 1 << 30};
	struct slice part;

	if (!slice_cut(&rest, ',', &part) || !slice_num(part, &p->count))
		return "COUNT is not a number";
	if (slice_cut(&rest, ',', &part) &&
	    !scaled(part, "smhd", times, &p->age_ms))
		return "AGE is not like 90s, 5m, 12h or 7d";
	if (slice_cut(&rest, ',', &part) &&
	    !scaled(part, "kmg", sizes, &p->bytes))
		return "BYTES is not like 4096, 64k or 1m";
	return rest.p == NULL ? NULL : "more than PATTERN=COUNT,AGE,BYTES";
}

static const char *
rank(struct row *r)
{
	struct slice rest = r->pattern, part;
	size_t n = 0;

	if (rest.n < 2 || rest.p[0] != '/')
		return "a pattern begins with / and has a segment";
	rest = slice_from(rest, 1);
	while (slice_cut(&rest, '/', &part)) {
		if (n == SEGMENTS)
			return "a pattern has at most 16 segments";
		if (part.n == 0)
			return "a segment is empty";
		if (slice_is(part, "**")) {
			if (rest.p != NULL)
				return "** stands only at the end";
			r->rank[n++] = '0';
		} else {
			r->rank[n++] = slice_is(part, "*") ? '1' : '2';
		}
	}
	return NULL;
}

static const char *
add_row(struct policies *p, struct slice word)
{
	struct row r = {.pattern = {0}};
	struct slice rest = word;
	const char *why;

	if (!slice_cut(&rest, '=', &r.pattern) || rest.p == NULL)
		return "a row is PATTERN=COUNT[,AGE[,BYTES]]";
	if ((why = rank(&r)) != NULL || (why = read_limits(rest, &r.policy)))
		return why;
	p->rows = xrealloc(p->rows, (p->count + 1) * sizeof(*p->rows));
	p->rows[p->count++] = r;
	return NULL;
}

struct policies *
policies_new(struct slice text, const char **why, struct slice *bad)
{
	struct policies *p = xcalloc(1, sizeof(*p));
	struct slice rest, word;

	*why = NULL;
	p->text = xmalloc(text.n);
	if (text.n != 0)
		memcpy(p->text, text.p, text.n);
	rest = (struct slice){p->text, text.n};
	while (slice_cut(&rest, ' ', &word)) {
		if (word.n == 0 || (*why = add_row(p, word)) == NULL)
			continue;
		*bad = (struct slice){text.p + (word.p - p->text), word.n};
		policies_free(&p);
		return NULL;
	}
	return p;
}

void
policies_free(struct policies **pp)
{
	struct policies *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	free(p->rows);
	free(p->text);
	free(p);
}

static bool
matches(const struct row *r, struct slice channel)
{
	struct slice pattern = r->pattern, want, have;
	bool more;

	while ((more = slice_cut(&channel, '/', &have)) &&
	       slice_cut(&pattern, '/', &want)) {
		if (slice_is(want, "**"))
			return true;
		if (!slice_is(want, "*") && !slice_eq(want, have))
			return false;
	}
	return !more && pattern.p == NULL;
}

const struct policy *
policies_find(const struct policies *p, struct slice channel)
{
	const struct row *best = NULL;

	for (size_t i = 0; i < p->count; i++) {
		const struct row *r = &p->rows[i];

		if (matches(r, channel) &&
		    (best == NULL || strcmp(r->rank, best->rank) >= 0))
			best = r;
	}
	return best != NULL ? &best->policy : &p->none;
}

bool
policies_keep_all(const struct policies *p)
{
	bool all = false;

	for (size_t i = 0; i < p->count; i++) {
		if (p->rows[i].policy.count == 0)
			return false;
		all = all || slice_is(p->rows[i].pattern, "/**");
	}
	return all;
}
