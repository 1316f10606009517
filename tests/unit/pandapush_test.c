/* pandapush_test.c - its sentences come as they came from Pandapush. */
#include "tests/unit/pandapush_world.h"

/* Each row does wrong what its sentence names, and all that is looked at
 * later too, where that can be said: so the order is told as well. */
static void
each_sentence_comes_before_those_of_later_checks(void **state)
{
	static const struct attempt rows[] = {
	    {"/app/other/x", "null", NULL, "Invalid channel name"},
	    {"/app/other/x", GOOD, NULL, "Invalid channel name"},
	    {PRIVATE, "null", NULL, "No auth supplied"},
	    {PRIVATE, "{\"token\":\"abc\"}", NULL, "Invalid token"},
	    {PRIVATE, "{\"token\":7}", NULL, "Invalid token"},
	    {PRIVATE, "{\"token\":\"a.b.c\",\"key\":\"k\"}", NULL,
		"Invalid token"},
	    {PRIVATE, TOKEN, "{}", "Invalid token"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"\"}", "Invalid token"},
	    {PRIVATE, TOKEN, "{\"keyId\":null}", "Invalid token"},
	    {PRIVATE, "{}", NULL,
		"Auth information does not include token or key"},
	    {PRIVATE, "\"abc\"", NULL,
		"Auth information does not include token or key"},
	    {PRIVATE, "[1]", NULL,
		"Auth information does not include token or key"},
	    {PRIVATE, "{\"token\":null,\"key\":0,\"secret\":\"x\"}", NULL,
		"Auth information does not include token or key"},
	    {PRIVATE, "{\"key\":\"nobody\"}", NULL, "Could not find key"},
	    {PRIVATE, "{\"key\":[\"k\"]}", NULL, "Could not find key"},
	    {PRIVATE, "{\"key\":\"theirs\",\"secret\":\"" SECRET "\"}", NULL,
		"Could not find key"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"nobody\",\"exp\":1}",
		"Could not find key"},
	    {PRIVATE, "{\"key\":\"old\",\"secret\":\"wrong\"}", NULL,
		"Invalid secret"},
	    {PRIVATE, "{\"key\":\"k\"}", NULL, "Invalid secret"},
	    {PRIVATE, "{\"key\":\"k\",\"secret\":true}", NULL,
		"Invalid secret"},
	    {PRIVATE, "{\"key\":\"rsa\",\"secret\":\"\"}", NULL,
		"Invalid secret"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"old\",\"exp\":1700000000}",
		"Invalid token provided"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"old\",\"nbf\":1700000001}",
		"Invalid token provided"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"old\",\"exp\":\"soon\"}",
		"Invalid token provided"},
	    {PRIVATE, "{\"key\":\"old\",\"secret\":\"" SECRET "\"}", NULL,
		"Expired key"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"old\"}", "Expired key"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"k\"}",
		"Token does not match channel"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"k\",\"channel\":7}",
		"Token does not match channel"},
	    {PRIVATE, TOKEN,
		"{\"keyId\":\"k\",\"channel\":[\"" PRIVATE "\",7]}",
		"Token does not match channel"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"k\",\"channel\":\"" PRIVATE "y\"}",
		"Token does not match channel"},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

static void
what_is_nothing_in_javascript_was_not_supplied(void **state)
{
	static const struct attempt rows[] = {
	    {PRIVATE, "false", NULL, "No auth supplied"},
	    {PRIVATE, "0", NULL, "No auth supplied"},
	    {PRIVATE, "-0.0e5", NULL, "No auth supplied"},
	    {PRIVATE, "\"\"", NULL, "No auth supplied"},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

static void
only_true_itself_lets_a_token_subscribe(void **state)
{
	static const char no[] = "Token does not allow subscribing";
	static const struct attempt rows[] = {
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true}", NULL},
	    {PRIVATE, TOKEN, MAY("young") "\"sub\":true}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true,\"exp\":1700000001}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true,\"nbf\":1700000000}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true,\"iat\":1900000000}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"pub\":true}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":\"true\"}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":1}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":\"user\"}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":false}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"listen\":true}", no},
	    {PRIVATE, TOKEN, MAY("deaf") "\"sub\":true}", no},
	    {PRIVATE, "{\"key\":\"deaf\",\"secret\":\"" SECRET "\"}", NULL, no},
	    {PRIVATE, GOOD, NULL, NULL},
	    {"/app/meta/x", GOOD, NULL, NULL},
	    {"/app/public/x", "null", NULL, NULL},
	    {"/app/public/x", "{\"token\":\"abc\"}", NULL, NULL},
	    {"/nobodys/public/**", "null", NULL, NULL},
	    {"/tyron/private/x",
		"{\"key\":\"theirs\",\"secret\":\"" SECRET "\"}", NULL, NULL},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
}

static void
only_true_itself_lets_a_token_publish_and_meta_is_nobodys(void **state)
{
	static const char no[] = "Token does not allow publishing";
	static const struct attempt rows[] = {
	    {PRIVATE, TOKEN, MAY("k") "\"pub\":true}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"pub\":\"true\"}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"pub\":1}", no},
	    {PRIVATE, TOKEN, MAY("dumb") "\"pub\":true}", no},
	    {PRIVATE, "{\"key\":\"dumb\",\"secret\":\"" SECRET "\"}", NULL, no},
	    {PRIVATE, GOOD, NULL, NULL},
	    {"/app/public/x", GOOD, NULL, NULL},
	    {"/app/public/x", "null", NULL, "No auth supplied"},
	    {"/app/presence/x", GOOD, NULL, NULL},
	    {"/app/meta/x", GOOD, NULL, no},
	    {"/app/meta/x", TOKEN,
		"{\"keyId\":\"k\",\"channel\":\"/app/**\",\"pub\":true}", no},
	};

	(void)state;
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

#define THERE "/app/presence/x"
#define WHO(claim)                                                             \
	"{\"keyId\":\"k\",\"channel\":\"" THERE "\",\"sub\":true" claim "}"

static void
presence_asks_for_an_id_in_the_token(void **state)
{
	static const char no[] =
	    "No presence id specified in presence subscription";
	static const struct attempt rows[] = {
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":\"u\"}"), NULL},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":7,\"a\":[1]}"), NULL},
	    {THERE, TOKEN, WHO(""), no},
	    {THERE, TOKEN, WHO(",\"presence\":{}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":0}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":0.0e1}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":\"\"}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":null}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":{}}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":\"u\""), no},
	    {THERE, TOKEN, WHO(",\"presence\":true"), no},
	    {THERE, GOOD, NULL, no},
	    {THERE, TOKEN, MAY("k") "\"sub\":true}",
		"Token does not match channel"},
	    {THERE, TOKEN,
		"{\"keyId\":\"dumb\",\"channel\":\"" THERE
		"\",\"sub\":true,\"presence\":{\"id\":1}}",
		"Token does not allow subscribing"},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
}

