/*
 * websocket_test.c - what a client may send, what it may not and which close
 * code it hears, however the network cut the bytes.
 *
 * The rows follow the case list that conformance suites use: 1 framing,
 * 2 pings, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 close,
 * 9 limits, 12 compression.
 */
#include "tests/unit/test.h"
#include "tests/unit/websocket_log.h"

enum { MAX = 200, FRAMES = 8 };

struct row {
	const char *what;
	struct {
		unsigned char first;
		struct slice payload;
	} frame[FRAMES]; /* up to the first of zero */
	const char *log;
	bool deflate;
};

#define S     SLICE_INIT
#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define FULL  FIFTY FIFTY FIFTY FIFTY /* MAX bytes */
#define C125  FIFTY FIFTY TEN TEN "12345"
#define KAPPA "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
/* "Hello" packed, RFC 7692 7.2.3.1 */
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

/* clang-format off */
static const struct row rows[] = {
    /* 1 framing; 0 is written as 0x00 only behind another frame */
    {"1 empty text", {{0x81, S("")}}, "text[] ", 0},
    {"1 empty binary", {{0x82, S("")}}, "binary[] ", 0},
    {"1 text", {{0x81, S("Hello")}}, "text[Hello] ", 0},
    {"1 text of 125", {{0x81, S(C125)}}, "text[" C125 "] ", 0},
    {"1 text of 126", {{0x81, S(C125 "6")}}, "text[" C125 "6] ", 0},
    {"1 binary, any byte", {{0x82, S("\xff\xfe\x80")}}, "binary[\xff\xfe\x80] ", 0},
    {"1 two texts", {{0x81, S("a")}, {0x81, S("b")}}, "text[a] text[b] ", 0},

    /* 2 pings and pongs */
    {"2 empty ping", {{0x89, S("")}}, "ping[] ", 0},
    {"2 ping", {{0x89, S("Hello")}}, "ping[Hello] ", 0},
    {"2 binary ping", {{0x89, S("\x00\xff\xfe")}}, "ping[\0\xff\xfe] ", 0},
    {"2 ping of 125", {{0x89, S(C125)}}, "ping[" C125 "] ", 0},
    {"2 ping of 126", {{0x89, S(C125 "6")}}, "error[1002] ", 0},
    {"2 pong nobody asked for", {{0x8a, S("x")}, {0x89, S("y")}}, "pong[x] ping[y] ", 0},

    /* 3 reserved bits */
    {"3 RSV1", {{0xc1, S("a")}}, "error[1002] ", 0},
    {"3 RSV2", {{0x81, S("a")}, {0xa1, S("a")}, {0x89, S("")}}, "text[a] error[1002] ", 0},
    {"3 RSV3", {{0x91, S("a")}}, "error[1002] ", 0},
    {"3 RSV2 with compression", {{0xe1, S(HELLO)}}, "error[1002] ", 1},
    {"3 all on a ping", {{0xf9, S("a")}}, "error[1002] ", 0},
    {"3 RSV1 on a ping", {{0xc9, S("a")}}, "error[1002] ", 1},
    {"3 RSV1 on a close", {{0xc8, S("")}}, "error[1002] ", 1},
    {"3 RSV1 on a continuation", {{0x41, S("\xf2\x48\xcd")}, {0xc0, S("\xc9\xc9\x07\x00")}}, "error[1002] ", 1},

    /* 4 opcodes */
    {"4 opcode 3", {{0x83, S("")}}, "error[1002] ", 0},
    {"4 opcode 4", {{0x84, S("a")}}, "error[1002] ", 0},
    {"4 opcode 5", {{0x81, S("a")}, {0x85, S("")}, {0x89, S("")}}, "text[a] error[1002] ", 0},
    {"4 opcode 6", {{0x86, S("a")}}, "error[1002] ", 0},
    {"4 opcode 7", {{0x87, S("a")}}, "error[1002] ", 0},
    {"4 opcode 11", {{0x8b, S("")}}, "error[1002] ", 0},
    {"4 opcode 12", {{0x8c, S("a")}}, "error[1002] ", 0},
    {"4 opcode 13", {{0x8d, S("")}}, "error[1002] ", 0},
    {"4 opcode 14", {{0x8e, S("a")}}, "error[1002] ", 0},
    {"4 opcode 15", {{0x8f, S("a")}}, "error[1002] ", 0},

    /* 5 fragmentation */
    {"5 ping in two", {{0x09, S("a")}, {0x80, S("b")}}, "error[1002] ", 0},
    {"5 pong in two", {{0x0a, S("a")}, {0x80, S("b")}}, "error[1002] ", 0},
    {"5 close in two", {{0x08, S("\x03\xe8")}}, "error[1002] ", 0},
    {"5 text in two", {{0x01, S("Hel")}, {0x80, S("lo")}}, "text[Hello] ", 0},
    {"5 a ping between", {{0x01, S("Hel")}, {0x89, S("p")}, {0x80, S("lo")}}, "ping[p] text[Hello] ", 0},
    {"5 five fragments, pings between",
     {{0x01, S("a")}, {0x00, S("b")}, {0x89, S("1")}, {0x00, S("c")}, {0x00, S("")}, {0x8a, S("2")}, {0x80, S("d")}, {0x81, S("e")}},
     "ping[1] pong[2] text[abcd] text[e] ", 0},
    {"5 binary in three", {{0x02, S("\xff")}, {0x00, S("\xfe")}, {0x80, S("\xfd")}}, "binary[\xff\xfe\xfd] ", 0},
    {"5 all fragments empty", {{0x01, S("")}, {0x00, S("")}, {0x80, S("")}}, "text[] ", 0},
    {"5 empty but the middle", {{0x01, S("")}, {0x00, S("m")}, {0x80, S("")}}, "text[m] ", 0},
    {"5 last continuation of nothing", {{0x80, S("a")}, {0x81, S("b")}}, "error[1002] ", 0},
    {"5 continuation after the end", {{0x01, S("a")}, {0x80, S("b")}, {0x80, S("c")}}, "text[ab] error[1002] ", 0},
    {"5 first continuation of nothing", {{0x81, S("a")}, {0x00, S("b")}, {0x80, S("c")}}, "text[a] error[1002] ", 0},
    {"5 text inside a text", {{0x01, S("a")}, {0x81, S("b")}}, "error[1002] ", 0},
    {"5 binary inside a text", {{0x01, S("a")}, {0x02, S("b")}}, "error[1002] ", 0},
    {"5 close inside a text", {{0x01, S("a")}, {0x88, S("\x03\xe8")}, {0x80, S("b")}}, "close[1000] ", 0},

    /* 6 UTF-8 */
    {"6 kosme", {{0x81, S(KAPPA)}}, "text[" KAPPA "] ", 0},
    {"6 a sequence over three fragments", {{0x01, S("\xe1")}, {0x00, S("\xbd")}, {0x80, S("\xb9")}}, "text[\xe1\xbd\xb9] ", 0},
    {"6 and a ping between", {{0x01, S("\xe1")}, {0x89, S("\xff")}, {0x80, S("\xbd\xb9")}}, "ping[\xff] text[\xe1\xbd\xb9] ", 0},
    {"6 U+10FFFF", {{0x81, S("\xf4\x8f\xbf\xbf")}}, "text[\xf4\x8f\xbf\xbf] ", 0},
    {"6 past U+10FFFF", {{0x81, S("\xf4\x90\x80\x80")}}, "error[1007] ", 0},
    {"6 surrogate", {{0x81, S(KAPPA "\xed\xa0\x80" "edited")}}, "error[1007] ", 0},
    {"6 overlong slash", {{0x81, S("\xc0\xaf")}}, "error[1007] ", 0},
    {"6 overlong NUL", {{0x81, S("\xe0\x80\x80")}}, "error[1007] ", 0},
    {"6 lone continuation byte", {{0x81, S("a\x80")}}, "error[1007] ", 0},
    {"6 0xff", {{0x81, S("\xff")}}, "error[1007] ", 0},
    {"6 cut short", {{0x81, S("\xe1\xbd")}}, "error[1007] ", 0},
    {"6 cut short over fragments", {{0x01, S("\xe1")}, {0x80, S("\xbd")}}, "error[1007] ", 0},
    {"6 wrong before the last fragment", {{0x01, S(KAPPA "\xf4\x90")}}, "error[1007] ", 0},
    {"6 the state is fresh for each text", {{0x01, S("\xe1\xbd")}, {0x80, S("\xb9")}, {0x01, S("a")}, {0x80, S("\xbd")}}, "text[\xe1\xbd\xb9] error[1007] ", 0},
    {"6 a NUL is a character", {{0x81, S("a\0b")}}, "text[a\0b] ", 0},

    /* 7 close */
    {"7 empty close", {{0x88, S("")}}, "close[1005] ", 0},
    {"7 nothing counts after it", {{0x88, S("")}, {0x81, S("a")}, {0x88, S("")}}, "close[1005] ", 0},
    {"7 half a code", {{0x88, S("\x03")}}, "error[1002] ", 0},
    {"7 code", {{0x88, S("\x03\xe8")}}, "close[1000] ", 0},
    {"7 code and reason", {{0x88, S("\x03\xe8" "bye " KAPPA)}}, "close[1000 bye " KAPPA "] ", 0},
    {"7 reason of 123", {{0x88, S("\x03\xe8" FIFTY FIFTY TEN TEN "123")}}, "close[1000 " FIFTY FIFTY TEN TEN "123] ", 0},
    {"7 reason of 124", {{0x88, S("\x03\xe8" FIFTY FIFTY TEN TEN "1234")}}, "error[1002] ", 0},
    {"7 reason not UTF-8", {{0x88, S("\x03\xe8\xff")}}, "error[1007] ", 0},
    {"7 reason cut short", {{0x88, S("\x03\xe8\xe1\xbd")}}, "error[1007] ", 0},
    {"7 0", {{0x88, S("\0\0")}}, "error[1002] ", 0},
    {"7 999", {{0x88, S("\x03\xe7")}}, "error[1002] ", 0},
    {"7 1001", {{0x88, S("\x03\xe9")}}, "close[1001] ", 0},
    {"7 1003", {{0x88, S("\x03\xeb")}}, "close[1003] ", 0},
    {"7 1004", {{0x88, S("\x03\xec")}}, "error[1002] ", 0},
    {"7 1005", {{0x88, S("\x03\xed")}}, "error[1002] ", 0},
    {"7 1006", {{0x88, S("\x03\xee")}}, "error[1002] ", 0},
    {"7 1007", {{0x88, S("\x03\xef")}}, "close[1007] ", 0},
    {"7 1011", {{0x88, S("\x03\xf3")}}, "close[1011] ", 0},
    {"7 1012", {{0x88, S("\x03\xf4")}}, "close[1012] ", 0},
    {"7 1014", {{0x88, S("\x03\xf6")}}, "close[1014] ", 0},
    {"7 1015", {{0x88, S("\x03\xf7")}}, "error[1002] ", 0},
    {"7 1016", {{0x88, S("\x03\xf8")}}, "error[1002] ", 0},
    {"7 1100", {{0x88, S("\x04\x4c")}}, "error[1002] ", 0},
    {"7 2000", {{0x88, S("\x07\xd0")}}, "error[1002] ", 0},
    {"7 2999", {{0x88, S("\x0b\xb7")}}, "error[1002] ", 0},
    {"7 3000", {{0x88, S("\x0b\xb8")}}, "close[3000] ", 0},
    {"7 4999", {{0x88, S("\x13\x87")}}, "close[4999] ", 0},
    {"7 5000", {{0x88, S("\x13\x88")}}, "error[1002] ", 0},
    {"7 65535", {{0x88, S("\xff\xff")}}, "error[1002] ", 0},

    /* 9 limits */
    {"9 as long as allowed", {{0x82, S(FULL)}}, "binary[" FULL "] ", 0},
    {"9 one more", {{0x82, S(FULL "x")}}, "error[1009] ", 0},
    {"9 one more over fragments", {{0x02, S(FULL)}, {0x80, S("x")}}, "error[1009] ", 0},
    {"9 the count starts afresh", {{0x02, S(FULL)}, {0x80, S("")}, {0x82, S(FULL)}}, "binary[" FULL "] binary[" FULL "] ", 0},
    {"9 control frames do not count", {{0x02, S(FULL)}, {0x89, S("p")}, {0x80, S("")}}, "ping[p] binary[" FULL "] ", 0},

    /* 12 compression, RFC 7692 7.2.3 */
    {"12 one block", {{0xc1, S(HELLO)}}, "text[Hello] ", 1},
    {"12 fragments", {{0x41, S("\xf2\x48\xcd")}, {0x80, S("\xc9\xc9\x07\x00")}}, "text[Hello] ", 1},
    {"12 a ping between", {{0x41, S("\xf2\x48\xcd")}, {0x89, S("p")}, {0x80, S("\xc9\xc9\x07\x00")}}, "ping[p] text[Hello] ", 1},
    {"12 stored", {{0xc1, S("\x00\x05\x00\xfa\xff" "Hello\x00")}}, "text[Hello] ", 1},
    {"12 final block", {{0xc1, S("\xf3\x48\xcd\xc9\xc9\x07\x00\x00")}}, "text[Hello] ", 1},
    {"12 two blocks", {{0xc2, S("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")}}, "binary[Hello] ", 1},
    {"12 empty", {{0xc1, S("\x00")}}, "text[] ", 1},
    {"12 without any byte", {{0xc1, S("")}}, "text[] ", 1},
    {"12 plain among packed", {{0xc1, S(HELLO)}, {0x81, S("plain")}, {0x01, S("pl")}, {0x80, S("ain")}, {0xc1, S(HELLO)}},
     "text[Hello] text[plain] text[plain] text[Hello] ", 1},
    {"12 context taken over", {{0xc1, S(HELLO)}, {0xc1, S("\xf2\x00\x11\x00\x00")}}, "text[Hello] error[1007] ", 1},
    {"12 garbage", {{0xc1, S("\xff\xff\xff")}}, "error[1007] ", 1},
    {"12 cut short", {{0xc1, S("\xf2\x48\xcd")}}, "error[1007] ", 1},
    {"12 text that unpacks to no text", {{0xc1, S("\x00\x01\x00\xfe\xff\xff\x00")}}, "error[1007] ", 1},
    {"12 binary that does", {{0xc2, S("\x00\x01\x00\xfe\xff\xff\x00")}}, "binary[\xff] ", 1},
};
/* clang-format on */

