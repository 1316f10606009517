/*
 * options_vars.c - settings from the environment and from a .env file.
 */
#include "common/options_own.h"

#include "common/dotenv.h"
#include "common/must.h"

#include <ctype.h>
#include <errno.h>

void
options_variable(char *out, size_t n, const char *stage, const char *name)
{
	snprintf(out, n, "POSTHORN_%s%s%s", stage, stage[0] != '\0' ? "_" : "",
	    name);
	for (; *out != '\0'; out++)
		*out = *out == '-' ? '_' : (char)toupper((unsigned char)*out);
}

bool
options_dotenv(struct options *o)
{
	struct buf text = {0}, value = {0};
	struct dotenv d = {.error = NULL};
	struct slice key;
	bool good = true;

	if (o->from.dotenv == NULL)
		return true;
	if (options_read_file(o->from.dotenv, &text) != 0) {
		good = errno == ENOENT || options_complain(o, "%s: %s",
					      o->from.dotenv, strerror(errno));
		goto out;
	}
	d.rest = buf_slice(&text);
	while (dotenv_next(&d, &key, &value)) {
		o->lines =
		    xrealloc(o->lines, (o->nlines + 1) * sizeof(*o->lines));
		buf_chr(&value, '\0');
		o->lines[o->nlines++] = (struct option_line){
		    strndup(key.p, key.n), xstrdup(value.p), d.line};
	}
	if (d.error != NULL)
		good = options_complain(
		    o, "%s line %u: %s", o->from.dotenv, d.line, d.error);
out:
	buf_free(&text);
	buf_free(&value);
	return good;
}

static const char *
from_env(const struct options *o, const char *name)
{
	size_t n = strlen(name);

	if (o->from.env == NULL)
		return NULL;
	for (char *const *e = o->from.env; *e != NULL; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e + n + 1;
	return NULL;
}

/* The last line of a key wins, as in a shell. */
static const struct option_line *
from_dotenv(const struct options *o, const char *name)
{
	for (unsigned i = o->nlines; i-- != 0;)
		if (strcmp(o->lines[i].key, name) == 0)
			return &o->lines[i];
	return NULL;
}

/* Look for one variable in one source.  False: complained. */
static bool
take_variable(
    struct options *o, struct option_state *st, const char *name, bool dotenv)
{
	const struct option_line *line = dotenv ? from_dotenv(o, name) : NULL;
	const char *value = line != NULL ? line->value : NULL;
	char source[160];

	if (!dotenv)
		value = from_env(o, name);
	if (value == NULL)
		return true;
	snprintf(source, sizeof(source), "%s", name);
	if (line != NULL)
		snprintf(source, sizeof(source), "%s line %u: %s",
		    o->from.dotenv, line->line, name);
	if (st->given)
		return options_complain(o,
		    "%s: set twice, also by %s; choose one", source,
		    st->source);
	if (strcmp(name, st->env) == 0 || strcmp(name, st->env_common) == 0) {
		options_set(st, source, value);
		return true;
	}
	return options_set_from_file(o, st, source, value);
}

static bool
same_in_both(const struct options *o, const char *name)
{
	const struct option_line *line = from_dotenv(o, name);
	const char *value = from_env(o, name);

	return line != NULL && value != NULL && strcmp(line->value, value) == 0;
}

/* The setting's variables: its own, the common one, and each with _FILE. */
enum { NAMES = 4 };

static bool
name_of(const struct option_state *st, int i, char out[128])
{
	const char *name = i < 2 ? st->env : st->env_common;

	snprintf(out, 128, "%s%s", name, i % 2 != 0 ? "_FILE" : "");
	return name[0] != '\0' && (i % 2 == 0 || st->row->kind == OPT_SECRET);
}

/* Who reads .env for a child of his passes on what it said then. */
static bool
decided_by_file(const struct options *o, const struct option_state *st)
{
	char name[128];

	if (st->by_file)
		return true;
	for (int i = 0; i < NAMES; i++)
		if (name_of(st, i, name) && same_in_both(o, name))
			return true;
	return false;
}

bool
options_variables(struct options *o, struct option_state *st)
{
	char name[128];

	st->by_file = decided_by_file(o, st);
	for (int dotenv = st->by_file; dotenv < 2; dotenv++) {
		for (int i = 0; i < NAMES; i++) {
			if (i == 2 && st->given)
				break;
			if (name_of(st, i, name) &&
			    !take_variable(o, st, name, dotenv != 0))
				return false;
		}
		if (st->given)
			break;
	}
	return true;
}
