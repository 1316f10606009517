/*
 * json_path.c - lookups over jsmn's tokens; the only jsmn.
 *
 * The scanner of json.c has said yes before jsmn sees a byte, and has counted
 * the tokens, so jsmn can neither fail nor be fooled: it only indexes.  Its
 * strict mode would refuse a lone number, which is why it is off; parent
 * links keep a closing bracket from searching all tokens for its opener.
 */
#include "common/json_path.h"

#include "common/must.h"

#define JSMN_STATIC
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include <limits.h>

struct json_doc {
	struct slice text; /* borrowed; what the tokens point into */
	unsigned max, n;   /* tokens; n == 0 is an empty document */
	jsmntok_t tokens[];
};

struct json_doc *
json_doc_new(unsigned tokens)
{
	struct json_doc *d;

	must(tokens != 0 && tokens <= INT_MAX / sizeof(d->tokens[0]));
	d = xcalloc(1, sizeof(*d) + tokens * sizeof(d->tokens[0]));
	d->max = tokens;
	return d;
}

void
json_doc_free(struct json_doc **d)
{
	free(*d);
	*d = NULL;
}

const char *
json_doc_read(struct json_doc *d, struct slice text, size_t *at)
{
	/* jsmn counts bytes in an int. */
	const struct json_limits max = {.size = INT_MAX, .tokens = d->max};
	const char *why = json_check(text, &max, at);
	jsmn_parser parser;
	int n;

	d->n = 0;
	if (why != NULL)
		return why;
	jsmn_init(&parser);
	n = jsmn_parse(&parser, text.p, text.n, d->tokens, d->max);
	must(n > 0 && (unsigned)n <= d->max);
	d->text = text;
	d->n = (unsigned)n;
	return NULL;
}

static struct json_value
value_at(const struct json_doc *d, unsigned i)
{
	const jsmntok_t *t = &d->tokens[i];
	int quote = t->type == JSMN_STRING;
	size_t from = (size_t)(t->start - quote);

	return json_value(
	    (struct slice){d->text.p + from, (size_t)(t->end + quote) - from});
}

/* The token behind i and all that is nested in it; i is no name. */
static unsigned
behind(const struct json_doc *d, unsigned i)
{
	int end = d->tokens[i].end;

	for (i++; i < d->n && d->tokens[i].start < end;)
		i++;
	return i;
}

/* The value of that name or index in token i, or d->n. */
static unsigned
step(const struct json_doc *d, unsigned i, struct slice name)
{
	const jsmntok_t *in = &d->tokens[i];
	uint64_t index = 0;
	int left = in->size;

	if (in->type != JSMN_OBJECT && in->type != JSMN_ARRAY)
		return d->n;
	if (in->type == JSMN_ARRAY &&
	    (!slice_num(name, &index) || index >= (uint64_t)left))
		return d->n;
	for (i++; left-- != 0; i = behind(d, i)) {
		if (in->type == JSMN_ARRAY) {
			if (index-- == 0)
				return i;
		} else if (json_is(value_at(d, i++), name)) {
			return i;
		}
	}
	return d->n;
}

struct json_value
json_path(const struct json_doc *d, const char *path)
{
	struct slice rest = slice_of(path), name;
	unsigned i = 0;

	if (rest.n != 0)
		while (i < d->n && slice_cut(&rest, '.', &name))
			i = step(d, i, name);
	return i < d->n ? value_at(d, i) : (struct json_value){0};
}
