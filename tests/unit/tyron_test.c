/* tyron_test.c - names, items of Redis, and any message as Tyron's clients
 * read it. */
#include "common/tyron.h"

#include "common/channel.h"
#include "common/incus.h"
#include "common/must.h"
#include "tests/unit/test.h"

#define NOTHING "~47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
#define JSON    "application/json; charset=UTF-8"

static void
a_path_names_what_redis_names(void **state)
{
	static const struct {
		const char *path, *name, *channel;
	} rows[] = {
	    {"hiphop", "hiphop", "/tyron/public/hiphop"},
	    {"a/b", "a/b", "/tyron/public/a/b"},
	    {"a%2fb", "a/b", "/tyron/public/a/b"},
	    {"caf%C3%A9", "caf\xc3\xa9", "/tyron/public/caf%C3%A9"},
	    {"a+b", "a+b", "/tyron/public/a+b"},
	    {"a%20b", "a b", "/tyron/public/a%20b"},
	    {"%", "%", "/tyron/public/%25"},
	    {"%4", "%4", "/tyron/public/%254"},
	    {"%zz%41", "%zzA", "/tyron/public/%25zzA"},
	    {"%%41", "%A", "/tyron/public/%25A"},
	    {"*", "*", "/tyron/public/%2A"},
	    {"", "", "/tyron/public/" NOTHING},
	    {"a//b", "a//b", "/tyron/public/a/" NOTHING "/b"},
	};
	struct buf name = {0}, channel = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct slice path = exact(rows[i].path, strlen(rows[i].path));

		buf_clear(&name);
		buf_clear(&channel);
		assert_true(tyron_name(&name, path));
		tyron_channel(&channel, SLICE(TYRON_CHANNEL), buf_slice(&name));
		if (!slice_is(buf_slice(&name), rows[i].name) ||
		    !slice_is(buf_slice(&channel), rows[i].channel))
			fail_msg("%s is %.*s", rows[i].path, (int)channel.n,
			    channel.p);
		assert_null(channel_check(buf_slice(&channel)));
		free((char *)(uintptr_t)path.p);
	}
	buf_free(&name);
	buf_free(&channel);
}

static void
a_path_that_is_not_utf8_names_nothing(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_false(tyron_name(&b, SLICE("%ff")));
	assert_false(tyron_name(&b, SLICE("a%C3/")));
	buf_free(&b);
}

/* Whatever is said, it is a channel or refused, and long names differ. */
static void
long_names_are_channels_of_their_own(void **state)
{
	struct buf name = {0}, one = {0}, other = {0};

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		buf_str(&name, i % 20 == 0 ? "/" : "x");
	tyron_channel(&one, SLICE(TYRON_CHANNEL), buf_slice(&name));
	name.p[0] = 'y';
	tyron_channel(&other, SLICE(TYRON_CHANNEL), buf_slice(&name));
	assert_null(channel_check(buf_slice(&one)));
	assert_null(channel_check(buf_slice(&other)));
	assert_false(slice_eq(buf_slice(&one), buf_slice(&other)));
	buf_free(&name);
	buf_free(&one);
	buf_free(&other);
}

static void
behind_another_prefix_a_name_is_a_channel_as_well(void **state)
{
	static const struct {
		const char *prefix, *name, *channel;
	} rows[] = {
	    {"/x/public/", "a/b", "/x/public/a/b"},
	    {"/x/public/y/", "", "/x/public/y/" NOTHING},
	    {INCUS_PAGE_PREFIX, "a/b", INCUS_PAGE_PREFIX "a%2Fb"},
	    {INCUS_PAGE_PREFIX, "", INCUS_PAGE_PREFIX NOTHING},
	    {"/1/public/3/4/5/6/7/8/9/10/11/12/13/14/15/", "a",
		"/1/public/3/4/5/6/7/8/9/10/11/12/13/14/15/a"},
	};
	struct buf channel = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_null(tyron_prefix_check(slice_of(rows[i].prefix)));
		buf_clear(&channel);
		tyron_channel(
		    &channel, slice_of(rows[i].prefix), slice_of(rows[i].name));
		if (!slice_is(buf_slice(&channel), rows[i].channel))
			fail_msg("%s is %.*s", rows[i].name, (int)channel.n,
			    channel.p);
	}
	buf_clear(&channel);
	tyron_channel(&channel, slice_of(rows[4].prefix), SLICE("a/b"));
	assert_null(channel_check(buf_slice(&channel)));
	buf_free(&channel);
}

static void
a_prefix_is_the_beginning_of_public_channels(void **state)
{
	static const char *const bad[] = {"", "/", "x", "/x/public",
	    "x/public/", "/x/private/", "/x/other/", "/x/", "/x//public/",
	    "/x/public/*/", "/x/public//", "/x/public/%zz/",
	    "/1/public/3/4/5/6/7/8/9/10/11/12/13/14/15/16/"};
	char longest[TYRON_PREFIX_MAX + 2] = "/x/public/";

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (tyron_prefix_check(slice_of(bad[i])) == NULL)
			fail_msg("\"%s\" is a prefix", bad[i]);
	memset(longest + 10, 'y', TYRON_PREFIX_MAX - 10);
	longest[TYRON_PREFIX_MAX - 1] = longest[TYRON_PREFIX_MAX] = '/';
	assert_null(
	    tyron_prefix_check((struct slice){longest, TYRON_PREFIX_MAX}));
	assert_non_null(
	    tyron_prefix_check((struct slice){longest, TYRON_PREFIX_MAX + 1}));
}

