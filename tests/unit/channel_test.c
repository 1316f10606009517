/* channel_test.c - which names are names, and which patterns see them. */
#include "common/channel.h"
#include "common/cursor.h"
#include "tests/unit/test.h"

#define A16      "abcdefghijklmnop"
#define A240     A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct slice names[] = {
    SLICE_INIT("/demo/public/news"),
    SLICE_INIT("/demo/private/user/42"),
    SLICE_INIT("/a/presence/-._~!$&'()+,;=:@"),
    SLICE_INIT("/a/meta/%2A%2a%00"),
    SLICE_INIT("/a/public/..."),
    SLICE_INIT("/a/public/3/4/5/6/7/8/9/10/11/12/13/14/15/16"),
    SLICE_INIT("/a/public/" A240 "12345"),
};

static const struct slice no_names[] = {
    SLICE_INIT(""),
    SLICE_INIT("/"),
    SLICE_INIT("demo/public/x"),
    SLICE_INIT("/demo"),
    SLICE_INIT("/demo/public"),
    SLICE_INIT("/demo/public/"),
    SLICE_INIT("/demo/public/a/"),
    SLICE_INIT("//public/a"),
    SLICE_INIT("/demo/public//a"),
    SLICE_INIT("/demo/publi/a"),
    SLICE_INIT("/demo/PUBLIC/a"),
    SLICE_INIT("/demo/other/a"),
    SLICE_INIT("/demo/public/."),
    SLICE_INIT("/demo/public/.."),
    SLICE_INIT("/../public/a"),
    SLICE_INIT("/demo/public/*"),
    SLICE_INIT("/demo/public/a*b"),
    SLICE_INIT("/demo/public/a b"),
    SLICE_INIT("/demo/public/a\0b"),
    SLICE_INIT("/demo/public/caf\xc3\xa9"),
    SLICE_INIT("/demo/public/a\n"),
    SLICE_INIT("/demo/public/%"),
    SLICE_INIT("/demo/public/%2"),
    SLICE_INIT("/demo/public/%2g"),
    SLICE_INIT("/demo/public/%2/a"),
    SLICE_INIT("/demo/public/a?b"),
    SLICE_INIT("/demo/public/a#b"),
    SLICE_INIT("/a/public/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"),
    SLICE_INIT("/a/public/" A240 "123456"),
};

static void
names_follow_the_grammar(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct slice s = exact(names[i].p, names[i].n);

		assert_null(channel_check(s));
		assert_false(channel_is_pattern(s));
		assert_non_null(channel_pattern_check(s));
		free((char *)s.p);
	}
	for (size_t i = 0; i < COUNT(no_names); i++) {
		struct slice s = exact(no_names[i].p, no_names[i].n);

		if (channel_check(s) == NULL)
			fail_msg("accepted: %.*s", SLICE_ARGS(s));
		free((char *)s.p);
	}
}

