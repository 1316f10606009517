/* options_test.c - the best source wins, and a mistake is one clear line. */
#include "common/log.h"
#include "common/options.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <unistd.h>

enum { ARGS = 8 };

static const struct option own[] = {
    {"backlog", "64k", OPT_BYTES, 4096, 1 << 24, "what a client may owe"},
    {"idle", "30s", OPT_TIME, 0, 3600000, "silence before a ping"},
    {"echo", "no", OPT_BOOL, 0, 0, "serve the echo endpoint"},
    {"max_things", "3", OPT_NUM, 1, 9, "things"},
    {"listen", "4000", OPT_LIST, 1, 3, "ports"},
    {0},
};

static const struct option shared[] = {
    {"store", "ipc", OPT_STR, 1, 20, "the stores"},
    {"key", "", OPT_SECRET, 0, 32, "our key"},
    {0},
};

static char said[16384], dotenv[] = "options_test.env";

struct run {
	char *argv[ARGS], *env[ARGS];
	const char *dotenv, *operands;
};

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

/* What was printed on either stream is in said. */
static struct options *
reads(const struct run *r, int *status)
{
	FILE *out = fmemopen(said, sizeof(said), "w");
	char *argv[ARGS + 1] = {"hub"};
	struct options *o;
	int argc = 1;

	memset(said, 0, sizeof(said));
	for (; argc <= ARGS && r->argv[argc - 1] != NULL; argc++)
		argv[argc] = r->argv[argc - 1];
	if (r->dotenv != NULL)
		write_file(dotenv, r->dotenv);
	*status = -1;
	o = options_read(
	    &(struct options_from){
		.stage = "hub",
		.about = "keeps connections",
		.own = own,
		.common = {shared},
		.letters = "eecho mmax_things",
		.argc = argc,
		.argv = argv,
		.env = r->env,
		.dotenv = dotenv,
		.operands = r->operands,
		.out = out,
		.err = out,
	    },
	    status);
	if (o != NULL && options_check_only(o))
		options_print(o);
	fclose(out);
	unlink(dotenv);
	return o;
}

static void
without_settings_there_are_defaults(void **state)
{
	int status;
	struct options *o = reads(&(struct run){0}, &status);
	struct slice rest, word;

	(void)state;
	assert_non_null(o);
	assert_int_equal(opt_num(o, "backlog"), 65536);
	assert_int_equal(opt_num(o, "idle"), 30000);
	assert_false(opt_bool(o, "echo"));
	assert_string_equal(opt_str(o, "store"), "ipc");
	assert_string_equal(opt_str(o, "key"), "");
	assert_false(opt_given(o, "backlog"));
	assert_false(options_check_only(o));
	assert_null(options_operand(o, 0));
	rest = opt_list(o, "listen");
	assert_true(opt_word(&rest, &word) && slice_is(word, "4000"));
	assert_false(opt_word(&rest, &word));
	assert_string_equal(said, "");
	options_free(&o);
	assert_null(o);
}

/* The sources of one setting, from the best to the worst. */
static void
the_best_source_wins(void **state)
{
	struct run r = {
	    .argv = {"--store", "flag"},
	    .env = {"POSTHORN_STORE=common", "POSTHORN_HUB_STORE=own"},
	    .dotenv = "POSTHORN_STORE=filecommon\nPOSTHORN_HUB_STORE=file\n",
	};
	static const char *const expected[] = {
	    "flag", "own", "common", "file", "filecommon", "ipc"};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		int status;
		struct options *o = reads(&r, &status);

		assert_non_null(o);
		assert_string_equal(opt_str(o, "store"), expected[i]);
		assert_true(opt_given(o, "store") == (i < 5));
		options_free(&o);
		if (i == 0)
			r.argv[0] = NULL;
		else if (i == 1)
			r.env[1] = NULL;
		else if (i == 2)
			r.env[0] = NULL;
		else
			r.dotenv = i == 3 ? "POSTHORN_STORE=filecommon\n" : "";
	}
}

static void
flags_have_several_spellings(void **state)
{
	static const struct run runs[] = {
	    {.argv = {"--max_things", "7", "--echo"}},
	    {.argv = {"--max-things=7", "--echo=yes"}},
	    {.argv = {"-o", "max_things=7", "-oecho"}},
	    {.argv = {"-m", "7", "-e"}},
	    {.argv = {"-m7", "-e"}},
	    {.argv = {"--max-things", "2", "-m7", "--echo=0", "--echo=1"}},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		int status;
		struct options *o = reads(&runs[i], &status);

		assert_non_null(o);
		assert_int_equal(opt_num(o, "max_things"), 7);
		assert_true(opt_bool(o, "echo"));
		options_free(&o);
	}
}

