/* log_test.c - one event is one line, and strangers cannot write a second. */
#include "common/log.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static uint64_t now;

static uint64_t
clock_of_test(void)
{
	return now;
}

static char path[] = "log_test.XXXXXX", text[65536];

static int
open_log(void **state)
{
	int fd;

	(void)state;
	memcpy(path, "log_test.XXXXXX", sizeof(path));
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	now = 1795201620123; /* 2026-11-20 19:07:00.123 UTC */
	log_clock(clock_of_test);
	return log_open("hub.1", path, LEVEL_INFO);
}

static int
close_log(void **state)
{
	(void)state;
	log_close();
	log_clock(NULL);
	return unlink(path);
}

static const char *
written(void)
{
	FILE *f = fopen(path, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);

	fclose(f);
	text[n] = '\0';
	return text;
}

static unsigned
lines(const char *s)
{
	unsigned n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void
an_event_is_one_line_of_logfmt(void **state)
{
	(void)state;
	errno = EPIPE;
	log_info("listening", "port=%d", 4000);
	assert_int_equal(errno, EPIPE);
	assert_string_equal(written(),
	    "ts=2026-11-20T19:07:00.123Z level=info stage=hub.1 "
	    "event=listening port=4000\n");
}

static void
the_layout_of_go_is_local_time_and_text(void **state)
{
	enum log_layout layout;

	(void)state;
	log_go("There are %d connected clients", 7);
	assert_string_equal(written(), "");
	assert_true(log_layout_named("go", &layout));
	log_set_layout(layout);
	setenv("TZ", "XYZ-02:30", 1);
	tzset();
	log_go("There are %d connected clients", 7);
	log_info("listening", "port=%d", 4000);
	unsetenv("TZ");
	tzset();
	assert_string_equal(written(),
	    "2026/11/20 21:37:00 There are 7 connected clients\n"
	    "2026/11/20 21:37:00 level=info stage=hub.1 event=listening "
	    "port=4000\n");
	log_set_level(LEVEL_WARN);
	log_go("There are %d connected clients", 8);
	assert_null(strstr(written(), "There are 8"));
	assert_false(log_layout_named("xml", &layout));
	assert_true(log_layout_named("logfmt", &layout));
}

static void
levels_below_the_chosen_one_are_silent(void **state)
{
	(void)state;
	log_debug("detail", "a=%d", 1);
	assert_string_equal(written(), "");
	assert_int_equal(log_open("hub.1", path, LEVEL_DEBUG), 0);
	assert_true(log_enabled(LEVEL_DEBUG));
	log_debug("detail", "a=%d", 1);
	assert_non_null(strstr(written(), "level=debug"));
}

static void
a_format_cannot_make_a_second_line(void **state)
{
	(void)state;
	log_warn("odd", "a=%s", "x\nts=forged\x1b[2J");
	assert_int_equal(lines(written()), 1);
	assert_null(strchr(text, 0x1b));
}

static void
a_line_too_long_is_cut_and_says_so(void **state)
{
	static char big[8192];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	log_info("big", "a=\"%s\"", big);
	assert_int_equal(lines(written()), 1);
	assert_true(strlen(text) < 2048);
	assert_non_null(strstr(text, "xxx...\" truncated=1\n"));
}

static void
repeats_are_counted_and_told_with_the_next_line(void **state)
{
	(void)state;
	for (int i = 0; i < 25; i++)
		log_warn("flood", "i=%d", i);
	log_warn("other", "i=%d", 1);
	assert_int_equal(lines(written()), 11);
	now += 9999;
	log_warn("flood", "i=%d", 25);
	assert_int_equal(lines(written()), 11);
	now += 1;
	log_warn("flood", "i=%d", 26);
	assert_int_equal(lines(written()), 12);
	assert_non_null(strstr(text, "event=flood i=26 suppressed=16\n"));
}

static void
a_tick_tells_what_a_flood_that_ended_left_untold(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++)
		log_err("flood", "i=%d", i);
	log_tick();
	assert_int_equal(lines(written()), 10);
	now += 10000;
	log_tick();
	assert_int_equal(lines(written()), 11);
	assert_non_null(
	    strstr(text, "level=err stage=hub.1 event=flood suppressed=2\n"));
	log_tick();
	assert_int_equal(lines(written()), 11);
}

