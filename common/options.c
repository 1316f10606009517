/*
 * options.c - where a setting comes from, and what to say when it is wrong.
 *
 * Arguments are read first and only remembered; then each row takes its text
 * from the best source that has one; only then is it parsed.  So an error
 * names the source that was used and one that was overruled does not matter.
 * options_vars.c reads the environment and .env; how it is all shown stands in
 * options_print.c.
 */
#include "common/options_own.h"

#include "common/file.h"
#include "common/log.h"
#include "common/must.h"
#include "common/option_value.h"

#include <errno.h>
#include <stdarg.h>

enum {
	FILE_MAX = 65536, /* bytes of .env or of a secret; more is a mistake */
};

bool
options_complain(struct options *o, const char *fmt, ...)
{
	va_list args;

	fprintf(o->from.err, "%s: ", o->from.stage);
	va_start(args, fmt);
	vfprintf(o->from.err, fmt, args);
	va_end(args);
	fputc('\n', o->from.err);
	return false;
}

int
options_read_file(const char *path, struct buf *out)
{
	if (file_read(path, FILE_MAX, out) != 0)
		return -1;
	buf_chr(out, '\0');
	out->n--;
	return 0;
}

static bool
same_name(struct slice a, const char *name)
{
	size_t i;

	for (i = 0; i < a.n && name[i] != '\0'; i++)
		if (a.p[i] != name[i] &&
		    !(strchr("-_", a.p[i]) && strchr("-_", name[i])))
			return false;
	return i == a.n && name[i] == '\0';
}

static struct option_state *
find_flag(struct options *o, struct slice name)
{
	for (unsigned i = 0; i < o->n; i++)
		if (same_name(name, o->states[i].row->name))
			return &o->states[i];
	return NULL;
}

static struct option_state *
find_letter(struct options *o, char letter)
{
	struct slice rest = slice_of(o->from.letters), word;

	while (opt_word(&rest, &word))
		if (word.p[0] == letter)
			return find_flag(o, slice_from(word, 1));
	return NULL;
}

void
options_set(struct option_state *st, const char *source, const char *text)
{
	free(st->text);
	free(st->source);
	st->text = xstrdup(text);
	st->source = xstrdup(source);
	st->given = true;
}

bool
options_set_from_file(struct options *o, struct option_state *st,
    const char *source, const char *path)
{
	struct buf content = {0};
	bool good = true;

	if (options_read_file(path, &content) != 0)
		good = options_complain(
		    o, "%s: cannot read %s: %s", source, path, strerror(errno));
	else if (memchr(content.p, '\0', content.n) != NULL)
		good = options_complain(
		    o, "%s: %s holds a NUL byte", source, path);
	if (good && content.n != 0 && content.p[content.n - 1] == '\n')
		content.p[--content.n] = '\0';
	if (good && content.n != 0 && content.p[content.n - 1] == '\r')
		content.p[--content.n] = '\0';
	if (good)
		options_set(st, source, content.p);
	if (content.p != NULL)
		explicit_bzero(content.p, content.cap);
	buf_free(&content);
	return good;
}

/* --name-file of a secret. */
static bool
take_file_flag(struct options *o, struct slice name, const char *value,
    struct option_state **st)
{
	static const struct slice end = SLICE_INIT("-file");
	struct slice cut = {name.p, name.n - end.n};
	char source[80];

	*st = NULL;
	if (name.n <= end.n || !same_name(slice_from(name, cut.n), end.p))
		return true;
	*st = find_flag(o, cut);
	if (*st == NULL || (*st)->row->kind != OPT_SECRET) {
		*st = NULL;
		return true;
	}
	if (value == NULL)
		return options_complain(
		    o, "--%.*s: needs a path", SLICE_ARGS(name));
	snprintf(source, sizeof(source), "--%s-file", (*st)->row->name);
	return options_set_from_file(o, *st, source, value);
}

static bool
take_value(struct options *o, struct option_state *st, const char *value)
{
	char source[80];

	snprintf(source, sizeof(source), "--%s", st->row->name);
	if (st->row->kind == OPT_SECRET)
		return options_complain(o,
		    "%s: a secret is never an argument, which anybody can "
		    "list; set %s or %s_FILE",
		    source, st->env, st->env);
	if (value == NULL)
		return options_complain(o, "%s: needs a value", source);
	options_set(st, source, value);
	return true;
}

/* name[=value], of --name or -o; next is the argument behind it, or NULL.
 * *used tells whether that was taken. */
static bool
take_flag(struct options *o, const char *arg, const char *next, bool *used)
{
	struct slice rest = slice_of(arg), name;
	struct option_state *st, *of_file = NULL;
	const char *value;

	slice_cut(&rest, '=', &name);
	value = rest.p;
	st = find_flag(o, name);
	if (value == NULL && (st == NULL || st->row->kind != OPT_BOOL)) {
		value = next;
		*used = next != NULL;
	}
	if (st == NULL && !take_file_flag(o, name, value, &of_file))
		return false;
	if (of_file != NULL)
		return true;
	if (st == NULL)
		return options_complain(o,
		    "--%.*s: no such setting; --help lists all",
		    SLICE_ARGS(name));
	if (value == NULL && st->row->kind == OPT_BOOL)
		value = "true";
	return take_value(o, st, value);
}