static void
a_token_beside_a_key_is_only_its_hint(void **state)
{
	static const char claims[] = "{\"keyId\":\"k\",\"exp\":1}";
	static const struct attempt rows[] = {
	    {PRIVATE,
		"{\"token\":\"$\",\"key\":\"nobody\",\"secret\":\"" SECRET
		"\"}",
		claims, NULL},
	    {PRIVATE, "{\"token\":\"$\",\"key\":\"k\",\"secret\":\"wrong\"}",
		MAY("k") "\"sub\":true,\"pub\":true}", "Invalid secret"},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

static void
a_channel_is_judged_by_its_second_segment_and_its_size(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} rows[] = {
	    {"/app/public/x", true},
	    {"/app/private/a/b/c", true},
	    {"/app/presence/*", true},
	    {"/app/meta/statistics", true},
	    {"/app/public/**", true},
	    {"/app/public/a b.c%", true}, /* the grammar of Bayeux's business */
	    {"/app/public/", true},
	    {"", false},
	    {"/", false},
	    {"/foo", false},
	    {"/app/*", false},
	    {"/app/**", false},
	    {"/**", false},
	    {"/app/Public/x", false},
	    {"//public/x", false},
	    {"app/public/x", false},
	    {"/app/public", false}, /* there is nothing below it */
	    {"/app/public/1/2/3/4/5/6/7/8/9/10/11/12/13/14", true},
	    {"/app/public/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15", false},
	};
	char longest[258];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *says = pandapush_channel(slice_of(rows[i].name));

		if ((says == NULL) != rows[i].good)
			fail_msg("%s", rows[i].name);
		if (says != NULL)
			assert_string_equal(says, "Invalid channel name");
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "/app/public/", 12);
	assert_null(pandapush_channel((struct slice){longest, 255}));
	assert_non_null(pandapush_channel((struct slice){longest, 256}));
}

