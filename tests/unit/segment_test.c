/* segment_test.c - any name becomes a segment, and no two the same one. */
#include "common/channel.h"
#include "common/segment.h"
#include "tests/unit/test.h"

/* SHA-256 of nothing at all. */
#define NOTHING "~47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
#define X10     "xxxxxxxxxx"
#define X44     X10 X10 X10 X10 "xxxx"

static struct slice
put(struct buf *b, struct slice name, size_t bytes)
{
	buf_clear(b);
	segment_put(b, name, bytes);
	return buf_slice(b);
}

static void
is_valid(struct slice segment)
{
	char name[CHANNEL_MAX + 1] = "/x/public/";

	assert_true(10 + segment.n < sizeof(name));
	memcpy(name + 10, segment.p, segment.n);
	assert_null(channel_check((struct slice){name, 10 + segment.n}));
}

static void
a_name_becomes_a_segment_of_its_own(void **state)
{
	static const struct {
		struct slice name;
		const char *segment;
	} rows[] = {
	    {SLICE_INIT("hiphop"), "hiphop"},
	    {SLICE_INIT("-._~!$&'()+,;=:@"), "-._~!$&'()+,;=:@"},
	    {SLICE_INIT("a b"), "a%20b"},
	    {SLICE_INIT("a/b"), "a%2Fb"},
	    {SLICE_INIT("*"), "%2A"},
	    {SLICE_INIT("100%"), "100%25"},
	    {SLICE_INIT("%41"), "%2541"},
	    {SLICE_INIT("caf\xc3\xa9"), "caf%C3%A9"},
	    {SLICE_INIT("\0\xff"), "%00%FF"},
	    {SLICE_INIT("."), "%2E"},
	    {SLICE_INIT(".."), "%2E%2E"},
	    {SLICE_INIT("..."), "..."},
	    {SLICE_INIT(""), NOTHING},
	    {SLICE_INIT(X44), X44},
	};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice got = put(&b, rows[i].name, SEGMENT_DIGEST);

		if (!slice_is(got, rows[i].segment))
			fail_msg(
			    "%s is %.*s", rows[i].segment, SLICE_ARGS(got));
		is_valid(got);
	}
	buf_free(&b);
}

static void
what_does_not_fit_or_looks_like_a_digest_is_one(void **state)
{
	static const struct slice names[] = {SLICE_INIT(X44 "x"),
	    SLICE_INIT("               "), SLICE_INIT(NOTHING)};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slice got = put(&b, names[i], SEGMENT_DIGEST);

		assert_int_equal(got.n, SEGMENT_DIGEST);
		assert_int_equal(got.p[0], '~');
		assert_false(slice_eq(got, names[i]));
		assert_false(slice_is(got, NOTHING));
		is_valid(got);
	}
	/* with room for it, it is spelt out */
	assert_true(slice_is(put(&b, names[0], 45), X44 "x"));
	assert_int_equal(put(&b, SLICE("~" X44), 200).n, 45);
	assert_false(slice_is(put(&b, SLICE(NOTHING), 200), NOTHING));
	buf_free(&b);
}

static void
every_byte_has_one_spelling_and_it_is_valid(void **state)
{
	struct buf b = {0}, seen = {0};

	(void)state;
	buf_chr(&seen, '/');
	for (unsigned c = 0; c < 256; c++) {
		char byte = (char)c;

		buf_clear(&b);
		buf_chr(&b, '/'); /* no segment holds one */
		segment_put(&b, (struct slice){&byte, 1}, SEGMENT_DIGEST);
		is_valid(slice_from(buf_slice(&b), 1));
		buf_chr(&b, '/');
		assert_null(memmem(seen.p, seen.n, b.p, b.n));
		buf_put(&seen, slice_from(buf_slice(&b), 1));
	}
	buf_free(&b);
	buf_free(&seen);
}

static void
path_is(const char *name, struct segment_room room, const char *want)
{
	struct buf b = {0};

	buf_str(&b, "/");
	segment_path(&b, slice_of(name), room);
	if (!slice_is(slice_from(buf_slice(&b), 1), want))
		fail_msg("%s is %.*s", name, SLICE_ARGS(buf_slice(&b)));
	buf_free(&b);
}

static void
slashes_part_a_path(void **state)
{
	static const struct segment_room room = {240, 13};

	(void)state;
	path_is("a", room, "a");
	path_is("a/b c/d", room, "a/b%20c/d");
	path_is("", room, NOTHING);
	path_is("a//b", room, "a/" NOTHING "/b");
	path_is("/", room, NOTHING "/" NOTHING);
	path_is("a/..", room, "a/%2E%2E");
	path_is("1/2/3/4/5/6/7/8/9/10/11/12/13", room,
	    "1/2/3/4/5/6/7/8/9/10/11/12/13");
}

static void
a_path_too_deep_or_too_long_is_one_digest(void **state)
{
	static const struct segment_room deep = {240, 2}, narrow = {44, 13};
	struct buf a = {0}, b = {0};

	(void)state;
	path_is("1/2", deep, "1/2");
	segment_path(&a, SLICE("1/2/3"), deep);
	assert_int_equal(a.n, SEGMENT_DIGEST);
	assert_int_equal(a.p[0], '~');
	path_is(X44, narrow, X44);
	a.n = 0;
	segment_path(&a, SLICE(X44 "/a"), narrow);
	assert_int_equal(a.n, SEGMENT_DIGEST);
	b.n = 0;
	segment_path(&b, SLICE("a/" X44), narrow);
	assert_int_equal(b.n, SEGMENT_DIGEST);
	assert_false(slice_eq(buf_slice(&a), buf_slice(&b)));
	b.n = 0;
	segment_path(&b, SLICE("a//b"), narrow);
	assert_int_equal(b.n, SEGMENT_DIGEST);
	buf_free(&a);
	buf_free(&b);
}

TESTS(unit(a_name_becomes_a_segment_of_its_own),
    unit(what_does_not_fit_or_looks_like_a_digest_is_one),
    unit(every_byte_has_one_spelling_and_it_is_valid),
    unit(slashes_part_a_path), unit(a_path_too_deep_or_too_long_is_one_digest))