static void
who_wants_all_there_is_is_told_where_patterns_stand(void **state)
{
	static const char *const rows[] = {"/*", "/**", "/a/*", "/a/**"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(channel_pattern_check(slice_of(rows[i])),
		    "a pattern stands below /<app>/<kind>/");
}

static void
patterns_stand_last_and_below_the_kind(void **state)
{
	static const char *const good[] = {"/a/public/*", "/a/private/**",
	    "/a/meta/b/c/*", "/a/public/3/4/5/6/7/8/9/10/11/12/13/14/15/**"};
	static const char *const bad[] = {"", "*", "**", "/*", "/**", "/a/*",
	    "/a/**", "/a/other/*", "/a/public/***", "/a/public/b*",
	    "/a/public/*/b", "/a/public/**/*", "/a/*/b/*", "/a/public//*",
	    "/a/public/b", "a/public/*",
	    "/a/public/3/4/5/6/7/8/9/10/11/12/13/14/15/16/*",
	    "/a/public/" A240 "/12345678/**"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct slice s = exact(good[i], strlen(good[i]));

		assert_null(channel_pattern_check(s));
		assert_true(channel_is_pattern(s));
		free((char *)s.p);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct slice s = exact(bad[i], strlen(bad[i]));

		if (channel_pattern_check(s) == NULL)
			fail_msg("accepted: %s", bad[i]);
		free((char *)s.p);
	}
}

static void
names_tell_their_app_and_kind(void **state)
{
	(void)state;
	assert_true(slice_is(channel_app(SLICE("/demo/public/x")), "demo"));
	assert_int_equal(channel_kind(SLICE("/d/public/x")), CHANNEL_PUBLIC);
	assert_int_equal(channel_kind(SLICE("/d/private/**")), CHANNEL_PRIVATE);
	assert_int_equal(
	    channel_kind(SLICE("/d/presence/x")), CHANNEL_PRESENCE);
	assert_int_equal(channel_kind(SLICE("/d/meta/x")), CHANNEL_META);
	assert_int_equal(channel_kind(SLICE("/d/else/x")), CHANNEL_OTHER);
	assert_int_equal(channel_kind(SLICE("/d")), CHANNEL_OTHER);
	assert_int_equal(channel_kind(SLICE("")), CHANNEL_OTHER);
	assert_int_equal(channel_app(SLICE("")).n, 0);
}

static const struct {
	const char *pattern, *name;
	bool match;
} matches[] = {
    {"/a/public/*", "/a/public/b", true},
    {"/a/public/*", "/a/public/b/c", false},
    {"/a/public/**", "/a/public/b", true},
    {"/a/public/**", "/a/public/b/c/d", true},
    {"/a/public/b/*", "/a/public/b", false},
    {"/a/public/b/**", "/a/public/b", false},
    {"/a/public/b/**", "/a/public/bc/d", false},
    {"/a/public/*", "/a/private/b", false},
    {"/a/public/*", "/ab/public/b", false},
};

static void
a_star_is_one_segment_and_two_are_one_or_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(matches); i++)
		assert_true(channel_match(slice_of(matches[i].pattern),
				slice_of(matches[i].name)) == matches[i].match);
}

static void
a_name_knows_the_patterns_that_see_it(void **state)
{
	static const char *const deep[] = {"/a/public/c/d/*",
	    "/a/public/c/d/**", "/a/public/c/**", "/a/public/**"};
	char room[CHANNEL_PATTERN];
	struct slice key, name = SLICE("/a/public/c/d/e");

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(channel_patterns(name, i, room, &key));
		assert_true(slice_is(key, deep[i]));
		assert_true(channel_match(key, name));
	}
	for (unsigned i = 4; i < 20; i++)
		assert_false(channel_patterns(name, i, room, &key));
	name = SLICE("/app/meta/c");
	assert_true(channel_patterns(name, 0, room, &key));
	assert_true(slice_is(key, "/app/meta/*"));
	assert_true(channel_patterns(name, 1, room, &key));
	assert_true(slice_is(key, "/app/meta/**"));
	assert_false(channel_patterns(name, 2, room, &key));
	for (size_t i = 0; i < COUNT(names); i++)
		for (unsigned j = 0; channel_patterns(names[i], j, room, &key);
		     j++)
			assert_true(j < CHANNEL_SEGMENTS - 1);
	for (size_t i = 0; i < COUNT(no_names); i++)
		for (unsigned j = 0; j < 20; j++)
			channel_patterns(no_names[i], j, room, &key);
}

static void
a_shard_is_for_ever(void **state)
{
	(void)state;
	assert_int_equal(channel_shard(SLICE("/demo/public/news"), 1), 0);
	assert_int_equal(channel_shard(SLICE("/demo/public/news"), 64), 25);
	for (unsigned s = 1; s < 100; s++)
		assert_true(channel_shard(SLICE("/a/public/b"), s) < s);
}

static const struct {
	const char *text;
	unsigned n;
	struct cursor_part parts[3];
} cursors[] = {
    {"0.0", 1, {{0, 0, 0}}},
    {"k3f9.1042", 1, {{0, 937557, 1042}}},
    {"3w5e11264sgsf.18446744073709551615", 1, {{0, UINT64_MAX, UINT64_MAX}}},
    {"7:z.9", 1, {{7, 35, 9}}},
    {"0:1.2-3:10.4-65535:1.6", 3, {{0, 1, 2}, {3, 36, 4}, {65535, 1, 6}}},
};

