/* msg_test.c - the wire protocol refuses what it must, and reads no further. */
#include "common/msg.h"
#include "common/must.h"
#include "tests/unit/test.h"

static const struct msg sample = {.id = MSG_publish,
    .publish = {
	.seq = 300,
	.channel = {"/a/public/x", 11},
	.body = {"\0hi", 3},
	.id = {"once", 4},
	.expires = UINT64_MAX,
    }};

static long
decode(struct slice in, struct msg *m)
{
	const char *why;

	return msg_decode(in, m, &why);
}

static void
a_frame_comes_back_as_it_went(void **state)
{
	struct buf b = {0};
	struct msg m;

	(void)state;
	msg_encode(&b, &sample);
	assert_int_equal(decode(buf_slice(&b), &m), b.n);
	assert_int_equal(m.id, MSG_publish);
	assert_int_equal(m.publish.seq, 300);
	assert_true(slice_eq(m.publish.channel, sample.publish.channel));
	assert_true(slice_eq(m.publish.body, sample.publish.body));
	assert_true(slice_is(m.publish.type, ""));
	assert_true(slice_is(m.publish.id, "once"));
	assert_true(m.publish.expires == UINT64_MAX);
	assert_int_equal(m.publish.receipt, 0);
	buf_free(&b);
}

static void
every_truncation_asks_for_more(void **state)
{
	struct buf b = {0};
	struct msg m;

	(void)state;
	msg_encode(&b, &sample);
	for (size_t n = 0; n < b.n; n++) {
		struct slice cut = exact(b.p, n);

		assert_int_equal(decode(cut, &m), 0);
		free((char *)(uintptr_t)cut.p);
	}
	buf_free(&b);
}

static void
every_frame_survives_the_way(void **state)
{
	(void)state;
	for (unsigned id = 1; id < MSG_IDS; id++) {
		struct msg m = {.id = (enum msg_id)id}, back;
		struct buf b = {0};

		if (msg_name(m.id) == NULL)
			continue;
		msg_encode(&b, &m);
		memset(&back, 0xff, sizeof(back));
		assert_int_equal(decode(buf_slice(&b), &back), b.n);
		assert_int_equal(back.id, id);
		assert_int_equal(msg_by_name(slice_of(msg_name(m.id))), id);
		buf_free(&b);
	}
}

static void
unknown_frames_and_trailing_fields_are_skipped(void **state)
{
	/* [127, nil, -1, 1.5, "x"] and beat with five fields */
	static const char strange[] = "\x95\x7f\xc0\xff\xcb\x3f\xf8\0\0\0\0\0\0"
				      "\xa1x";
	static const char newer[] = "\x96\x05\x07\x08\xc3\xa1y\xc4\x01z";
	struct msg m;

	(void)state;
	assert_int_equal(
	    decode((struct slice){strange, sizeof(strange) - 1}, &m),
	    sizeof(strange) - 1);
	assert_int_equal(m.id, MSG_unknown);
	assert_int_equal(decode((struct slice){newer, sizeof(newer) - 1}, &m),
	    sizeof(newer) - 1);
	assert_int_equal(m.id, MSG_beat);
	assert_int_equal(m.beat.last, 7);
	assert_int_equal(m.beat.queued, 8);
}

/* A deliver of before there were envelopes, in bytes: [35, "/a/b/c", 1, 2, 1,
 * "", bin "x"]; what is empty costs no byte still, and two where a track is. */
static void
a_frame_without_an_envelope_is_as_it_was(void **state)
{
	static const char old[] = "\x97\x23\xa6/a/b/c\x01\x02\x01\xa0\xc4\x01x";
	struct slice in = {old, sizeof(old) - 1};
	struct buf b = {0};
	struct msg m;

	(void)state;
	memset(&m, 0xff, sizeof(m));
	assert_int_equal(decode(in, &m), in.n);
	assert_int_equal(m.deliver.envelope.n, 0);
	assert_null(m.deliver.envelope.p);
	msg_encode(&b, &m);
	assert_true(slice_eq(buf_slice(&b), in));
	m.deliver.envelope = SLICE("{\"data\":\0}");
	buf_clear(&b);
	msg_encode(&b, &m);
	memset(&m, 0xff, sizeof(m));
	assert_int_equal(decode(buf_slice(&b), &m), b.n);
	assert_true(slice_eq(m.deliver.envelope, SLICE("{\"data\":\0}")));
	assert_int_equal(m.deliver.track, 0);
	buf_free(&b);
}

