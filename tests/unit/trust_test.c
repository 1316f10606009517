/* trust_test.c - which proxies are believed, and how far. */
#include "common/buf.h"
#include "common/trust.h"
#include "tests/unit/test.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct ip
ip_of(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(slice_of(text), &ip));
	return ip;
}

/* Lines of the head in their order; NULL where there are fewer. */
static const struct {
	const char *peer, *lines[3], *client;
} rows[] = {
    {"10.0.0.1", {NULL}, "10.0.0.1"},
    {"10.0.0.1", {"192.0.2.1"}, "192.0.2.1"},
    {"10.0.0.1", {"6.6.6.6", "192.0.2.1"}, "192.0.2.1"},
    {"10.0.0.1", {"192.0.2.1, 10.0.0.3", "10.0.0.2"}, "192.0.2.1"},
    {"10.0.0.1", {"192.0.2.1", "junk", "10.0.0.2"}, "10.0.0.2"},
    {"10.0.0.1", {"192.0.2.1", "", "10.0.0.2"}, "192.0.2.1"},
    {"10.0.0.1", {"::ffff:192.0.2.1"}, "192.0.2.1"},
    {"fd00::1", {"2001:db8::1"}, "2001:db8::1"},
    {"192.0.2.9", {"192.0.2.1"}, "192.0.2.9"},
};

static void
the_rightmost_address_that_is_not_trusted_wins(void **state)
{
	char text[INET6_ADDRSTRLEN];
	struct slice bad;
	struct trust t;

	(void)state;
	assert_null(trust_read(&t, SLICE("10.0.0.0/8, fd00::/8"), &bad));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_request r = {.count = 0};
		struct ip ip = ip_of(rows[i].peer);

		for (unsigned k = 0; k < 3 && rows[i].lines[k] != NULL; k++) {
			r.headers[r.count].name = SLICE("X-FORWARDED-For");
			r.headers[r.count++].value = slice_of(rows[i].lines[k]);
			r.headers[r.count].name = SLICE("X-Forwarded");
			r.headers[r.count++].value = SLICE("6.6.6.6");
		}
		trust_client(&t, &r, &ip);
		assert_string_equal(ip_text(&ip, text), rows[i].client);
	}
}

static void
a_list_that_is_wrong_names_its_word(void **state)
{
	struct buf many = {0};
	struct slice bad;
	struct trust t;

	(void)state;
	assert_non_null(trust_read(&t, SLICE("::1, 10.0.0.1/8 x"), &bad));
	assert_true(slice_is(bad, "10.0.0.1/8"));
	for (unsigned i = 0; i < TRUST_MAX; i++)
		buf_str(&many, " ::1");
	assert_null(trust_read(&t, buf_slice(&many), &bad));
	assert_int_equal(t.n, TRUST_MAX);
	buf_str(&many, ",::2");
	assert_non_null(trust_read(&t, buf_slice(&many), &bad));
	assert_true(slice_is(bad, "::2"));
	buf_free(&many);
	assert_null(trust_read(&t, SLICE(""), &bad));
	assert_int_equal(t.n, 0);
}

/* What per-address limits take for one: [address, its text]. */
static void
ipv6_counts_by_its_64_and_ipv4_whole(void **state)
{
	static const char *const cases[][2] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"::ffff:192.0.2.1", "192.0.2.1"},
	    {"2001:db8:0:1::7", "2001:db8:0:1::/64"},
	    {"2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"},
	    {"2001:db8:0:2::7", "2001:db8:0:2::/64"},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"ffff:ffff:ffff:ffff::/64"},
	};
	char text[IP_COUNTED];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip ip = ip_of(cases[i][0]), net = ip_counted(&ip);

		assert_string_equal(ip_counted_text(&ip, text), cases[i][1]);
		assert_string_equal(ip_counted_text(&net, text), cases[i][1]);
	}
}

TESTS(unit(the_rightmost_address_that_is_not_trusted_wins),
    unit(a_list_that_is_wrong_names_its_word),
    unit(ipv6_counts_by_its_64_and_ipv4_whole))
