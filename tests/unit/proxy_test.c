/* proxy_test.c - who the client is, from those who may say so. */
#include "common/proxy.h"
#include "tests/unit/test.h"

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define SIGNATURE  "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES4 "\xc0\x00\x02\x01\xc6\x33\x64\x07\xc8\x22\x01\xbb"

static const struct {
	struct slice text;
	const char *client; /* "" when none is told */
	unsigned port;
} good[] = {
    {SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.7 51234 443\r\n"), "192.0.2.1",
	51234},
    {SLICE_INIT("PROXY TCP6 2001:db8::1 ::1 1 0\r\n"), "2001:db8::1", 1},
    {SLICE_INIT("PROXY UNKNOWN\r\n"), "", 0},
    {SLICE_INIT("PROXY UNKNOWN what ever 1 2\r\n"), "", 0},
    {SLICE_INIT(SIGNATURE "\x21\x11\x00\x0c" ADDRESSES4), "192.0.2.1", 51234},
    {SLICE_INIT(SIGNATURE "\x21\x11\x00\x0f" ADDRESSES4 "tlv"), "192.0.2.1",
	51234},
    {SLICE_INIT(SIGNATURE "\x21\x21\x00\x24"
			  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
			  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x07\x00\x50"),
	"2001:db8::1", 7},
    {SLICE_INIT(SIGNATURE "\x20\x00\x00\x00"), "", 0},
    {SLICE_INIT(SIGNATURE "\x21\x00\x00\x02xx"), "", 0},
};

static void
both_versions_are_read_at_every_split(void **state)
{
	char text[INET6_ADDRSTRLEN];
	struct proxy p;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct slice s = good[i].text, more;

		for (size_t n = 0; n < s.n; n++) {
			struct slice cut = exact(s.p, n);

			assert_int_equal(proxy_parse(cut, &p), PROXY_MORE);
			free((char *)cut.p);
		}
		more = exact(s.p, s.n + 1); /* the literal's own NUL */
		assert_int_equal(proxy_parse(more, &p), s.n);
		assert_true(p.told == (good[i].client[0] != '\0'));
		if (p.told)
			assert_string_equal(
			    ip_text(&p.client, text), good[i].client);
		assert_int_equal(p.port, good[i].port);
		free((char *)more.p);
	}
}

static void
what_begins_like_one_and_is_not_is_bad(void **state)
{
	static const struct slice bad[] = {
	    SLICE_INIT("PROXY \n"),
	    SLICE_INIT("PROXY \r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.7 51234 443\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.7 51234\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.7 51234 443 \r\n"),
	    SLICE_INIT("PROXY TCP4  192.0.2.1 198.51.100.7 51234 443\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n"),
	    SLICE_INIT("PROXY TCP4 192.0.2.1 198.51.100.7 01 443\r\n"),
	    SLICE_INIT("PROXY TCP4 ::1 ::1 1 2\r\n"),
	    SLICE_INIT("PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n"),
	    SLICE_INIT("PROXY TCP6 [::1] ::1 1 2\r\n"),
	    SLICE_INIT("PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n"),
	    SLICE_INIT(SIGNATURE "\x11\x11\x00\x0c" ADDRESSES4),
	    SLICE_INIT(SIGNATURE "\x22\x11\x00\x0c" ADDRESSES4),
	    SLICE_INIT(SIGNATURE "\x21\x11\x00\x0b" ADDRESSES4),
	    SLICE_INIT(SIGNATURE "\x21\x21\x00\x0c" ADDRESSES4),
	    SLICE_INIT(SIGNATURE "\x21\x11\xff\xff"),
	};
	char longest[PROXY_V1_MAX + 1];
	struct proxy p;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct slice s = exact(bad[i].p, bad[i].n);

		if (proxy_parse(s, &p) != PROXY_BAD)
			fail_msg("accepted: %.*s", SLICE_ARGS(s));
		free((char *)s.p);
	}
	memset(longest, ' ', sizeof(longest));
	memcpy(longest, "PROXY UNKNOWN", 13);
	assert_int_equal(
	    proxy_parse((struct slice){longest, PROXY_V1_MAX - 1}, &p),
	    PROXY_MORE);
	assert_int_equal(
	    proxy_parse((struct slice){longest, PROXY_V1_MAX}, &p), PROXY_BAD);
}

static void
what_begins_otherwise_is_none(void **state)
{
	struct proxy p;

	(void)state;
	assert_int_equal(proxy_parse(SLICE("GET / HTTP/1.1"), &p), PROXY_NONE);
	assert_int_equal(proxy_parse(SLICE("PUT"), &p), PROXY_NONE);
	assert_int_equal(proxy_parse(SLICE("PROXYING"), &p), PROXY_NONE);
	assert_int_equal(proxy_parse(SLICE("\r\nGET"), &p), PROXY_NONE);
}

/* [peer, header; client, whether all were trusted] trusting 10/8 and ::1 */
static const struct {
	const char *peer, *header, *client;
	bool all;
} forwarded[] = {
    {"10.0.0.1", "192.0.2.1", "192.0.2.1", false},
    {"::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1", false},
    {"192.0.2.9", "192.0.2.1", "192.0.2.9", false},
    {"10.0.0.1", "6.6.6.6, 192.0.2.1, 10.9.9.9", "192.0.2.1", false},
    {"10.0.0.1", "10.0.0.3,\t10.0.0.2 ", "10.0.0.3", true},
    {"10.0.0.1", "", "10.0.0.1", true},
    {"10.0.0.1", "192.0.2.1, unknown", "10.0.0.1", false},
    {"10.0.0.1", "192.0.2.1, ", "10.0.0.1", false},
    {"10.0.0.1", "192.0.2.1, junk, 10.0.0.2", "10.0.0.2", false},
    {"::1", "192.0.2.1:8080", "192.0.2.1", false},
    {"::1", "[2001:db8::1]:8080", "2001:db8::1", false},
    {"::1", "2001:db8::1", "2001:db8::1", false},
    {"::1", "2001:db8::1:zz", "::1", false},
    {"::1", "192.0.2.1:99999", "::1", false},
};

static void
a_header_is_believed_from_the_right_to_the_first_stranger(void **state)
{
	struct ip_range trusted[2];
	char text[INET6_ADDRSTRLEN];
	struct ip ip;

	(void)state;
	assert_null(ip_range_parse(SLICE("10.0.0.0/8"), &trusted[0]));
	assert_null(ip_range_parse(SLICE("::1"), &trusted[1]));
	for (size_t i = 0; i < COUNT(forwarded); i++) {
		const char *h = forwarded[i].header;
		struct slice s = exact(h, strlen(h));

		assert_true(ip_parse(slice_of(forwarded[i].peer), &ip));
		assert_true(
		    proxy_forwarded(s, trusted, 2, &ip) == forwarded[i].all);
		assert_string_equal(ip_text(&ip, text), forwarded[i].client);
		free((char *)s.p);
	}
}

TESTS(unit(both_versions_are_read_at_every_split),
    unit(what_begins_like_one_and_is_not_is_bad),
    unit(what_begins_otherwise_is_none),
    unit(a_header_is_believed_from_the_right_to_the_first_stranger))
