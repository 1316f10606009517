/* data_test.c - the demo key is made once, and numbers never go back. */
#include "common/must.h"
#include "store/data.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int
set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/data_test.XXXXXX");
	must(mkdtemp(folder) != NULL);
	return 0;
}

static const char *
in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(in_folder("demo.key"));
	unlink(in_folder("epoch.s"));
	rmdir(folder);
	return 0;
}

static void
the_demo_key_is_made_once_and_for_its_owner_only(void **state)
{
	struct buf first = {0}, again = {0};
	char text[64] = {0};
	struct stat st;
	int fd;

	(void)state;
	assert_true(data_demo_key(folder, &first));
	assert_int_equal(first.n, 32);
	assert_true(data_demo_key(folder, &again));
	assert_true(slice_eq(buf_slice(&first), buf_slice(&again)));
	assert_int_equal(stat(in_folder("demo.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd = open(in_folder("demo.key"), O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 5 + 32 + 1);
	close(fd);
	assert_memory_equal(text, "demo:", 5);
	assert_memory_equal(text + 5, first.p, 32);
	buf_free(&first);
	buf_free(&again);
}

static void
a_file_that_is_no_key_is_refused(void **state)
{
	struct buf b = {0};
	int fd = open(in_folder("demo.key"), O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_int_equal(write(fd, "secret\n", 7), 7);
	close(fd);
	assert_false(data_demo_key(folder, &b));
	assert_int_equal(b.n, 0);
	buf_free(&b);
}

/* The folder can be removed: there is nothing in it. */
static void
a_key_that_cannot_be_written_leaves_nothing(void **state)
{
	struct rlimit none, before;
	struct buf b = {0};

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	must(getrlimit(RLIMIT_FSIZE, &before) == 0);
	none = (struct rlimit){0, before.rlim_max};
	must(setrlimit(RLIMIT_FSIZE, &none) == 0);
	assert_false(data_demo_key(folder, &b));
	assert_int_equal(errno, EFBIG);
	must(setrlimit(RLIMIT_FSIZE, &before) == 0);
	assert_int_equal(rmdir(folder), 0);
}

static void
an_epoch_never_comes_twice(void **state)
{
	(void)state;
	assert_int_equal(data_epoch(folder, "s", 1000), 1000);
	assert_int_equal(data_epoch(folder, "s", 1000), 1001);
	assert_int_equal(data_epoch(folder, "s", 500), 1002);
	assert_int_equal(data_epoch(folder, "s", 2000), 2000);
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
TESTS(story(the_demo_key_is_made_once_and_for_its_owner_only),
    story(a_file_that_is_no_key_is_refused),
    story(a_key_that_cannot_be_written_leaves_nothing),
    story(an_epoch_never_comes_twice))
