/*
 * apns_body_test.c - a job is asked of Apple by its rules, or refused by name.
 */
#include "pushers/apns_answer.h"
#include "pushers/apns_apps.h"
#include "pushers/apns_body.h"

#include "common/must.h"
#include "tests/unit/test.h"

#include <stdio.h>

#define TOKEN "00ff10ab"

static const struct apns_app app = {
    .name = "app", .topic = "com.example.app", .key = "k"};

struct asked {
	struct push push;
	struct apns_body body;
	struct h2_request request;
	const char *why;
};

/* A job of ours with this body, as it is asked for. */
static void
settle(struct asked *a, const char *body)
{
	if (a->push.app.p == NULL)
		a->push.app = SLICE("app");
	if (a->push.target.p == NULL)
		a->push.target = SLICE(TOKEN);
	if (a->push.collapse.p == NULL)
		a->push.collapse = SLICE("");
	a->push.body = slice_of(body);
	a->why = apns_body_read(&a->body, &a->push);
	if (a->why == NULL)
		a->why = apns_body_settle(&a->body, &app);
	if (a->why == NULL)
		apns_body_write(&a->body, SLICE("bearer x"), &a->request);
}

/* The value of a header; "" if it is not there. */
static struct slice
header(const struct asked *a, const char *name)
{
	for (size_t i = 0; i < a->request.n; i++)
		if (slice_is(a->request.fields[i].name, name))
			return a->request.fields[i].value;
	return SLICE("");
}

static void
has(const struct asked *a, const char *name, const char *value)
{
	assert_null(a->why);
	if (!slice_is(header(a, name), value))
		fail_msg("%s is %.*s, not %s", name,
		    SLICE_ARGS(header(a, name)), value);
}

static void
a_payload_alone_is_an_alert_or_goes_in_the_background(void **state)
{
	struct asked a = {.push = {.expires = 1700000123456}};
	struct asked b = {.push = {.expires = 1}};

	(void)state;
	settle(&a, "{\"aps\":{\"alert\":\"Hi\"},\"n\":1.50}");
	has(&a, "apns-push-type", "alert");
	has(&a, "apns-priority", "10");
	has(&a, "apns-topic", "com.example.app");
	has(&a, "apns-expiration", "1700000123");
	has(&a, "authorization", "bearer x");
	has(&a, "apns-collapse-id", "");
	assert_true(slice_is(a.request.path, "/3/device/" TOKEN));
	assert_true(slice_is(
	    a.request.body, "{\"aps\":{\"alert\":\"Hi\"},\"n\":1.50}"));
	settle(&b, "{\"aps\":{\"content-available\":1,\"alert\":null}}");
	has(&b, "apns-push-type", "background");
	has(&b, "apns-priority", "5");
	apns_body_free(&a.body);
	apns_body_free(&b.body);
}

static void
an_id_is_a_uuid_and_the_same_for_each_attempt(void **state)
{
	struct asked a[3] = {
	    {.push.lease.job = {1, 2}},
	    {.push.lease.job = {1, 2}, .push.attempt = 2},
	    {.push.lease.job = {1, 3}},
	};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		settle(&a[i], "{\"aps\":{}}");
		assert_int_equal(header(&a[i], "apns-id").n, 36);
		for (unsigned n = 8; n <= 23; n += 5)
			assert_int_equal(header(&a[i], "apns-id").p[n], '-');
	}
	assert_true(
	    slice_eq(header(&a[0], "apns-id"), header(&a[1], "apns-id")));
	assert_false(
	    slice_eq(header(&a[0], "apns-id"), header(&a[2], "apns-id")));
}

static void
a_target_is_even_hexadecimal_of_any_length(void **state)
{
	static const struct {
		const char *target;
		bool good;
	} cases[] = {
	    {"00", true},
	    {"ABCDEF", true},
	    {"", false},
	    {"0", false},
	    {"0g", false},
	    {"00/../00", false},
	    {"0 ", false},
	};
	char longest[APNS_TARGET + 3];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct asked a = {.push.target = slice_of(cases[i].target)};

		settle(&a, "{\"aps\":{}}");
		assert_true((a.why == NULL) == cases[i].good);
		if (!cases[i].good)
			assert_string_equal(a.why, "BadDeviceToken");
	}
	memset(longest, 'a', sizeof(longest));
	for (size_t n = APNS_TARGET; n <= APNS_TARGET + 2; n += 2) {
		struct asked a = {.push.target = {longest, n}};

		settle(&a, "{\"aps\":{}}");
		assert_true((a.why == NULL) == (n == APNS_TARGET));
	}
}