static void
an_item_is_a_message_with_its_data_as_it_is_spelt(void **state)
{
	static const struct {
		const char *item;
		enum code code;
		const char *field; /* or the channel, of what is good */
		const char *body;
	} rows[] = {
	    {"{\"channel\":\"c\",\"data\":\"x\"}", CODE_ok, "c", "\"x\""},
	    {" {\"more\":[], \"data\": 1.50 ,\"channel\":\"a\\/b\"}", CODE_ok,
		"a/b", "1.50"},
	    {"{\"channel\":\"\",\"data\":null}", CODE_ok, NOTHING, "null"},
	    {"{\"channel\":\"c\",\"data\":[{}]}", CODE_ok, "c", "[{}]"},
	    {"", CODE_bad_json, NULL, NULL},
	    {"x", CODE_bad_json, NULL, NULL},
	    {"[]", CODE_bad_json, NULL, NULL},
	    {"{\"channel\":\"c\",\"data\":}", CODE_bad_json, NULL, NULL},
	    {"{}", CODE_missing_field, "channel", NULL},
	    {"{\"data\":1}", CODE_missing_field, "channel", NULL},
	    {"{\"channel\":\"c\"}", CODE_missing_field, "data", NULL},
	    {"{\"channel\":7,\"data\":1}", CODE_bad_field, "channel", NULL},
	    {"{\"channel\":null,\"data\":1}", CODE_bad_field, "channel", NULL},
	    {"{\"channel\":{},\"data\":1}", CODE_bad_field, "channel", NULL},
	};
	struct native n = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct slice item = exact(rows[i].item, strlen(rows[i].item));
		const struct msg_publish *p = &n.msg.publish;

		if (tyron_read(&n, SLICE(TYRON_CHANNEL), item) != rows[i].code)
			fail_msg("%s", rows[i].item);
		if (rows[i].code == CODE_ok) {
			assert_true(slice_is(p->body, rows[i].body));
			assert_true(slice_is(
			    slice_from(p->channel, strlen(TYRON_CHANNEL)),
			    rows[i].field));
			assert_int_equal(p->type.n, 0);
		} else if (rows[i].field != NULL) {
			assert_string_equal(n.fault.field, rows[i].field);
		}
		free((char *)(uintptr_t)item.p);
	}
	native_free(&n);
}

/* The column of the table of conversions: from native, from Incus and from
 * Tyron itself. */
static void
every_message_has_a_body_for_tyron(void **state)
{
	static const struct {
		struct slice type, body, to_type, to_body;
	} rows[] = {
#define ROW(t, b, tt, tb)                                                      \
	{SLICE_INIT(t), SLICE_INIT(b), SLICE_INIT(tt), SLICE_INIT(tb)}
	    ROW("", "\"x\"", "", "x"),
	    ROW("", "\"\\u00e9\\n\"", "", "\xc3\xa9\n"),
	    ROW("", " \"x\" ", "", "x"),
	    ROW("", "\"\"", "", ""),
	    ROW("", "null", "", ""),
	    ROW("", "17", JSON, "17"),
	    ROW("", "-0.10", JSON, "-0.10"),
	    ROW("", "true", JSON, "true"),
	    ROW("", "[1, 2]", JSON, "[1, 2]"),
	    ROW("", "{\"a\": 1}", JSON, "{\"a\": 1}"),
	    ROW("application/json", "{\"a\":1}", JSON, "{\"a\":1}"),
	    ROW("", "{\"event\":\"e\",\"data\":{}}", JSON,
		"{\"event\":\"e\",\"data\":{}}"),
	    ROW("text/plain;charset=utf-8", "<b>", "", "<b>"),
	    ROW("text/html", "<b>", "", "<b>"),
	    ROW("text/plain", "", "", ""),
	    ROW("image/png", "\xff\x00", "image/png", "\xff\x00"),
	    ROW("a\r\nb: c", "\xff", "application/octet-stream", "\xff"),
	    ROW("", "no JSON", "application/octet-stream", "no JSON"),
	    ROW("", "", "application/octet-stream", ""),
#undef ROW
	};
	struct buf room = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct slice body = exact(rows[i].body.p, rows[i].body.n);
		struct tyron_body t = tyron_body(rows[i].type, body, &room);

		if (!slice_eq(t.type, rows[i].to_type) ||
		    !slice_eq(t.body, rows[i].to_body))
			fail_msg("row %zu: %.*s", i, SLICE_ARGS(t.type));
		free((char *)(uintptr_t)body.p);
	}
	buf_free(&room);
}

TESTS(unit(a_path_names_what_redis_names),
    unit(a_path_that_is_not_utf8_names_nothing),
    unit(behind_another_prefix_a_name_is_a_channel_as_well),
    unit(a_prefix_is_the_beginning_of_public_channels),
    unit(long_names_are_channels_of_their_own),
    unit(an_item_is_a_message_with_its_data_as_it_is_spelt),
    unit(every_message_has_a_body_for_tyron))
