/* http_date_test.c - every day has its date, as the C library says it. */
#include "common/http_date.h"

#include "tests/unit/test.h"

#include <time.h>

static void
check_date(uint64_t unix_s)
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	struct buf b = {0};
	char want[64];

	assert_non_null(gmtime_r(&t, &tm));
	strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	http_date(&b, unix_s);
	assert_true(slice_is(buf_slice(&b), want));
	buf_free(&b);
}

static void
the_date_of_the_standard_is_written_as_there(void **state)
{
	struct buf b = {0};

	(void)state;
	http_date(&b, 784111777);
	assert_true(slice_is(buf_slice(&b), "Sun, 06 Nov 1994 08:49:37 GMT"));
	buf_free(&b);
}

static void
each_day_of_five_centuries_is_right(void **state)
{
	(void)state;
	for (uint64_t day = 0; day < 182622; day++)
		check_date(day * 86400 + day % 86400);
}

TESTS(cmocka_unit_test(the_date_of_the_standard_is_written_as_there),
    cmocka_unit_test(each_day_of_five_centuries_is_right))