static void
what_is_wrong_around_a_payload_is_named(void **state)
{
	static const struct {
		const char *body, *why;
	} cases[] = {
	    {"5", "the body is not a JSON object of up to 64 members"},
	    {"{}", "the body has neither aps nor payload"},
	    {"{\"payload\":5}", "the body has neither aps nor payload"},
	    {"{\"payload\":{},\"connection\":5}", "connection is not text"},
	    {"{\"payload\":{},\"topic\":5}", "topic is not text"},
	    {"{\"payload\":{},\"push_type\":5}", "push_type is not text"},
	    {"{\"payload\":{},\"collapse_id\":5}", "collapse_id is not text"},
	    {"{\"payload\":{},\"priority\":11}", "priority is not 1, 5 or 10"},
	    {"{\"payload\":{},\"priority\":\"5\"}",
		"priority is not 1, 5 or 10"},
	    {"{\"payload\":{},\"expiration\":1.5}",
		"expiration is not unix seconds"},
	    {"{\"payload\":{},\"push_type\":\"x\"}", "InvalidPushType"},
	    {"{\"payload\":{},\"topic\":\"a b\"}", "BadTopic"},
	    {"{\"payload\":{},\"topic\":\"com.example.apple\"}",
		"topic is not the application's"},
	    {"{\"payload\":{},\"topic\":\"com.example.app.watch\"}", NULL},
	    {"{\"payload\":{},\"topic\":null,\"priority\":null}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct asked a = {.why = NULL};
		struct slice body =
		    exact(cases[i].body, strlen(cases[i].body) + 1);

		settle(&a, body.p);
		if (cases[i].why == NULL)
			assert_null(a.why);
		else
			assert_string_equal(a.why, cases[i].why);
		apns_body_free(&a.body);
		free((char *)(uintptr_t)body.p);
	}
}

static void
escaped_words_around_a_payload_are_read(void **state)
{
	struct asked a = {.why = NULL};

	(void)state;
	settle(&a, "{\"payload\":{\"aps\":{}},\"push_type\":\"v\\u006fip\","
		   "\"collapse_id\":\"\\u0063\",\"topic\":"
		   "\"com.example.app\\u002ex\",\"priority\":1}");
	has(&a, "apns-push-type", "voip");
	has(&a, "apns-topic", "com.example.app.x");
	has(&a, "apns-collapse-id", "c");
	has(&a, "apns-priority", "1");
	apns_body_free(&a.body);
}

static void
a_collapse_id_that_may_not_stand_there_is_a_digest(void **state)
{
	static const struct {
		const char *said;
		size_t n;
	} cases[] = {{"a b", 43}, {"\xc3\xa9", 43}, {"a\nb: c", 43}, {"ab", 2}};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct asked a = {.push.collapse = slice_of(cases[i].said)};

		settle(&a, "{\"aps\":{}}");
		assert_int_equal(header(&a, "apns-collapse-id").n, cases[i].n);
		apns_body_free(&a.body);
	}
}

/* ---- Incus */

static void
incus(struct asked *a, const char *data)
{
	static char body[4096];

	snprintf(body, sizeof(body),
	    "{\"push_type\":\"ios\",\"device_token\":\"" TOKEN
	    "\",\"build\":\"store\",\"sound\":\"s.aiff\",\"message\":"
	    "{\"event\":\"ev\",\"data\":%s},\"received\":1700000000}",
	    data);
	*a = (struct asked){.push.app = SLICE("incus")};
	settle(a, body);
}

static void
a_push_of_incus_is_what_incus_sent(void **state)
{
	struct asked a;

	(void)state;
	incus(&a, "{\"message_text\":\"Hi\",\"badge_count\":2.9,"
		  "\"internal_url\":\"/x\"}");
	assert_null(a.why);
	assert_true(slice_is(a.body.which, "store"));
	assert_true(slice_is(a.request.body,
	    "{\"aps\":{\"alert\":\"Hi\",\"badge\":2,\"sound\":\"s.aiff\"},"
	    "\"payload\":{\"event\":\"ev\",\"data\":{\"message_text\":\"Hi\","
	    "\"badge_count\":2.9,\"internal_url\":\"/x\"},"
	    "\"time\":1700000000,\"internal_url\":\"/x\"}}"));
	has(&a, "apns-expiration", "0");
	has(&a, "apns-priority", "10");
	has(&a, "apns-push-type", "alert");
	apns_body_free(&a.body);
}