/* [arguments, environment, .env; words of the one line that explains] */
static const struct {
	struct run run;
	const char *words;
} mistakes[] = {
    {{.argv = {"--backlog", "17"}}, "hub: --backlog=17: it must be in 4k..16m"},
    {{.argv = {"--backlog", "17x"}}, "--backlog=17x: must be a size"},
    {{.argv = {"--backlog", "99999999999g"}}, "must be a size"},
    {{.argv = {"--backlog="}}, "must be a size"},
    {{.argv = {"--backlog"}}, "--backlog: needs a value"},
    {{.argv = {"--idle", "5"}}, "--idle=5: must be a time"},
    {{.argv = {"--idle", "2h"}}, "must be in 0ms..1h"},
    {{.argv = {"--echo=maybe"}}, "--echo=maybe: must be 1, 0"},
    {{.argv = {"--max-things", "-1"}}, "must be a number"},
    {{.argv = {"--listen", ""}}, "number of its words must be in 1..3"},
    {{.argv = {"--listen", "1 2,3 4"}}, "number of its words"},
    {{.argv = {"--store", "a-name-of-21-bytes-ab"}}, "length in bytes"},
    {{.argv = {"--nonsense", "1"}}, "--nonsense: no such setting"},
    {{.argv = {"-o", "nonsense=1"}}, "--nonsense: no such setting"},
    {{.argv = {"-o"}}, "-o: needs name=value"},
    {{.argv = {"-x"}}, "-x: no such flag"},
    {{.argv = {"-et"}}, "one letter at a time"},
    {{.argv = {"operand"}}, "operand: not a flag"},
    {{.argv = {"--key", "s3cret"}}, "--key: a secret is never an argument"},
    {{.argv = {"--key-file"}}, "--key-file: needs a path"},
    {{.argv = {"--store-file", "x"}}, "--store-file: no such setting"},
    {{.argv = {"--key-file", "/no/such"}}, "cannot read /no/such: No such"},
    {{.env = {"POSTHORN_HUB_BACKLOG=1"}}, "POSTHORN_HUB_BACKLOG=1: it must"},
    {{.env = {"POSTHORN_KEY=a", "POSTHORN_KEY_FILE=b"}}, "set twice"},
    {{.dotenv = "# x\nPOSTHORN_HUB_BACKLOG=1\n"},
	"options_test.env line 2: POSTHORN_HUB_BACKLOG=1: it must"},
    {{.dotenv = "\n\nPOSTHORN\n"}, "options_test.env line 3: no = after"},
    {{.env = {"POSTHORN_KEY=0123456789012345678901234567890123"}},
	"POSTHORN_KEY=: its length in bytes must be in 0..32"},
};

static void
a_mistake_is_one_line_and_status_100(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		int status;

		assert_null(reads(&mistakes[i].run, &status));
		assert_int_equal(status, EXIT_SETTINGS);
		if (strstr(said, mistakes[i].words) == NULL)
			fail_msg("%s: wanted %s", said, mistakes[i].words);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
		assert_null(strstr(said, "s3cret"));
	}
}

static void
secrets_come_from_files_and_are_shown_nowhere(void **state)
{
	char flag[] = "--key-file=options_test.key", check[] = "-t";
	static const struct run runs[] = {
	    {.argv = {"-t", "--key-file", "options_test.key"}},
	    {.env = {"POSTHORN_HUB_KEY_FILE=options_test.key"}, .argv = {"-t"}},
	    {.dotenv = "POSTHORN_KEY_FILE=options_test.key", .argv = {"-t"}},
	    {.env = {"POSTHORN_KEY=s3cret x"}, .argv = {"-t"}},
	};
	const struct run joined = {.argv = {flag, check}};

	(void)state;
	write_file("options_test.key", "s3cret x\r\n");
	for (unsigned i = 0; i <= sizeof(runs) / sizeof(runs[0]); i++) {
		int status;
		struct options *o = reads(i < 4 ? &runs[i] : &joined, &status);

		assert_non_null(o);
		assert_string_equal(opt_str(o, "key"), "s3cret x");
		assert_true(options_check_only(o));
		assert_null(strstr(said, "s3cret"));
		assert_non_null(strstr(said, "POSTHORN_KEY=******** # "));
		options_free(&o);
	}
	unlink("options_test.key");
}

