/*
 * gcm_answer_test.c - what Google says becomes what a job's end is.
 */
#include "common/must.h"
#include "pushers/gcm_answer.h"
#include "tests/unit/test.h"

#define ERROR(status, details)                                                 \
	"{\"error\":{\"code\":1,\"message\":\"m\",\"status\":\"" status        \
	"\",\"details\":[" details "]}}"
#define FCM(code)                                                              \
	"{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\","  \
	"\"errorCode\":\"" code "\"}"
#define FIELD(name)                                                            \
	"{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\","            \
	"\"fieldViolations\":[{\"field\":\"" name "\"}]}"

/* Without its words: they lie in what is freed here. */
static struct gcm_answer
v1(unsigned status, const char *body, uint64_t retry_after)
{
	struct buf scratch = {0};
	struct slice in = exact(body, strlen(body));
	struct gcm_reply r = {.status = status,
	    .why = "none",
	    .retry_after = retry_after,
	    .body = in,
	    .attempt = 1};
	struct gcm_answer a;

	gcm_answer_v1(&a, &r, &scratch);
	buf_free(&scratch);
	free((char *)in.p);
	a.id = a.error = SLICE("");
	return a;
}

static void
only_what_google_says_of_a_token_ends_it(void **state)
{
	static const struct {
		unsigned status;
		const char *body;
		enum gcm_verdict verdict;
		bool unheard;
	} rows[] = {
	    {200, "{\"name\":\"projects/p/messages/1\"}", GCM_DELIVERED, false},
	    {200, "", GCM_DELIVERED, false},
	    {404, ERROR("NOT_FOUND", FCM("UNREGISTERED")), GCM_GONE, false},
	    {404, ERROR("NOT_FOUND", ""), GCM_LOCKED_OUT, true},
	    {404, "<html>", GCM_LOCKED_OUT, true},
	    {403, ERROR("PERMISSION_DENIED", FCM("SENDER_ID_MISMATCH")),
		GCM_GONE, false},
	    {403, ERROR("PERMISSION_DENIED", ""), GCM_LOCKED_OUT, true},
	    {401, ERROR("UNAUTHENTICATED", ""), GCM_LOCKED_OUT, true},
	    {401, ERROR("UNAUTHENTICATED", FCM("THIRD_PARTY_AUTH_ERROR")),
		GCM_LATER, false},
	    {400, ERROR("INVALID_ARGUMENT", FCM("INVALID_ARGUMENT")),
		GCM_REFUSED, false},
	    {400,
		ERROR("INVALID_ARGUMENT",
		    FCM("INVALID_ARGUMENT") "," FIELD("message.token")),
		GCM_GONE, false},
	    {400,
		ERROR("INVALID_ARGUMENT",
		    FIELD("message.data[0].value") "," FCM("INVALID_ARGUMENT")),
		GCM_REFUSED, false},
	    {400,
		"{\"error\":{\"message\":\"The registration token is not a "
		"valid FCM registration token\",\"details\":[" FCM(
		    "INVALID_ARGUMENT") "]}}",
		GCM_GONE, false},
	    /* without an FcmError it is not of the token */
	    {400,
		"{\"error\":{\"message\":\"no token\",\"status\":"
		"\"INVALID_ARGUMENT\"}}",
		GCM_REFUSED, false},
	    {413, "", GCM_REFUSED, false},
	    {429, ERROR("RESOURCE_EXHAUSTED", FCM("QUOTA_EXCEEDED")), GCM_LATER,
		false},
	    {503, ERROR("UNAVAILABLE", FCM("UNAVAILABLE")), GCM_LATER, false},
	    {503, ERROR("UNAVAILABLE", ""), GCM_LATER, false},
	    {500, "{\"error\":7}", GCM_LATER, false},
	    {302, "", GCM_LATER, false},
	    {0, "", GCM_LATER, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct gcm_answer a = v1(rows[i].status, rows[i].body, 0);

		if (a.verdict != rows[i].verdict ||
		    a.unheard != rows[i].unheard)
			fail_msg("%u %s: %d", rows[i].status, rows[i].body,
			    a.verdict);
	}
}

static void
waits_are_what_is_told_or_double(void **state)
{
	struct buf scratch = {0};
	struct gcm_reply r = {.status = 503, .attempt = 3};
	struct gcm_answer a;

	(void)state;
	assert_int_equal(v1(503, "", 7).wait_ms, 7000);
	assert_int_equal(v1(503, "", 0).wait_ms, 10000);
	assert_int_equal(
	    v1(429, ERROR("", FCM("QUOTA_EXCEEDED")), 0).wait_ms, 60000);
	assert_int_equal(v1(429, "", 90).wait_ms, 90000);
	gcm_answer_v1(&a, &r, &scratch);
	assert_int_equal(a.wait_ms, 40000);
	r.attempt = 1000;
	gcm_answer_v1(&a, &r, &scratch);
	assert_int_equal(a.wait_ms, 3600000);
	r.retry_after = UINT64_MAX / 1000 + 1; /* and no overflow */
	gcm_answer_v1(&a, &r, &scratch);
	assert_int_equal(a.wait_ms, 3600000);
	r = (struct gcm_reply){.why = "x", .unsent = true, .attempt = 1};
	gcm_answer_v1(&a, &r, &scratch);
	assert_true(a.unheard && a.down && a.wait_ms == 1000);
	buf_free(&scratch);
}

static void
legacy_results_are_in_the_order_of_the_ids(void **state)
{
	static const char body[] =
	    "{\"results\":[{\"message_id\":\"0:1\"},{\"error\":"
	    "\"NotRegistered\"},{\"message_id\":\"0:2\",\"registration_id\":"
	    "\"n\\u0065w\"},{\"error\":\"Unavailable\"},{\"error\":\"Odd\"}]}";
	struct gcm_answer at[5];
	struct gcm_reply r = {
	    .status = 200, .body = {body, sizeof(body) - 1}, .attempt = 1};
	struct buf scratch = {0};

	(void)state;
	gcm_answer_legacy((struct gcm_answers){at, 5}, &r, &scratch);
	assert_true(slice_is(at[0].id, "0:1"));
	assert_int_equal(at[1].verdict, GCM_GONE);
	assert_true(slice_is(at[2].replacement, "new"));
	assert_int_equal(at[2].verdict, GCM_DELIVERED);
	assert_int_equal(at[3].verdict, GCM_LATER);
	assert_false(at[3].whole);
	assert_int_equal(at[4].verdict, GCM_LATER);
	assert_true(slice_is(at[4].error, "Odd"));
	/* one more or less, and none of it can be believed */
	gcm_answer_legacy((struct gcm_answers){at, 4}, &r, &scratch);
	assert_true(at[0].whole && at[0].verdict == GCM_LATER);
	r.status = 401;
	gcm_answer_legacy((struct gcm_answers){at, 5}, &r, &scratch);
	assert_int_equal(at[4].verdict, GCM_LOCKED_OUT);
	/* a topic has no results */
	r = (struct gcm_reply){
	    .status = 200, .body = SLICE("{\"message_id\":77}"), .attempt = 1};
	gcm_answer_legacy((struct gcm_answers){at, 1}, &r, &scratch);
	assert_true(slice_is(at[0].id, "77"));
	buf_free(&scratch);
}

static void
what_v1_says_has_a_word_that_incus_knew(void **state)
{
	static const struct {
		struct gcm_answer a;
		const char *word;
	} rows[] = {
	    {{.verdict = GCM_GONE, .error = SLICE_INIT("UNREGISTERED")},
		"NotRegistered"},
	    {{.verdict = GCM_GONE, .error = SLICE_INIT("INVALID_ARGUMENT")},
		"InvalidRegistration"},
	    {{.verdict = GCM_LATER, .error = SLICE_INIT("UNAVAILABLE")},
		"Unavailable"},
	    {{.verdict = GCM_LATER, .error = SLICE_INIT("Couldn't connect")},
		"Unavailable"},
	    {{.verdict = GCM_REFUSED, .error = SLICE_INIT("INVALID_ARGUMENT")},
		"InvalidParameters"},
	    {{.verdict = GCM_GONE, .error = SLICE_INIT("InvalidPackageName")},
		"InvalidPackageName"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++)
		if (!slice_is(gcm_legacy_word(&rows[i].a), rows[i].word))
			fail_msg("%s", rows[i].word);
}

TESTS(unit(only_what_google_says_of_a_token_ends_it),
    unit(waits_are_what_is_told_or_double),
    unit(legacy_results_are_in_the_order_of_the_ids),
    unit(what_v1_says_has_a_word_that_incus_knew))
