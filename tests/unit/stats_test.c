/* stats_test.c - what is counted can be read, and Prometheus can read it. */
#include "common/stats.h"
#include "tests/unit/test.h"

static void
rows_count_and_have_names(void **state)
{
	(void)state;
	stats_set(STAT_connections, 5);
	stats_add(STAT_connections, 2);
	stats_sub(STAT_connections, 1);
	assert_int_equal(stats_get(STAT_connections), 6);
	for (unsigned i = 0; i < STATS; i++) {
		assert_int_equal(stats_named(stat_rows[i].name), i);
		assert_true(stat_rows[i].help[0] != '\0');
	}
	assert_int_equal(stats_named(SLICE("no_such")), STATS);
	assert_int_equal(stat_rows[STAT_connections].kind, STAT_KIND_gauge);
}

static void
prometheus_sees_each_metric_once_with_all_its_samples(void **state)
{
	struct stat_sample samples[] = {
	    {SLICE_INIT("hub"), SLICE_INIT("h2"), SLICE_INIT("gaps_told"), 3},
	    {SLICE_INIT("hub"), SLICE_INIT("h2"), SLICE_INIT("connections"), 1},
	    {SLICE_INIT("hub"), SLICE_INIT("h1"), SLICE_INIT("gaps_told"), 2},
	    {SLICE_INIT("new"), SLICE_INIT("n"), SLICE_INIT("of_tomorrow"), 9},
	};
	struct buf out = {0};

	(void)state;
	assert_true(stats_prometheus(&out, samples, 4));
	buf_chr(&out, '\0');
	assert_string_equal(out.p,
	    "# HELP posthorn_connections Open client connections\n"
	    "# TYPE posthorn_connections gauge\n"
	    "posthorn_connections{stage=\"hub\",instance=\"h2\"} 1\n"
	    "# HELP posthorn_gaps_told_total Holes that were told to a client\n"
	    "# TYPE posthorn_gaps_told_total counter\n"
	    "posthorn_gaps_told_total{stage=\"hub\",instance=\"h1\"} 2\n"
	    "posthorn_gaps_told_total{stage=\"hub\",instance=\"h2\"} 3\n"
	    "# TYPE posthorn_of_tomorrow untyped\n"
	    "posthorn_of_tomorrow{stage=\"new\",instance=\"n\"} 9\n");
	buf_free(&out);
}

static void
labels_are_escaped_and_strange_names_left_out(void **state)
{
	struct stat_sample samples[] = {
	    {SLICE_INIT("a\"b\\c\nd"), SLICE_INIT(""), SLICE_INIT("x"), 1},
	    {SLICE_INIT("hub"), SLICE_INIT("h"), SLICE_INIT("bad} 1\n"), 1},
	    {SLICE_INIT("hub"), SLICE_INIT("h"), SLICE_INIT(""), 1},
	};
	struct buf out = {0};

	(void)state;
	assert_true(stats_prometheus(&out, samples, 3));
	assert_true(slice_is(buf_slice(&out),
	    "# TYPE posthorn_x untyped\n"
	    "posthorn_x{stage=\"a\\\"b\\\\c\\nd\",instance=\"\"} 1\n"));
	buf_free(&out);
}

static void
a_full_buffer_is_told(void **state)
{
	struct stat_sample one = {
	    SLICE_INIT("hub"), SLICE_INIT("h"), SLICE_INIT("gaps_told"), 3};
	struct buf out = {.max = 20};

	(void)state;
	assert_false(stats_prometheus(&out, &one, 1));
	buf_free(&out);
	assert_true(stats_prometheus(&out, NULL, 0));
}

TESTS(unit(rows_count_and_have_names),
    unit(prometheus_sees_each_metric_once_with_all_its_samples),
    unit(labels_are_escaped_and_strange_names_left_out),
    unit(a_full_buffer_is_told))