static void
a_grant_says_by_which_key_until_when_and_who(void **state)
{
	static const struct attempt
	    token = {THERE, TOKEN,
		"{\"keyId\":\"young\",\"channel\":\"/app/**\",\"sub\":true,"
		"\"exp\":1800000000,\"presence\":{\"id\":\"u\",\"n\":1}}",
		NULL},
	    key = {PRIVATE, GOOD, NULL, NULL},
	    free_one = {"/app/public/x", GOOD, NULL, NULL};
	struct keys *ks = some_keys();
	struct grant g;

	(void)state;
	assert_null(attempt(ks, PANDAPUSH_SUBSCRIBE, &token, &g));
	assert_string_equal(g.app, "app");
	assert_string_equal(g.key, "young");
	assert_true(g.expires == NOW + 1); /* the earlier of both */
	assert_true(slice_is(g.who, "{\"id\":\"u\",\"n\":1}"));
	assert_string_equal(g.patterns, "/app/**");
	assert_int_equal(g.rights, KEY_LISTEN | KEY_PRESENCE);
	assert_true(keys_stand(ks, &g, NOW));
	assert_null(attempt(ks, PANDAPUSH_PUBLISH, &key, &g));
	assert_string_equal(g.key, "k");
	assert_true(g.expires == 0 && g.who.n == 0 && !g.token);
	assert_null(attempt(ks, PANDAPUSH_SUBSCRIBE, &free_one, &g));
	assert_string_equal(g.app, "");
	keys_free(&ks);
}

static void
a_key_that_was_revoked_is_found_no_more(void **state)
{
	static const struct attempt a = {PRIVATE, GOOD, NULL, NULL};
	struct keys *ks = some_keys();
	struct grant g;

	(void)state;
	assert_null(attempt(ks, PANDAPUSH_PUBLISH, &a, &g));
	assert_null(keys_told(
	    ks, &(struct msg_key){
		    .app = SLICE("app"), .id = SLICE("k"), .revoked = 1}));
	assert_false(keys_stand(ks, &g, NOW));
	assert_string_equal(
	    attempt(ks, PANDAPUSH_PUBLISH, &a, &g), "Could not find key");
	keys_free(&ks);
}

static void
escapes_in_what_was_shown_are_seen_through(void **state)
{
	static const struct attempt rows[] = {
	    {PRIVATE,
		"{\"k\\u0065y\":\"\\u006b\",\"secret\":"
		"\"a \\u0073hared secret\"}",
		NULL, NULL},
	    {PRIVATE, "{\"\\u0074oken\":\"$\"}",
		"{\"k\\u0065yId\":\"\\u006b\",\"channel\":"
		"\"\\/app\\/private\\/x\",\"sub\":true,\"pub\":true}",
		NULL},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

TESTS(unit(each_sentence_comes_before_those_of_later_checks),
    unit(what_is_nothing_in_javascript_was_not_supplied),
    unit(only_true_itself_lets_a_token_subscribe),
    unit(only_true_itself_lets_a_token_publish_and_meta_is_nobodys),
    unit(presence_asks_for_an_id_in_the_token),
    unit(a_token_beside_a_key_is_only_its_hint),
    unit(a_channel_is_judged_by_its_second_segment_and_its_size),
    unit(a_grant_says_by_which_key_until_when_and_who),
    unit(a_key_that_was_revoked_is_found_no_more),
    unit(escapes_in_what_was_shown_are_seen_through))