static void
a_cursor_and_its_text_are_one(void **state)
{
	struct cursor_part parts[3];
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cursors); i++) {
		struct slice s =
		    exact(cursors[i].text, strlen(cursors[i].text));

		assert_int_equal(cursor_parse(s, parts, 3), cursors[i].n);
		for (unsigned j = 0; j < cursors[i].n; j++) {
			const struct cursor_part *want = &cursors[i].parts[j];

			assert_int_equal(parts[j].shard, want->shard);
			assert_true(parts[j].epoch == want->epoch);
			assert_true(parts[j].offset == want->offset);
		}
		buf_clear(&b);
		assert_true(cursor_put(&b, cursors[i].parts, cursors[i].n));
		assert_true(slice_eq(buf_slice(&b), s));
		free((char *)s.p);
	}
	buf_free(&b);
}

static void
what_is_no_cursor_is_refused(void **state)
{
	static const char *const bad[] = {"", ".", "1", "1.", ".1", "01.1",
	    "1.01", "00.1", "K.1", "1.a", "1.1 ", " 1.1", "1.1.1", "-1.1",
	    "1.-1", "1.18446744073709551616", "3w5e11264sgsg.1", "0:1.1",
	    "1:1.1-", "1:1.1-1:1.1", "2:1.1-1:1.1", "1.1-2:1.1", "1:1.1-2.1",
	    "65536:1.1", "01:1.1", "a:1.1", "1:", ":1.1", "1:1.1-2:1.1-3:1.1",
	    "1:1.1--2:1.1", "+1.1"};
	struct cursor_part parts[2];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct slice s = exact(bad[i], strlen(bad[i]));

		if (cursor_parse(s, parts, 2) != -1)
			fail_msg("accepted: %s", bad[i]);
		free((char *)s.p);
	}
	assert_int_equal(cursor_parse(SLICE("1.1"), parts, 0), -1);
}

static void
patterns_cover_what_they_say_and_no_neighbour(void **state)
{
	static const struct {
		const char *pattern, *channel;
		bool covered;
	} cases[] = {
	    {"/a/private/x", "/a/private/x", true},
	    {"/a/private/x", "/a/private/xy", false},
	    {"/a/private/x", "/a/private/x/y", false},
	    {"/a/private/x", "/a/private", false},
	    {"/a/private/*", "/a/private/x", true},
	    {"/a/private/*", "/a/private/*", true},
	    {"/a/private/*", "/a/private/**", false},
	    {"/a/private/*", "/a/private/x/y", false},
	    {"/a/private/*", "/a/private", false},
	    {"/a/private/*", "/a/private/", false},
	    {"/a/private/x/**", "/a/private/x/y", true},
	    {"/a/private/x/**", "/a/private/x/y/z", true},
	    {"/a/private/x/**", "/a/private/x/*", true},
	    {"/a/private/x/**", "/a/private/x/**", true},
	    {"/a/private/x/**", "/a/private/x/y/**", true},
	    {"/a/private/x/**", "/a/private/x", false},
	    {"/a/private/x/**", "/a/private/xyz", false},
	    {"/a/private/x/**", "/a/private/**", false},
	    {"/a/**", "/a/meta/x", true},
	    {"/**", "/a/private/x", true},
	    {"/**", "/", false},
	    {"/*", "/a", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice channel =
		    exact(cases[i].channel, strlen(cases[i].channel));

		assert_int_equal(
		    channel_covers(slice_of(cases[i].pattern), channel),
		    cases[i].covered);
		free((char *)(size_t)channel.p);
	}
}

TESTS(unit(patterns_cover_what_they_say_and_no_neighbour),
    unit(names_follow_the_grammar),
    unit(who_wants_all_there_is_is_told_where_patterns_stand),
    unit(patterns_stand_last_and_below_the_kind),
    unit(names_tell_their_app_and_kind),
    unit(a_star_is_one_segment_and_two_are_one_or_more),
    unit(a_name_knows_the_patterns_that_see_it), unit(a_shard_is_for_ever),
    unit(a_cursor_and_its_text_are_one), unit(what_is_no_cursor_is_refused))