static bool
take_letter(struct options *o, const char *arg, const char *next, bool *used)
{
	struct option_state *st = find_letter(o, arg[1]);
	const char *value = arg[2] != '\0' ? arg + 2 : NULL;

	if (arg[1] == 'o' && value == NULL && next == NULL)
		return options_complain(o, "-o: needs name=value");
	if (arg[1] == 'o') {
		bool unused = false;

		*used = value == NULL;
		return take_flag(
		    o, value != NULL ? value : next, NULL, &unused);
	}
	if (st == NULL)
		return options_complain(
		    o, "%s: no such flag; --help lists all", arg);
	if (st->row->kind == OPT_BOOL)
		return value == NULL ? take_value(o, st, "true")
		                     : options_complain(
					   o, "%s: one letter at a time", arg);
	if (value == NULL) {
		value = next;
		*used = next != NULL;
	}
	return take_value(o, st, value);
}

static bool
take_arguments(struct options *o)
{
	const struct options_from *f = &o->from;
	int i;

	for (i = 1; i < f->argc; i++) {
		const char *arg = f->argv[i];
		const char *next = i + 1 < f->argc ? f->argv[i + 1] : NULL;
		bool used = false, good;

		if (arg[0] != '-' || arg[1] == '\0')
			break;
		if (strcmp(arg, "--") == 0) {
			i++;
			break;
		}
		if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
			o->help = true;
			return true;
		}
		if (strcmp(arg, "-t") == 0) {
			o->check_only = true;
			continue;
		}
		good = arg[1] == '-' ? take_flag(o, arg + 2, next, &used)
		                     : take_letter(o, arg, next, &used);
		if (!good)
			return false;
		i += used;
	}
	o->operands = i;
	if (i < f->argc && f->operands == NULL)
		return options_complain(o,
		    "%s: not a flag, and there is nothing else "
		    "to say here",
		    f->argv[i]);
	return true;
}

static bool
settle(struct options *o, struct option_state *st)
{
	struct buf why = {0};
	bool good;

	if (!st->given && !options_variables(o, st))
		return false;
	if (!st->given)
		st->text = xstrdup(st->row->value);
	good = option_parse(st->row, st->text, &st->num, &why);
	must(good || st->given); /* a default is in its own range */
	if (!good) {
		char shown[64] = "";

		if (st->row->kind != OPT_SECRET)
			log_value(shown, sizeof(shown), slice_of(st->text));
		options_complain(o, "%s=%s: %.*s", st->source, shown,
		    SLICE_ARGS(buf_slice(&why)));
	}
	buf_free(&why);
	return good;
}

static void
add_rows(struct options *o, const struct option *row, bool common)
{
	for (; row != NULL && row->name != NULL; row++) {
		struct option_state *st;

		must(find_flag(o, slice_of(row->name)) == NULL);
		o->states =
		    xrealloc(o->states, (o->n + 1) * sizeof(*o->states));
		st = &o->states[o->n++];
		*st = (struct option_state){.row = row};
		options_variable(
		    st->env, sizeof(st->env), o->from.stage, row->name);
		if (common)
			options_variable(st->env_common, sizeof(st->env_common),
			    "", row->name);
	}
}

static struct options *
make(const struct options_from *from)
{
	struct options *o = xcalloc(1, sizeof(*o));

	o->from = *from;
	if (o->from.letters == NULL)
		o->from.letters = "";
	add_rows(o, from->own, false);
	for (unsigned i = 0; i < LENGTH(from->common); i++)
		add_rows(o, from->common[i], true);
	return o;
}

static bool
read_all(struct options *o)
{
	bool good = take_arguments(o) && (o->help || options_dotenv(o));

	for (unsigned i = 0; good && !o->help && i < o->n; i++)
		good = settle(o, &o->states[i]);
	return good;
}

struct options *
options_read(const struct options_from *from, int *status)
{
	struct options *o = make(from);
	bool good = read_all(o);

	if (good && !o->help)
		return o;
	if (good)
		options_help(o);
	*status = good ? EXIT_OK : EXIT_SETTINGS;
	options_free(&o);
	return NULL;
}

struct options *
options_again(struct options *older, FILE *err)
{
	struct options *o = make(&older->from);
	FILE *usual = o->from.err;
	bool good;

	for (unsigned i = 0; i < o->n; i++)
		o->states[i].by_file = older->states[i].by_file;
	o->from.err = err;
	good = read_all(o);
	o->from.err = usual;
	if (good)
		o->older = older;
	else
		options_free(&o);
	return o;
}

struct options *
options_back(struct options *o)
{
	struct options *older = o->older;

	must(older != NULL);
	o->older = NULL;
	options_free(&o);
	return older;
}

const char *
options_changed(const struct options *o, unsigned *from)
{
	for (unsigned i = *from; o->older != NULL && i < o->n; i++) {
		if (strcmp(o->states[i].text, o->older->states[i].text) == 0)
			continue;
		*from = i + 1;
		return o->states[i].row->name;
	}
	return NULL;
}

void
options_free(struct options **op)
{
	struct options *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	for (unsigned i = 0; i < o->n; i++) {
		free(o->states[i].text);
		free(o->states[i].source);
	}
	for (unsigned i = 0; i < o->nlines; i++) {
		free(o->lines[i].key);
		free(o->lines[i].value);
	}
	free(o->states);
	free(o->lines);
	options_free(&o->older);
	free(o);
}