/* Strings above hold NULs: the log of a row ends with its last "] ". */
static struct slice
row_log(const struct row *row)
{
	size_t n = strlen(row->log);

	while (row->log[n - 1] != ' ' || row->log[n - 2] != ']')
		n += 1 + strlen(row->log + n + 1);
	return (struct slice){row->log, n};
}

static void
expect(const struct websocket_rules *rules, struct slice all, struct cut cut,
    struct slice log)
{
	struct buf got = {0};

	feed_cut(rules, all, cut, &got);
	if (!slice_eq(buf_slice(&got), log))
		fail_msg("cut at %zu, then every %zu: %.*s, not %.*s",
		    cut.first, cut.step, SLICE_ARGS(buf_slice(&got)),
		    SLICE_ARGS(log));
	buf_free(&got);
}

static void
expect_any_cut(
    const struct websocket_rules *rules, struct slice all, struct slice log)
{
	expect(rules, all, (struct cut){all.n, 1}, log);
	for (size_t step = 1; step < 20; step++)
		expect(rules, all, (struct cut){step, step}, log);
	for (size_t at = 0; at < all.n; at++)
		expect(rules, all, (struct cut){at, all.n}, log);
}

static void
every_row_however_it_is_cut(void **state)
{
	struct deflate *d = deflate_new(6);
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *row = &rows[i];
		struct websocket_rules rules = {MAX, row->deflate ? d : NULL};

		for (size_t f = 0; f < FRAMES; f++)
			if (row->frame[f].payload.p != NULL)
				client_frame(&b, row->frame[f].first,
				    row->frame[f].payload);
		expect_any_cut(&rules, buf_slice(&b), row_log(row));
		buf_clear(&b);
	}
	buf_free(&b);
	deflate_free(&d);
}

