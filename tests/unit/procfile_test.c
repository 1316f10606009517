/* procfile_test.c - a Procfile says what runs, or what is wrong with it. */
#include "common/must.h"
#include "common/procfile.h"
#include "tests/unit/test.h"

#include <stdio.h>

static void
lines_are_names_and_commands(void **state)
{
	static const char text[] = "# comment\n\n"
				   "store: bin/store\r\n"
				   "  hub-2:\tbin/hub -v \n"
				   "web_1:a:b";
	struct slice s = exact(text, sizeof(text) - 1);
	struct procfile f;

	(void)state;
	assert_null(procfile_parse(&f, s));
	assert_int_equal(f.n, 3);
	assert_true(slice_is(f.lines[0].name, "store"));
	assert_true(slice_is(f.lines[0].command, "bin/store"));
	assert_true(slice_is(f.lines[1].name, "hub-2"));
	assert_true(slice_is(f.lines[1].command, "bin/hub -v"));
	assert_true(slice_is(f.lines[2].command, "a:b"));
	assert_int_equal(f.lines[2].count, 1);
	free((char *)s.p);
}

static void
what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		struct slice text;
		unsigned line;
		const char *says;
	} rows[] = {
	    {SLICE_INIT("a: b\nno colon\n"), 2, "name: command"},
	    {SLICE_INIT("a b: c\n"), 1, "name: command"},
	    {SLICE_INIT(": c\n"), 1, "name: command"},
	    {SLICE_INIT("a:   \n"), 1, "no command"},
	    {SLICE_INIT("a: x\n\na: y\n"), 3, "before"},
	    {SLICE_INIT("all: x\n"), 1, "cannot be names"},
	    {SLICE_INIT("up: x\n"), 1, "cannot be names"},
	    {SLICE_INIT("a: x\0y\n"), 1, "NUL"},
	    {SLICE_INIT("abcdefghijklmnopqrstuvwxyz0123456: x"), 1, "32"},
	    {SLICE_INIT("\n# nothing\n"), 3, "no command at all"},
	    {SLICE_INIT(""), 1, "no command at all"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct procfile f;
		struct slice s = exact(rows[i].text.p, rows[i].text.n);
		const char *error = procfile_parse(&f, s);

		assert_non_null(error);
		assert_non_null(strstr(error, rows[i].says));
		assert_int_equal(f.at, rows[i].line);
		free((char *)s.p);
	}
}

static void
every_truncation_is_read_without_overread(void **state)
{
	static const char text[] = "store: bin/store\nhub: bin/hub -x\n#\n";
	struct procfile f;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct slice s = exact(text, n);
		bool refused = procfile_parse(&f, s) != NULL;
		/* Not yet a first command, or a second without one. */
		bool partial = n <= 7 || (n >= 18 && n <= 22);

		assert_int_equal(refused, partial);
		free((char *)s.p);
	}
}

static void
more_lines_than_it_holds_are_refused(void **state)
{
	char text[PROCFILE_LINES * 16 + 16];
	struct procfile f;
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < PROCFILE_LINES; i++)
		n +=
		    (size_t)snprintf(text + n, sizeof(text) - n, "p%u: x\n", i);
	assert_null(procfile_parse(&f, (struct slice){text, n}));
	n += (size_t)snprintf(text + n, sizeof(text) - n, "more: x\n");
	assert_non_null(procfile_parse(&f, (struct slice){text, n}));
	assert_int_equal(f.at, PROCFILE_LINES + 1);
}

static void
a_formation_says_how_many(void **state)
{
	struct procfile f;

	(void)state;
	procfile_parse(&f, SLICE("store: s\nhub: h\ningress: i\n"));
	assert_null(procfile_form(&f, SLICE("")));
	assert_null(procfile_form(&f, SLICE("hub=4, ingress = 2")));
	assert_int_equal(f.lines[0].count, 1);
	assert_int_equal(f.lines[1].count, 4);
	assert_int_equal(f.lines[2].count, 2);
	assert_null(procfile_form(&f, SLICE("all=0,hub=256")));
	assert_int_equal(f.lines[0].count, 0);
	assert_int_equal(f.lines[1].count, 256);
	assert_int_equal(f.lines[2].count, 0);
}

static void
a_wrong_formation_names_its_item(void **state)
{
	static const struct {
		struct slice text;
		const char *culprit, *says;
	} rows[] = {
	    {SLICE_INIT("hub=1,hub"), "hub", "number"},
	    {SLICE_INIT("hub=1,"), "", "number"},
	    {SLICE_INIT("hub=x"), "hub=x", "number"},
	    {SLICE_INIT("hub=-1"), "hub=-1", "number"},
	    {SLICE_INIT("hub=257"), "hub=257", "256"},
	    {SLICE_INIT("hub=1,hup=2"), "hup=2", "no such name"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct procfile f;
		const char *error;

		procfile_parse(&f, SLICE("hub: h\n"));
		error = procfile_form(&f, rows[i].text);
		assert_non_null(error);
		assert_non_null(strstr(error, rows[i].says));
		assert_true(slice_is(f.culprit, rows[i].culprit));
	}
}

static void
only_what_a_shell_would_change_goes_to_a_shell(void **state)
{
	static const char *const plain[] = {
	    "bin/hub", "bin/hub -x --n=3", "a  b\tc", "send -m user@host:4,5%"};
	static const char *const shell[] = {"A=1 bin/hub", "a | b", "a && b",
	    "a > f", "a $B", "a 'b'", "a \"b\"", "a \\b", "a *", "~/b", "(a)",
	    "a;", "a `b`", "a # b", "a {b,c}", "! a", "a [bc]", "a ?"};

	(void)state;
	for (size_t i = 0; i < LENGTH(plain); i++)
		assert_true(procfile_plain(slice_of(plain[i])));
	for (size_t i = 0; i < LENGTH(shell); i++)
		assert_false(procfile_plain(slice_of(shell[i])));
}

TESTS(unit(lines_are_names_and_commands),
    unit(what_is_wrong_is_told_with_its_line),
    unit(every_truncation_is_read_without_overread),
    unit(more_lines_than_it_holds_are_refused), unit(a_formation_says_how_many),
    unit(a_wrong_formation_names_its_item),
    unit(only_what_a_shell_would_change_goes_to_a_shell))
