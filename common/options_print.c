/*
 * options_print.c - settings looked up, listed and explained.
 */
#include "common/log.h"
#include "common/must.h"
#include "common/option_value.h"
#include "common/options_own.h"

#include <strings.h>

static const struct option_state *
find(const struct options *o, const char *name)
{
	for (unsigned i = 0; i < o->n; i++)
		if (strcmp(o->states[i].row->name, name) == 0)
			return &o->states[i];
	must_failed(name, __FILE__, __LINE__);
}

uint64_t
opt_num(const struct options *o, const char *name)
{
	const struct option_state *st = find(o, name);

	must(st->row->kind == OPT_NUM || st->row->kind == OPT_BYTES ||
	     st->row->kind == OPT_TIME);
	return st->num;
}

bool
opt_bool(const struct options *o, const char *name)
{
	const struct option_state *st = find(o, name);

	must(st->row->kind == OPT_BOOL);
	return st->num != 0;
}

const char *
opt_str(const struct options *o, const char *name)
{
	const struct option_state *st = find(o, name);

	must(st->row->kind == OPT_STR || st->row->kind == OPT_SECRET);
	return st->text;
}

bool
opt_given(const struct options *o, const char *name)
{
	return find(o, name)->given;
}

struct slice
opt_list(const struct options *o, const char *name)
{
	const struct option_state *st = find(o, name);

	must(st->row->kind == OPT_LIST);
	return slice_of(st->text);
}

const char *
options_operand(const struct options *o, unsigned i)
{
	unsigned left = (unsigned)(o->from.argc - o->operands);

	return i < left ? o->from.argv[(unsigned)o->operands + i] : NULL;
}

bool
options_check_only(const struct options *o)
{
	return o->check_only;
}

static void
put_quoted(FILE *out, const char *text)
{
	bool plain = strpbrk(text, " \t#\"'\\\n$") == NULL;

	if (plain) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '\n') {
			fputs("\\n", out);
			continue;
		}
		if (strchr("\"\\$", *text) != NULL)
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static const char *
shown_name(const struct option_state *st)
{
	return st->env_common[0] != '\0' ? st->env_common : st->env;
}

void
options_print(const struct options *o)
{
	FILE *out = o->from.out;

	for (unsigned i = 0; i < o->n; i++) {
		const struct option_state *st = &o->states[i];
		const char *text = st->text;

		if (st->row->kind == OPT_SECRET && text[0] != '\0')
			text = "********";
		fprintf(out, "%s=", shown_name(st));
		put_quoted(out, text);
		fprintf(out, " # %s\n", st->given ? st->source : "default");
	}
}

static void
put_row(const struct options *o, const struct option_state *st)
{
	struct slice letters = slice_of(o->from.letters), word;
	FILE *out = o->from.out;
	const struct option *row = st->row;
	struct buf range = {0};
	char flag[64];

	option_range(row, &range);
	snprintf(flag, sizeof(flag), "--%s%s", row->name,
	    row->kind == OPT_SECRET ? "-file PATH" : "");
	fprintf(out, "  %-24s %s", flag, row->help);
	while (opt_word(&letters, &word))
		if (slice_is(slice_from(word, 1), row->name))
			fprintf(out, " (-%c)", word.p[0]);
	fprintf(out, "\n  %-24s %s", "", shown_name(st));
	if (row->kind == OPT_SECRET)
		fputs(", or _FILE", out);
	else if (row->value[0] != '\0')
		fprintf(out, "=%s", row->value);
	if (range.n != 0 && row->kind != OPT_STR && row->kind != OPT_SECRET)
		fprintf(out, " (%.*s)", SLICE_ARGS(buf_slice(&range)));
	fputc('\n', out);
	buf_free(&range);
}

void
options_help(const struct options *o)
{
	FILE *out = o->from.out;

	fprintf(out, "usage: %s [-ht] [--name value] [-o name=value]%s%s\n",
	    o->from.stage, o->from.operands != NULL ? " " : "",
	    o->from.operands != NULL ? o->from.operands : "");
	if (o->from.about != NULL)
		fprintf(out, "%s\n", o->from.about);
	fputs("\n  -h, --help               say this\n"
	      "  -t                       check the settings, print them\n\n",
	    out);
	for (unsigned i = 0; i < o->n; i++)
		put_row(o, &o->states[i]);
	fputs("\nArguments win over the environment, that over .env in the "
	      "working directory.\n",
	    out);
}

static bool
explains(const struct option_state *st, struct slice key)
{
	size_t n = strlen(st->env);

	if (slice_is(key, st->env))
		return true;
	if (st->env_common[0] != '\0' && slice_is(key, st->env_common))
		return true;
	return st->row->kind == OPT_SECRET &&
	       slice_starts(key, slice_of(st->env)) &&
	       slice_is(slice_from(key, n), "_FILE");
}

/* A variable that means us and that no row explains is most likely a typo. */
static void
warn_of(const struct options *o, struct slice key)
{
	static const struct slice ours = SLICE_INIT("POSTHORN_");
	size_t stage = strlen(o->from.stage);
	char shown[LOG_VALUE];

	if (!slice_starts(key, ours) || key.n <= ours.n + stage ||
	    strncasecmp(key.p + ours.n, o->from.stage, stage) != 0 ||
	    key.p[ours.n + stage] != '_')
		return;
	for (unsigned i = 0; i < o->n; i++)
		if (explains(&o->states[i], key))
			return;
	log_warn(
	    "unknown_setting", "name=%s", log_value(shown, sizeof(shown), key));
}

void
options_warn(const struct options *o)
{
	for (unsigned i = 0; i < o->nlines; i++)
		warn_of(o, slice_of(o->lines[i].key));
	if (o->from.env == NULL)
		return;
	for (char *const *e = o->from.env; *e != NULL; e++)
		warn_of(o, (struct slice){*e, strcspn(*e, "=")});
}