static const struct {
	const char *what;
	struct slice bytes;
} bad[] = {
    {"an empty array", SLICE_INIT("\x90")},
    {"a map", SLICE_INIT("\x81\x05\x01")},
    {"an array of 2^27", SLICE_INIT("\xdd\x08\x00\x00\x00\x05\x01\x01")},
    {"65 elements", SLICE_INIT("\xdc\x00\x41\x05\x01\x01\x01\x01")},
    {"a string for an id", SLICE_INIT("\x92\xa1x\x01")},
    {"an array within", SLICE_INIT("\x92\x05\x91\x01")},
    {"a map within", SLICE_INIT("\x92\x05\x81\x01\x01")},
    {"an extension", SLICE_INIT("\x92\x05\xd4\x01\x01")},
    {"the unused tag", SLICE_INIT("\x92\x05\xc1")},
    {"a string for a number", SLICE_INIT("\x92\x05\xa1x")},
    {"a negative number", SLICE_INIT("\x92\x05\xff")},
    {"bytes for a string", SLICE_INIT("\x92\x01\xc4\x01x")},
    {"a number past its limit", SLICE_INIT("\x94\x03\x01\xcd\x10\x00\x01")},
    {"a string past its limit", SLICE_INIT("\x92\x01\xd9\x20"
					   "0123456789abcdef0123456789abcdef")},
};

static void
what_is_no_frame_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct slice in = exact(bad[i].bytes.p, bad[i].bytes.n);
		const char *why = NULL;
		struct msg m;

		if (msg_decode(in, &m, &why) != -1)
			fail_msg("accepted: %s", bad[i].what);
		assert_non_null(why);
		free((char *)(uintptr_t)in.p);
	}
}

static void
headers_are_fixed_and_strict(void **state)
{
	char h[MSG_HEADER];
	uint64_t n, acked;

	(void)state;
	msg_header_write(h, 0x0123456789abcdef, 7);
	assert_true(msg_header_read((struct slice){h, sizeof(h)}, &n, &acked));
	assert_true(n == 0x0123456789abcdef && acked == 7);
	assert_false(
	    msg_header_read((struct slice){h, sizeof(h) - 1}, &n, &acked));
	h[0] = '\x93';
	assert_false(msg_header_read((struct slice){h, sizeof(h)}, &n, &acked));
}

static void
a_dump_is_json_without_secrets(void **state)
{
	struct msg key = {.id = MSG_key,
	    .key = {.app = SLICE("a"),
		.id = SLICE("k\""),
		.secret = SLICE("hush")}};
	struct msg bin = {
	    .id = MSG_publish, .publish = {.body = SLICE("\xff")}};
	struct buf b = {0};

	(void)state;
	msg_dump(&b, &key);
	assert_null(memmem(b.p, b.n, "hush", 4));
	assert_non_null(memmem(b.p, b.n, "\"id\":\"k\\\"\"", 10));
	buf_clear(&b);
	msg_dump(&b, &bin);
	assert_non_null(memmem(b.p, b.n, "\"body\":{\"base64\":\"/w==\"}", 24));
	buf_free(&b);
}

TESTS(unit(a_frame_comes_back_as_it_went), unit(every_truncation_asks_for_more),
    unit(every_frame_survives_the_way),
    unit(unknown_frames_and_trailing_fields_are_skipped),
    unit(a_frame_without_an_envelope_is_as_it_was),
    unit(what_is_no_frame_is_refused), unit(headers_are_fixed_and_strict),
    unit(a_dump_is_json_without_secrets))
