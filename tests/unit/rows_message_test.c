/* rows_message_test.c - a kept message as it stands in a row of each engine:
 * what was written before there were envelopes is read, byte for byte. */
#include "common/must.h"
#include "store/redis_row.h"
#include "store/rocks_row.h"
#include "tests/unit/test.h"

#define ENVELOPE "{\"data\":\0,\"id\":\"1\"}"

/* As stores wrote it that knew of no envelopes: deadline, at 300, prev one
 * before it, nth 3, before 7, expires 0, lengths, type, id, filter, body. */
static const struct slice old_rocks = SLICE_INIT("\0\0\0\0\0\0\0\x09"
						 "\xac\x02\x02\x03\x07\0"
						 "\x0a\x01\x02"
						 "text/plainip1body");

static const struct slice old_redis = SLICE_INIT("\x01"
						 "\x07\0\0\0\0\0\0\0"
						 "\x0a\0\0\0\0\0\0\0text/plain"
						 "\x01\0\0\0\0\0\0\0i"
						 "\x02\0\0\0\0\0\0\0p1"
						 "body");

static const struct rocks_log plain = {
    .deadline = 9,
    .at = 300,
    .prev = 41,
    .nth = 3,
    .before = 7,
    .type = SLICE_INIT("text/plain"),
    .id = SLICE_INIT("i"),
    .filter = SLICE_INIT("p1"),
    .body = SLICE_INIT("body"),
};

static void
same_log(const struct rocks_log *a, const struct rocks_log *b)
{
	assert_true(a->deadline == b->deadline && a->at == b->at &&
		    a->prev == b->prev && a->expires == b->expires &&
		    a->nth == b->nth && a->before == b->before);
	assert_true(slice_eq(a->type, b->type) && slice_eq(a->id, b->id));
	assert_true(slice_eq(a->filter, b->filter));
	assert_true(slice_eq(a->envelope, b->envelope));
	assert_true(slice_eq(a->body, b->body));
}

static void
a_row_of_old_is_read_and_without_an_envelope_written_as_ever(void **state)
{
	struct buf b = {0};
	struct rocks_log row;

	(void)state;
	assert_true(rocks_get_log(old_rocks, 42, &row));
	same_log(&row, &plain);
	rocks_put_log(&b, 42, &plain);
	assert_true(slice_eq(buf_slice(&b), old_rocks));
	buf_free(&b);
}

static void
a_row_brings_its_envelope_back(void **state)
{
	static const struct slice filters[] = {
	    SLICE_INIT(""), SLICE_INIT("p1")};
	static const struct slice bodies[] = {
	    SLICE_INIT(""), SLICE_INIT("{\"a\":1}")};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct rocks_log row, in = plain;
		struct buf b = {0};

		in.filter = filters[i & 1];
		in.body = bodies[i >> 1];
		in.envelope = SLICE(ENVELOPE);
		rocks_put_log(&b, 42, &in);
		assert_true(rocks_get_log(buf_slice(&b), 42, &row));
		same_log(&row, &in);
		in.envelope = SLICE("");
		assert_int_equal(rocks_log_size(&row, 5),
		    rocks_log_size(&in, 5) + row.envelope.n);
		buf_free(&b);
	}
}

/* Also where its numbers lie: no byte behind the end is looked at. */
static void
a_row_that_was_cut_off_is_no_row(void **state)
{
	struct rocks_log row, in = plain;
	struct buf b = {0};

	(void)state;
	in.envelope = SLICE(ENVELOPE);
	in.body = SLICE("");
	rocks_put_log(&b, 42, &in);
	for (size_t n = 0; n < b.n; n++) {
		struct slice cut = exact(b.p, n);

		assert_false(rocks_get_log(cut, 42, &row));
		free((char *)(uintptr_t)cut.p);
	}
	buf_free(&b);
}

static struct record *
read_redis(struct slice blob)
{
	return redis_row_get(&(struct redis_row){
	    .channel = SLICE("/a/b/c"),
	    .id = SLICE("5-0"),
	    .head = SLICE("4 100 10 77 0"),
	    .blob = blob,
	});
}

static void
a_row_of_old_is_read_out_of_redis(void **state)
{
	struct record *r = read_redis(old_redis);
	struct buf b = {0};

	(void)state;
	assert_non_null(r);
	assert_true(r->expires == 7 && r->offset == 5);
	assert_true(slice_is(r->filter, "p1") && slice_is(r->body, "body"));
	assert_int_equal(record_envelope(r).n, 0);
	redis_row_put(&b, r);
	assert_true(slice_eq(buf_slice(&b), old_redis));
	record_unref(&r);
	buf_free(&b);
}

static void
redis_brings_an_envelope_back(void **state)
{
	struct msg_deliver m = {.channel = SLICE("/a/b/c"),
	    .filter = SLICE("p1"),
	    .envelope = SLICE(ENVELOPE)};
	struct record *in = record_new(&m), *r;
	struct buf b = {0};

	(void)state;
	redis_row_put(&b, in);
	assert_non_null(r = read_redis(buf_slice(&b)));
	assert_true(slice_eq(record_envelope(r), m.envelope));
	assert_true(slice_is(r->filter, "p1"));
	assert_int_equal(r->body.n, 0);
	record_unref(&r);
	for (size_t n = 0; n < b.n; n++) {
		struct slice cut = exact(b.p, n);

		assert_null(read_redis(cut));
		free((char *)(uintptr_t)cut.p);
	}
	b.p[0] = 3; /* of a store to come */
	assert_null(read_redis(buf_slice(&b)));
	record_unref(&in);
	buf_free(&b);
}

TESTS(unit(a_row_of_old_is_read_and_without_an_envelope_written_as_ever),
    unit(a_row_brings_its_envelope_back),
    unit(a_row_that_was_cut_off_is_no_row),
    unit(a_row_of_old_is_read_out_of_redis),
    unit(redis_brings_an_envelope_back))