/* Heads that client_frame() would not write. */
static void
heads_are_refused_as_soon_as_they_are_wrong(void **state)
{
	static const struct {
		struct slice bytes;
		const char *log;
	} heads[] = {
	    {S("\x81\x05Hello"), "error[1002] "},        /* no mask */
	    {S("\x89\x00"), "error[1002] "},             /* no mask */
	    {S("\x81\xfe\x00\x7dmask"), "error[1002] "}, /* 125 in 16 bits */
	    {S("\x81\xff\0\0\0\0\0\0\xff\xffmask"), "error[1002] "},
	    {S("\x82\xff\x80\0\0\0\0\0\0\0mask"), "error[1002] "}, /* < 0 */
	    {S("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask"), "error[1009] "},
	    {S("\x82\xfe\xff\xffmask"), "error[1009] "},
	    {S("\x89\xfe"), "error[1002] "},
	    {S("\x83\xff"), "error[1002] "},
	    {S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
		"text[Hello] "}, /* RFC 6455 5.7 */
	    {S("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "pong[Hello] "},
	    {S("\x81"), ""},
	    {S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51"), ""},
	};
	struct websocket_rules rules = {.max = MAX};

	(void)state;
	for (size_t i = 0; i < LENGTH(heads); i++)
		expect_any_cut(&rules, heads[i].bytes, slice_of(heads[i].log));
}

/* 6.4: the error comes with the byte, not with the end of the message. */
static void
invalid_text_fails_at_its_first_wrong_byte(void **state)
{
	struct websocket_rules rules = {.max = 1000};
	struct websocket ws = {0};
	struct buf b = {0}, log = {0};
	struct slice all;
	size_t head = 6;

	(void)state;
	client_frame(&b, 0x01, SLICE(KAPPA "\xf4\x90\x80\x80 and more"));
	all = buf_slice(&b);
	feed(&ws, &rules, (struct slice){all.p, head + 12}, &log);
	assert_int_equal(log.n, 0);
	feed(&ws, &rules, (struct slice){all.p + head + 12, 1}, &log);
	assert_true(slice_is(buf_slice(&log), "error[1007] "));
	feed(&ws, &rules, slice_from(all, head + 13), &log);
	assert_true(slice_is(buf_slice(&log), "error[1007] "));
	websocket_free(&ws);
	buf_free(&b);
	buf_free(&log);
}

/* Whole frames are unmasked by words: no place in a word is overlooked. */
static void
a_wrong_byte_is_seen_wherever_it_stands(void **state)
{
	struct websocket_rules rules = {.max = 1000};
	char text[60];
	struct buf b = {0};

	(void)state;
	for (size_t n = 1; n <= sizeof(text); n++) {
		for (size_t at = 0; at < n; at++) {
			memset(text, 'a', n);
			text[at] = '\xff';
			buf_clear(&b);
			client_frame(&b, 0x81, (struct slice){text, n});
			expect(&rules, buf_slice(&b), (struct cut){b.n, 1},
			    SLICE("error[1007] "));
		}
	}
	buf_free(&b);
}

static void
a_whole_message_is_yielded_where_it_lies(void **state)
{
	struct websocket_rules rules = {.max = 1000};
	struct websocket ws = {0};
	struct websocket_event e;
	struct websocket_input in;
	struct buf b = {0};

	(void)state;
	client_frame(&b, 0x81, SLICE("first"));
	client_frame(&b, 0x82, SLICE(FULL));
	in = (struct websocket_input){b.p, b.n};
	assert_true(websocket_next(&ws, &rules, &in, &e));
	assert_ptr_equal(e.data.p, b.p + 6);
	assert_null(ws.part);
	assert_true(websocket_next(&ws, &rules, &in, &e));
	assert_ptr_equal(e.data.p + e.data.n, b.p + b.n);
	assert_null(ws.part);
	assert_false(websocket_next(&ws, &rules, &in, &e));
	assert_null(ws.part);
	buf_free(&b);
}

static void
an_idle_reader_owns_nothing(void **state)
{
	struct websocket_rules rules = {.max = 1000};
	struct websocket ws = {0};
	struct buf b = {0}, log = {0};

	(void)state;
	assert_true(sizeof(ws) <= 32);
	client_frame(&b, 0x01, SLICE("Hel"));
	client_frame(&b, 0x89, SLICE("ping"));
	client_frame(&b, 0x80, SLICE("lo"));
	for (size_t i = 0; i < b.n; i++) {
		feed(&ws, &rules, (struct slice){b.p + i, 1}, &log);
		assert_true((ws.part != NULL) == (i + 1 < b.n));
	}
	assert_true(slice_is(buf_slice(&log), "ping[ping] text[Hello] "));
	buf_free(&b);
	buf_free(&log);
}

/* 9: the three widths of a length, and messages longer than any piece. */
static void
long_messages_arrive_in_any_pieces(void **state)
{
	static const size_t sizes[] = {
	    125, 126, 127, 128, 65535, 65536, 65537, 1 << 20};
	struct websocket_rules rules = {.max = 1 << 20};
	struct buf text = {0}, all = {0}, want = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		while (text.n < sizes[i])
			buf_chr(&text, (char)('a' + text.n % 23));
		buf_clear(&all);
		client_frame(&all, 0x81, buf_slice(&text));
		client_frame(&all, 0x89, SLICE("after"));
		buf_clear(&want);
		buf_str(&want, "text[");
		buf_put(&want, buf_slice(&text));
		buf_str(&want, "] ping[after] ");
		for (size_t step = 997; step < 70000; step = step * 3 + 1)
			expect(&rules, buf_slice(&all), (struct cut){i, step},
			    buf_slice(&want));
		expect(&rules, buf_slice(&all), (struct cut){all.n, 1},
		    buf_slice(&want));
	}
	buf_free(&text);
	buf_free(&all);
	buf_free(&want);
}

/* The limit counts what comes out (RFC 7692 and ours), not what goes in. */
static void
a_packed_message_is_limited_after_unpacking(void **state)
{
	struct deflate *d = deflate_new(6);
	struct websocket_rules rules = {.max = 1000, .deflate = d};
	struct buf text = {0}, packed = {0}, all = {0}, want = {0};

	(void)state;
	for (size_t n = 1000; n <= 1001; n++) {
		while (text.n < n)
			buf_chr(&text, 'x');
		buf_clear(&packed);
		buf_clear(&all);
		assert_true(deflate_pack(d, 15, buf_slice(&text), &packed));
		assert_true(packed.n < 50);
		client_frame(&all, 0xc1, buf_slice(&packed));
		buf_clear(&want);
		if (n == 1000)
			buf_printf(
			    &want, "text[%.*s] ", SLICE_ARGS(buf_slice(&text)));
		else
			buf_str(&want, "error[1009] ");
		expect_any_cut(&rules, buf_slice(&all), buf_slice(&want));
	}
	buf_free(&text);
	buf_free(&packed);
	buf_free(&all);
	buf_free(&want);
	deflate_free(&d);
}

/* A packed message that never ends is stopped by its packed size. */
static void
a_packed_message_is_limited_before_unpacking(void **state)
{
	struct deflate *d = deflate_new(6);
	struct websocket_rules rules = {.max = 80, .deflate = d};
	struct buf all = {0};

	(void)state;
	client_frame(&all, 0x42, SLICE(FIFTY FIFTY));
	client_frame(&all, 0x00, SLICE(FIFTY "4444"));
	expect_any_cut(&rules, buf_slice(&all), SLICE(""));
	client_frame(&all, 0x00, SLICE("5"));
	expect_any_cut(&rules, buf_slice(&all), SLICE("error[1009] "));
	buf_free(&all);
	deflate_free(&d);
}

TESTS(unit(every_row_however_it_is_cut),
    unit(heads_are_refused_as_soon_as_they_are_wrong),
    unit(invalid_text_fails_at_its_first_wrong_byte),
    unit(a_wrong_byte_is_seen_wherever_it_stands),
    unit(a_whole_message_is_yielded_where_it_lies),
    unit(an_idle_reader_owns_nothing), unit(long_messages_arrive_in_any_pieces),
    unit(a_packed_message_is_limited_after_unpacking),
    unit(a_packed_message_is_limited_before_unpacking))