static void
more_events_than_rows_lose_no_count(void **state)
{
	char event[16];

	(void)state;
	for (int i = 0; i < 12; i++)
		log_info("first", "i=%d", i);
	for (int i = 0; i < 64; i++) {
		snprintf(event, sizeof(event), "e%d", i);
		now++;
		log_info(event, "i=%d", i);
	}
	assert_non_null(strstr(written(), "event=first suppressed=2\n"));
	assert_int_equal(lines(text), 10 + 64 + 1);
}

static void
a_renamed_file_is_left_behind_on_reopen(void **state)
{
	char aside[64];

	(void)state;
	snprintf(aside, sizeof(aside), "%s.1", path);
	log_info("before", "a=%d", 1);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(log_reopen(), 0);
	log_info("after", "a=%d", 1);
	assert_null(strstr(written(), "before"));
	assert_non_null(strstr(text, "after"));
	unlink(aside);
}

static void
a_file_that_cannot_be_opened_leaves_the_log_alone(void **state)
{
	(void)state;
	assert_int_equal(log_open("x", "/no/such/folder/log", LEVEL_ERR), -1);
	assert_int_equal(errno, ENOENT);
	log_info("still", "a=%d", 1);
	assert_non_null(strstr(written(), "stage=hub.1 event=still"));
}

static void
levels_have_names(void **state)
{
	enum log_level level;

	(void)state;
	assert_true(log_level_named("debug", &level) && level == LEVEL_DEBUG);
	assert_true(log_level_named("err", &level) && level == LEVEL_ERR);
	assert_false(log_level_named("loud", &level));
}

/* [what, as a value in 32 bytes] */
static const struct {
	struct slice raw;
	const char *value;
} values[] = {
    {SLICE_INIT("plain/word.1"), "plain/word.1"},
    {SLICE_INIT(""), "\"\""},
    {SLICE_INIT("two words"), "\"two words\""},
    {SLICE_INIT("a=b"), "\"a=b\""},
    {SLICE_INIT("say \"hi\"\\"), "\"say \\\"hi\\\"\\\\\""},
    {SLICE_INIT("x\r\ny\0z"), "\"x\\x0d\\ny\\x00z\""},
    {SLICE_INIT("\x1b[2J\x7f"), "\"\\x1b[2J\\x7f\""},
    {SLICE_INIT("caf\xc3\xa9"), "\"caf\xc3\xa9\""},
    {SLICE_INIT("\xc2\x9b"
		"1m"),
	"\"\\xc2\\x9b1m\""},
    {SLICE_INIT("\xff\xc0\x80"), "\"\\xff\\xc0\\x80\""},
    {SLICE_INIT("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\""},
    {SLICE_INIT("cut \xe2\x82"), "\"cut \\xe2\\x82\""},
    {SLICE_INIT("0123456789012345678901234567890123456789"),
	"\"01234567890123456789012345...\""},
};

static void
any_bytes_become_one_harmless_value(void **state)
{
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct slice s = exact(values[i].raw.p, values[i].raw.n);

		assert_string_equal(
		    log_value(out, sizeof(out), s), values[i].value);
		free((char *)s.p);
	}
}

static void
a_value_never_passes_its_room(void **state)
{
	(void)state;
	for (size_t n = 8; n < 40; n++) {
		char *out = malloc(n);

		for (size_t len = 0; len < 50; len++) {
			char raw[50];
			struct slice s = {raw, len};

			memset(raw, '\n', sizeof(raw));
			assert_true(strlen(log_value(out, n, s)) < n);
			memset(raw, 'a', sizeof(raw));
			assert_true(strlen(log_value(out, n, s)) < n);
		}
		free(out);
	}
}

#define logged(f) cmocka_unit_test_setup_teardown(f, open_log, close_log)

TESTS(logged(an_event_is_one_line_of_logfmt),
    logged(the_layout_of_go_is_local_time_and_text),
    logged(levels_below_the_chosen_one_are_silent),
    logged(a_format_cannot_make_a_second_line),
    logged(a_line_too_long_is_cut_and_says_so),
    logged(repeats_are_counted_and_told_with_the_next_line),
    logged(a_tick_tells_what_a_flood_that_ended_left_untold),
    logged(more_events_than_rows_lose_no_count),
    logged(a_renamed_file_is_left_behind_on_reopen),
    logged(a_file_that_cannot_be_opened_leaves_the_log_alone),
    unit(levels_have_names), unit(any_bytes_become_one_harmless_value),
    unit(a_value_never_passes_its_room))
