/*
 * gcm_job_test.c - what is sent for a job, byte for byte.
 */
#include "common/must.h"
#include "pushers/gcm_job.h"
#include "tests/unit/test.h"

enum { NOW = 1000000 };

static struct push
job(const char *type, const char *body)
{
	return (struct push){.app = SLICE("app"),
	    .target = SLICE("T"),
	    .type = slice_of(type),
	    .body = slice_of(body),
	    .expires = NOW + 5999};
}

static void
sends(const struct push *p, bool v1, const char *wanted)
{
	struct gcm_sent s = {&p->target, 1, NOW, false};
	struct gcm_job j = {0};
	struct buf b = {0};

	assert_null(gcm_job_read(&j, p));
	if (v1)
		gcm_job_put_v1(&b, &j, &s);
	else
		gcm_job_put_legacy(&b, &j, &s);
	buf_chr(&b, '\0');
	assert_string_equal(b.p, wanted);
	assert_null(json_check((struct slice){b.p, b.n - 1}, NULL, NULL));
	gcm_job_free(&j);
	buf_free(&b);
}

#define ANDROID "\"android\":{\"ttl\":\"5s\"}}}"

static void
any_body_becomes_a_message(void **state)
{
	static const struct {
		const char *type, *body, *v1;
	} rows[] = {
	    {"", "{}", "\"data\":{},"},
	    {"", "{\"a\":\"x\\n\",\"b\":[1, 2],\"c\":null}",
		"\"data\":{\"a\":\"x\\n\",\"b\":\"[1,2]\",\"c\":\"null\"},"},
	    {"application/json", "7", "\"data\":{\"data\":\"7\"},"},
	    {"", "\"s\"", "\"data\":{\"data\":\"\\\"s\\\"\"},"},
	    {"text/plain;charset=utf-8", "h\"i",
		"\"data\":{\"text\":\"h\\\"i\"},"},
	    {"text/plain", "\xff", "\"data\":{\"base64\":\"/w==\"},"},
	    {"", "no JSON", "\"data\":{\"base64\":\"bm8gSlNPTg==\"},"},
	    {"image/png", "{}", "\"data\":{\"base64\":\"e30=\"},"},
	    {"", "{\"notification\":{\"title\":\"t\"},\"data\":{\"n\":1}}",
		"\"data\":{\"n\":\"1\"},\"notification\":{\"title\":\"t\"},"},
	    /* one member that no message has, and all of it is data */
	    {"", "{\"notification\":{},\"x\":{}}",
		"\"data\":{\"notification\":\"{}\",\"x\":\"{}\"},"},
	    {"", "{\"data\":1}", "\"data\":{\"data\":\"1\"},"},
	    {"", "{\"android\":{}}", "\"data\":{\"android\":\"{}\"},"},
	};
	char wanted[512];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct push p = job(rows[i].type, rows[i].body);

		snprintf(wanted, sizeof(wanted),
		    "{\"message\":{\"token\":\"T\",%s" ANDROID, rows[i].v1);
		sends(&p, true, wanted);
	}
}

static void
what_the_message_says_wins_over_the_job(void **state)
{
	struct push p =
	    job("", "{\"data\":{},\"android\":{\"ttl\":\"1s\" ,\"x\":1\n}}");

	(void)state;
	p.priority = 9;
	p.collapse = SLICE("c");
	sends(&p, true,
	    "{\"message\":{\"token\":\"T\",\"data\":{},\"android\":{"
	    "\"ttl\":\"1s\" ,\"x\":1,\"priority\":\"HIGH\","
	    "\"collapse_key\":\"c\"}}}");
	p.body = SLICE("{\"data\":{},\"android\":{\n}}");
	p.priority = 1;
	p.target = SLICE("/topics/x");
	sends(&p, true,
	    "{\"message\":{\"topic\":\"x\",\"data\":{},\"android\":{"
	    "\"ttl\":\"5s\",\"priority\":\"NORMAL\","
	    "\"collapse_key\":\"c\"}}}");
	p.expires = NOW + 99999999999u;
	sends(&p, false,
	    "{\"to\":\"/topics/x\",\"data\":{},\"time_to_live\":2419200,"
	    "\"priority\":\"normal\",\"collapse_key\":\"c\"}");
}

#define INCUS                                                                  \
	"{\"push_type\":\"android\",\"registration_ids\":\"a, b\\\"\","        \
	"\"error_queue\":\"Q\",\"message\":{\"event\":\"e\","                  \
	"\"data\":{\"n\":1.50}},\"received\":77}"