static void
a_check_prints_what_an_env_file_takes(void **state)
{
	char print[sizeof(said)];
	struct run r = {.argv = {"-t", "--listen", "1 2", "--idle=5s"}};
	int status;
	struct options *o = reads(&r, &status);

	(void)state;
	assert_non_null(o);
	assert_non_null(strstr(said, "POSTHORN_HUB_LISTEN=\"1 2\" # --listen"));
	assert_non_null(strstr(said, "POSTHORN_HUB_IDLE=5s # --idle\n"));
	assert_non_null(strstr(said, "POSTHORN_STORE=ipc # default\n"));
	options_free(&o);
	snprintf(print, sizeof(print), "%s", said);
	o = reads(&(struct run){.dotenv = print}, &status);
	assert_non_null(o);
	assert_true(slice_is(opt_list(o, "listen"), "1 2"));
	assert_int_equal(opt_num(o, "idle"), 5000);
	options_free(&o);
}

static void
help_lists_every_row_and_leaves(void **state)
{
	int status;

	(void)state;
	assert_null(reads(&(struct run){.argv = {"-h"}}, &status));
	assert_int_equal(status, EXIT_OK);
	for (const struct option *row = own; row->name != NULL; row++) {
		assert_non_null(strstr(said, row->name));
		assert_non_null(strstr(said, row->help));
	}
	assert_non_null(strstr(said, "POSTHORN_HUB_BACKLOG=64k (4k..16m)"));
	assert_non_null(strstr(said, "--key-file PATH"));
	assert_non_null(strstr(said, "keeps connections"));
}

static void
operands_follow_the_flags(void **state)
{
	int status;
	struct run r = {
	    .argv = {"-e", "--", "--a", "b"}, .operands = "[channel ...]"};
	struct options *o = reads(&r, &status);

	(void)state;
	assert_non_null(o);
	assert_string_equal(options_operand(o, 0), "--a");
	assert_string_equal(options_operand(o, 1), "b");
	assert_null(options_operand(o, 2));
	options_free(&o);
	r = (struct run){.argv = {"--store", "-", "-"}, .operands = "[x]"};
	o = reads(&r, &status);
	assert_string_equal(opt_str(o, "store"), "-");
	assert_string_equal(options_operand(o, 0), "-");
	options_free(&o);
}

static void
a_variable_that_no_row_explains_is_warned_of(void **state)
{
	struct run r = {
	    .env = {"POSTHORN_HUB_BACKLGO=1", "POSTHORN_HUB_IDLE=1s",
		"POSTHORN_HUBBUB=1", "POSTHORN_STORE_X=1",
		"POSTHORN_HUB_KEY_FILE=/dev/null"},
	    .dotenv = "POSTHORN_HUB_ECO=1\nPOSTHORN_HUB_ECHO=1\n",
	};
	char path[] = "options_test.log", line[2048];
	int status, fd;
	struct options *o = reads(&r, &status);
	ssize_t n;

	(void)state;
	assert_non_null(o);
	assert_int_equal(log_open("hub", path, LEVEL_INFO), 0);
	options_warn(o);
	log_close();
	fd = open(path, O_RDONLY);
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	unlink(path);
	assert_true(n > 0);
	line[n] = '\0';
	assert_non_null(strstr(line, "name=POSTHORN_HUB_BACKLGO\n"));
	assert_non_null(strstr(line, "name=POSTHORN_HUB_ECO\n"));
	assert_null(strstr(line, "IDLE"));
	assert_null(strstr(line, "ECHO"));
	assert_null(strstr(line, "HUBBUB"));
	assert_null(strstr(line, "STORE_X"));
	assert_null(strstr(line, "KEY_FILE"));
	options_free(&o);
}

TESTS(unit(without_settings_there_are_defaults), unit(the_best_source_wins),
    unit(flags_have_several_spellings),
    unit(a_mistake_is_one_line_and_status_100),
    unit(secrets_come_from_files_and_are_shown_nowhere),
    unit(a_check_prints_what_an_env_file_takes),
    unit(help_lists_every_row_and_leaves), unit(operands_follow_the_flags),
    unit(a_variable_that_no_row_explains_is_warned_of))