static void
a_badge_of_any_spelling_is_a_number(void **state)
{
	static const struct {
		const char *data, *aps;
	} cases[] = {
	    {"{}", "{\"badge\":-1,"},
	    {"{\"badge_count\":0}", "{\"badge\":-1,"},
	    {"{\"badge_count\":-0.5}", "{\"badge\":-1,"},
	    {"{\"badge_count\":1e2}", "{\"badge\":100,"},
	    {"{\"badge_count\":1e999}", "{\"badge\":-1,"},
	    {"{\"badge_count\":\"7\"}", "{\"badge\":-1,"},
	    {"{\"badge_count\":1"
	     "0000000000000000000000000000000000000000000000000000000000000000"
	     "0000000000000000000000000000000000}",
		"{\"badge\":-1,"},
	    {"{\"message\":[1]}", "{\"alert\":[1],\"badge\":-1,"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct asked a;

		incus(&a, cases[i].data);
		assert_null(a.why);
		assert_non_null(strstr(a.request.body.p, cases[i].aps));
		apns_body_free(&a.body);
	}
}

static void
a_body_that_is_no_push_of_incus_is_refused(void **state)
{
	static const char android[] =
	    "{\"push_type\":\"android\",\"registration_ids\":\"a\","
	    "\"message\":{\"event\":\"e\",\"data\":{}},\"received\":1}";
	static const char *const bodies[] = {
	    "{}", "5", "{\"aps\":{}}", android};

	(void)state;
	for (size_t i = 0; i < LENGTH(bodies); i++) {
		struct asked a = {.push.app = SLICE("incus")};

		settle(&a, bodies[i]);
		assert_string_equal(
		    a.why, "the body is not a push of Incus for iOS");
		apns_body_free(&a.body);
	}
}

/* ---- Answers */

static void
each_answer_has_its_fate(void **state)
{
	static const struct {
		unsigned status;
		const char *text;
		enum apns_fate fate;
		const char *reason;
		uint64_t since;
	} cases[] = {
	    {200, "", APNS_DELIVERED, "", 0},
	    {410, "{\"reason\":\"Unregistered\",\"timestamp\":17}", APNS_GONE,
		"Unregistered", 17},
	    {410, "", APNS_GONE, "HTTP 410", 0},
	    {400, "{\"reason\":\"BadDeviceToken\"}", APNS_GONE,
		"BadDeviceToken", 0},
	    {400, "{\"reason\":\"TopicDisallowed\"}", APNS_REFUSED,
		"TopicDisallowed", 0},
	    {400, "{\"reason\":\"IdleTimeout\"}", APNS_ELSEWHERE, "IdleTimeout",
		0},
	    {400, "<html>", APNS_REFUSED, "HTTP 400", 0},
	    {403, "{\"reason\":\"ExpiredProviderToken\"}", APNS_TOKEN_OLD,
		"ExpiredProviderToken", 0},
	    {403, "{\"reason\":\"BadEnvironmentKeyInToken\"}", APNS_STOPPED,
		"BadEnvironmentKeyInToken", 0},
	    {403, "{\"reason\":\"SomethingNew\"}", APNS_STOPPED, "SomethingNew",
		0},
	    {429, "{\"reason\":\"TooManyRequests\"}", APNS_LATER,
		"TooManyRequests", 0},
	    {429, "{\"reason\":\"TooManyProviderTokenUpdates\"}", APNS_STOPPED,
		"TooManyProviderTokenUpdates", 0},
	    {503, "{\"reason\":\"Shutdown\"}", APNS_ELSEWHERE, "Shutdown", 0},
	    {502, "{\"reason\":\"a b\\n\"}", APNS_LATER, "HTTP 502", 0},
	    {301, "", APNS_LATER, "HTTP 301", 0},
	    {410, "{\"reason\":5,\"timestamp\":\"x\"}", APNS_GONE, "HTTP 410",
		0},
	    {410, "{\"reason\":\"Unregistered\",\"timestamp\":-1}", APNS_GONE,
		"Unregistered", 0},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct h2_call c = {.status = cases[i].status};
		struct apns_answer a;

		c.text_n = (unsigned)strlen(cases[i].text);
		memcpy(c.text, cases[i].text, c.text_n);
		apns_answer_read(&a, &c);
		assert_int_equal(a.fate, cases[i].fate);
		assert_string_equal(a.reason, cases[i].reason);
		assert_int_equal(a.since, cases[i].since);
	}
}

TESTS(unit(a_payload_alone_is_an_alert_or_goes_in_the_background),
    unit(an_id_is_a_uuid_and_the_same_for_each_attempt),
    unit(a_target_is_even_hexadecimal_of_any_length),
    unit(what_is_wrong_around_a_payload_is_named),
    unit(escaped_words_around_a_payload_are_read),
    unit(a_collapse_id_that_may_not_stand_there_is_a_digest),
    unit(a_push_of_incus_is_what_incus_sent),
    unit(a_badge_of_any_spelling_is_a_number),
    unit(a_body_that_is_no_push_of_incus_is_refused),
    unit(each_answer_has_its_fate))