static void
a_job_of_incus_is_sent_as_it_was(void **state)
{
	struct push p = job("", INCUS);
	struct gcm_job j = {0};
	struct slice rest, ids[2];
	struct gcm_sent s = {ids, 2, NOW, false};
	struct buf b = {0};

	(void)state;
	p.app = SLICE("incus");
	assert_null(gcm_job_read(&j, &p));
	assert_true(slice_is(j.error_queue, "Q"));
	rest = j.ids;
	assert_true(gcm_job_id(&rest, &ids[0]) && gcm_job_id(&rest, &ids[1]));
	gcm_job_put_legacy(&b, &j, &s);
	assert_true(slice_is(buf_slice(&b),
	    "{\"registration_ids\":[\"a\",\" b\\\"\"],\"data\":{\"data\":"
	    "{\"n\":1.50},\"event\":\"e\",\"time\":77}}"));
	buf_clear(&b);
	s.dry = true;
	gcm_job_put_v1(&b, &j, &s);
	assert_true(slice_is(buf_slice(&b),
	    "{\"message\":{\"token\":\"a\",\"data\":{\"data\":"
	    "\"{\\\"n\\\":1.50}\",\"event\":\"e\",\"time\":\"77\"},"
	    "\"android\":{\"ttl\":\"5s\"}},\"validate_only\":true}"));
	gcm_job_free(&j);
	buf_free(&b);
}

static void
a_job_that_is_none_of_incus_is_refused(void **state)
{
	static const char *const bad[] = {"", "{}", "[]", "no",
	    "{\"push_type\":\"ios\",\"registration_ids\":\"a\",\"message\":"
	    "{\"event\":\"e\",\"data\":{}},\"received\":1}",
	    "{\"push_type\":\"android\",\"registration_ids\":\"\",\"message\":"
	    "{\"event\":\"e\",\"data\":{}},\"received\":1}",
	    "{\"push_type\":\"android\",\"registration_ids\":\"a\",\"message\":"
	    "{\"event\":\"e\"},\"received\":1}"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct push p = job("", bad[i]);
		struct gcm_job j = {0};

		p.app = SLICE("incus");
		assert_non_null(gcm_job_read(&j, &p));
		gcm_job_free(&j);
	}
}

/* {"m0":0,"m1":1 ...} */
static void
put_members(struct buf *b, unsigned n)
{
	buf_chr(b, '{');
	for (unsigned i = 0; i < n; i++)
		buf_printf(b, "%s\"m%u\":%u", i != 0 ? "," : "", i, i);
	buf_chr(b, '}');
}

static void
a_list_has_a_name_that_a_bridge_is_told(void **state)
{
	struct buf b = {0};

	(void)state;
	for (unsigned n = 1024; n <= 1025; n++) {
		struct gcm_job j = {0};
		struct push p;

		buf_clear(&b);
		buf_str(&b, "{\"push_type\":\"android\",\"received\":1,"
			    "\"registration_ids\":\"a\",\"message\":"
			    "{\"event\":\"e\",\"data\":{}},\"error_queue\":\"");
		for (unsigned i = 0; i < n; i++)
			buf_chr(&b, 'q');
		buf_str(&b, "\"}");
		buf_chr(&b, '\0');
		p = job("", b.p);
		p.app = SLICE("incus");
		assert_int_equal(gcm_job_read(&j, &p) == NULL, n == 1024);
		gcm_job_free(&j);
	}
	buf_free(&b);
}

static void
nothing_is_sent_without_some_of_its_members(void **state)
{
	static const struct {
		const char *before, *behind;
		unsigned members;
		const char *why;
	} rows[] = {
	    {"", "", 64, NULL},
	    {"", "", 65, "BadData"},
	    {"{\"data\":", "}", 64, NULL},
	    {"{\"data\":", "}", 65, "BadData"},
	    {"{\"data\":{},\"android\":", "}", 65, "BadAndroid"},
	    {"{\"data\":{},\"data\":", "}", 1, "BadData"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct gcm_job j = {0};
		struct buf b = {0};
		struct push p;
		const char *why;

		buf_str(&b, rows[i].before);
		put_members(&b, rows[i].members);
		buf_str(&b, rows[i].behind);
		buf_chr(&b, '\0');
		p = job("", b.p);
		why = gcm_job_read(&j, &p);
		if (rows[i].why == NULL)
			assert_null(why);
		else
			assert_string_equal(why, rows[i].why);
		gcm_job_free(&j);
		buf_free(&b);
	}
}

TESTS(unit(any_body_becomes_a_message),
    unit(a_list_has_a_name_that_a_bridge_is_told),
    unit(nothing_is_sent_without_some_of_its_members),
    unit(what_the_message_says_wins_over_the_job),
    unit(a_job_of_incus_is_sent_as_it_was),
    unit(a_job_that_is_none_of_incus_is_refused))
