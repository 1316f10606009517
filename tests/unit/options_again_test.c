/* options_again_test.c - settings that are read once more. */
#include "common/options.h"
#include "tests/unit/test.h"

static const struct option own[] = {
    {"backlog", "64k", OPT_BYTES, 4096, 1 << 24, "what a client may owe"},
    {"things", "3", OPT_NUM, 1, 9, "things"},
    {0},
};

static const struct option shared[] = {
    {"key", "", OPT_SECRET, 0, 32, "our key"},
    {0},
};

static char path[] = "options_again_test.env";

struct world {
	struct options *options;
	char *why;
	size_t n;
	FILE *err;
};

static void
file_says(const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

static void
begins(struct world *w, int argc, char *const *argv, char *const *env)
{
	int status;

	w->err = open_memstream(&w->why, &w->n);
	w->options = options_read(
	    &(struct options_from){
		.stage = "hub",
		.own = own,
		.common = {shared},
		.argc = argc,
		.argv = argv,
		.env = env,
		.dotenv = path,
		.out = w->err,
		.err = w->err,
	    },
	    &status);
	assert_non_null(w->options);
}

static void
again(struct world *w)
{
	w->options = options_again(w->options, w->err);
	assert_non_null(w->options);
}

static void
ends(struct world *w)
{
	options_free(&w->options);
	fclose(w->err);
	free(w->why);
	remove(path);
}

static void
a_changed_file_counts_and_what_was_borrowed_stays(void **state)
{
	char *const argv[] = {"hub"}, *const env[] = {NULL};
	const char *before, *name;
	unsigned at = 0;
	struct world w;

	(void)state;
	file_says("POSTHORN_KEY=old\nPOSTHORN_HUB_THINGS=4\n");
	begins(&w, 1, argv, env);
	before = opt_str(w.options, "key");
	assert_null(options_changed(w.options, &at));
	file_says("POSTHORN_KEY=new\nPOSTHORN_HUB_THINGS=4\n");
	again(&w);
	assert_string_equal(opt_str(w.options, "key"), "new");
	assert_string_equal(before, "old");
	name = options_changed(w.options, &at);
	assert_string_equal(name, "key");
	assert_null(options_changed(w.options, &at));
	ends(&w);
}

static void
what_the_file_no_longer_says_is_the_default(void **state)
{
	char *const argv[] = {"hub"}, *const env[] = {NULL};
	struct world w;

	(void)state;
	file_says("POSTHORN_HUB_THINGS=4\n");
	begins(&w, 1, argv, env);
	file_says("");
	again(&w);
	assert_int_equal(opt_num(w.options, "things"), 3);
	ends(&w);
}

static void
flags_and_the_environment_stay_above_the_file(void **state)
{
	char *const argv[] = {"hub", "--things", "5"};
	char *const env[] = {"POSTHORN_HUB_BACKLOG=32k", NULL};
	struct world w;

	(void)state;
	file_says("");
	begins(&w, 3, argv, env);
	file_says("POSTHORN_HUB_THINGS=6\nPOSTHORN_HUB_BACKLOG=16k\n");
	again(&w);
	assert_int_equal(opt_num(w.options, "things"), 5);
	assert_int_equal(opt_num(w.options, "backlog"), 32768);
	ends(&w);
}

/* A supervisor put the file into our environment when it started us. */
static void
but_an_environment_that_echoes_the_file_does_not(void **state)
{
	char *const argv[] = {"hub"};
	char *const env[] = {"POSTHORN_HUB_THINGS=4", "POSTHORN_KEY=old", NULL};
	struct world w;

	(void)state;
	file_says("POSTHORN_HUB_THINGS=4\nPOSTHORN_KEY=old\n");
	begins(&w, 1, argv, env);
	assert_int_equal(opt_num(w.options, "things"), 4);
	file_says("POSTHORN_HUB_THINGS=7\n");
	again(&w);
	assert_int_equal(opt_num(w.options, "things"), 7);
	assert_string_equal(opt_str(w.options, "key"), "");
	file_says("POSTHORN_HUB_THINGS=8\n");
	again(&w);
	assert_int_equal(opt_num(w.options, "things"), 8);
	ends(&w);
}

static void
a_mistake_changes_nothing_and_is_told(void **state)
{
	char *const argv[] = {"hub"}, *const env[] = {NULL};
	struct world w;

	(void)state;
	file_says("POSTHORN_HUB_THINGS=4\n");
	begins(&w, 1, argv, env);
	file_says("POSTHORN_HUB_THINGS=99\nPOSTHORN_HUB_BACKLOG=8k\n");
	assert_null(options_again(w.options, w.err));
	fflush(w.err);
	assert_non_null(strstr(w.why, "POSTHORN_HUB_THINGS"));
	assert_int_equal(opt_num(w.options, "things"), 4);
	assert_int_equal(opt_num(w.options, "backlog"), 65536);
	ends(&w);
}

static void
a_set_that_does_not_please_is_given_back(void **state)
{
	char *const argv[] = {"hub"}, *const env[] = {NULL};
	struct world w;

	(void)state;
	file_says("POSTHORN_HUB_THINGS=4\n");
	begins(&w, 1, argv, env);
	file_says("POSTHORN_HUB_THINGS=5\n");
	again(&w);
	w.options = options_back(w.options);
	assert_int_equal(opt_num(w.options, "things"), 4);
	ends(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_changed_file_counts_and_what_was_borrowed_stays),
	    cmocka_unit_test(what_the_file_no_longer_says_is_the_default),
	    cmocka_unit_test(flags_and_the_environment_stay_above_the_file),
	    cmocka_unit_test(but_an_environment_that_echoes_the_file_does_not),
	    cmocka_unit_test(a_mistake_changes_nothing_and_is_told),
	    cmocka_unit_test(a_set_that_does_not_please_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
