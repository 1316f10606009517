/* envfile_test.c - a file is taken whole or not at all, and the environment
 * wins over it. */
#include "common/envfile.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* The text as a file that is nowhere, by the path of its descriptor. */
static int
make_file(char path[32], const char *text)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static void
a_wrong_file_changes_nothing(void **state)
{
	struct buf text = {0};
	char path[32];
	unsigned line;
	int fd;

	(void)state;
	fd = make_file(path, "A=1\n");
	assert_null(envfile_read(path, &text, &line));
	assert_true(slice_is(buf_slice(&text), "A=1\n"));
	close(fd);
	fd = make_file(path, "A=2\nB='\n");
	assert_non_null(envfile_read(path, &text, &line));
	assert_int_equal(line, 2);
	assert_true(slice_is(buf_slice(&text), "A=1\n"));
	close(fd);
	assert_non_null(envfile_read("/", &text, &line));
	assert_int_equal(line, 0);
	assert_true(slice_is(buf_slice(&text), "A=1\n"));
	assert_null(envfile_read("/nowhere/at/all", &text, &line));
	assert_int_equal(text.n, 0);
	buf_free(&text);
}

static void
a_file_without_end_is_refused(void **state)
{
	struct buf text = {0};
	unsigned line;

	(void)state;
	assert_non_null(envfile_read("/dev/zero", &text, &line));
	assert_int_equal(line, 0);
	buf_free(&text);
}

static void
one_setting_is_found_and_the_last_wins(void **state)
{
	struct slice text = SLICE("AB=0\nA=1\nA=2\nC=\n");
	struct buf out = {0};

	(void)state;
	assert_true(envfile_get(text, "A", &out));
	assert_string_equal(out.p, "2");
	assert_int_equal(out.n, 1);
	assert_true(envfile_get(text, "C", &out));
	assert_string_equal(out.p, "");
	assert_false(envfile_get(text, "B", &out));
	buf_free(&out);
}

static void
what_is_set_already_stays(void **state)
{
	struct slice text = SLICE("ENVFILE_A=file\nENVFILE_B=1\nENVFILE_B=2\n");

	(void)state;
	setenv("ENVFILE_A", "mine", 1);
	unsetenv("ENVFILE_B");
	assert_int_equal(envfile_apply(text), 0);
	assert_string_equal(getenv("ENVFILE_A"), "mine");
	assert_string_equal(getenv("ENVFILE_B"), "2");
}

TESTS(unit(a_wrong_file_changes_nothing), unit(a_file_without_end_is_refused),
    unit(one_setting_is_found_and_the_last_wins),
    unit(what_is_set_already_stays))
