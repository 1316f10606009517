/* bridge_incus_test.c - what Incus' items of Redis become, field by field. */
#include "common/must.h"
#include "common/stats.h"
#include "ingress/bridge_incus.h"
#include "tests/unit/test.h"

enum { MOST = 80 };

/* What was written, copied: channels, targets, filters, ids and bodies. */
struct world {
	struct bridge_incus x;
	struct incus_sink sink;
	enum msg_id kind[MOST];
	struct body *to[MOST], *narrow[MOST], *id[MOST], *body[MOST];
	unsigned n;
	struct body *asked; /* the user who was asked for; or NULL */
};

static void
take(struct incus_sink *sink, struct msg *m)
{
	struct world *w = container_of(sink, struct world, sink);
	bool job = m->id == MSG_enqueue;

	assert_true(w->n < MOST);
	w->kind[w->n] = m->id;
	w->to[w->n] = body_new(job ? m->enqueue.target : m->publish.channel);
	w->narrow[w->n] = body_new(job ? m->enqueue.queue : m->publish.filter);
	w->id[w->n] = body_new(job ? m->enqueue.id : m->publish.id);
	w->body[w->n++] = body_new(job ? m->enqueue.body : m->publish.body);
	if (job)
		assert_true(slice_is(m->enqueue.app, "incus"));
}

static void
forget(struct world *w)
{
	if (w->asked != NULL)
		body_unref(&w->asked);
	while (w->n > 0) {
		w->n--;
		body_unref(&w->to[w->n]);
		body_unref(&w->narrow[w->n]);
		body_unref(&w->id[w->n]);
		body_unref(&w->body[w->n]);
	}
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->x.enabled[INCUS_IOS] = w->x.enabled[INCUS_ANDROID] = true;
	w->x.sound = "di\"ng";
	w->x.error_queue = "Errors";
	w->sink = (struct incus_sink){
	    .write = take, .id = SLICE_INIT("me:7"), .unix_s = 1700000000};
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	forget(w);
	bridge_incus_free(&w->x);
	free(w);
	return 0;
}

static enum code
read_one(struct world *w, const char *item)
{
	struct slice s = exact(item, strlen(item));
	enum code code = bridge_incus_read(&w->x, s);

	struct slice user;

	forget(w);
	if (code == CODE_ok && bridge_incus_asks(&w->x, &user))
		w->asked = body_new(user);
	if (code == CODE_ok)
		bridge_incus_write(&w->x, &w->sink);
	free((char *)s.p);
	return code;
}

static void
assert_is(const struct body *b, const char *text)
{
	assert_int_equal(b->n, strlen(text));
	assert_memory_equal(b->p, text, b->n);
}

/* Each row: an item, and what its only write says. */
struct row {
	const char *item, *to, *narrow, *id, *body;
};

static void
check_rows(struct world *w, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(read_one(w, rows[i].item), CODE_ok);
		assert_int_equal(w->n, 1);
		assert_is(w->to[0], rows[i].to);
		assert_is(w->narrow[0], rows[i].narrow);
		assert_is(w->id[0], rows[i].id);
		assert_is(w->body[0], rows[i].body);
	}
}

#define SAY(command, message)                                                  \
	"{\"command\":{" command "},\"message\":" message "}"
#define ED "{\"event\":\"e\",\"data\":{\"a\":1.0}}"

static void
a_message_goes_to_all_a_user_or_a_page(void **state)
{
	static const struct row rows[] = {
	    {SAY("\"command\":\"message\"", ED), INCUS_ALL, "", "me:7", ED},
	    {SAY("\"command\":\"MESSAGE\",\"user\":\"a b\"", ED),
		"/incus/private/user/a%20b", "", "me:7", ED},
	    {SAY("\"command\":\"message\",\"page\":\"/x\"", ED),
		"/incus/public/page/%2Fx", "", "me:7", ED},
	    {SAY("\"command\":\"message\",\"user\":\"u\",\"page\":\"/x\"",
		 "{\"time\":1,\"data\":{\"a\":1.0},\"event\":\"e\"}"),
		"/incus/private/user/u", "%2Fx", "me:7", ED},
	    {SAY("\"command\":\"setpage\",\"user\":\"u/\",\"page\":\"/x\"",
		 "{}"),
		INCUS_CONTROL, "", "me:7",
		"{\"setpage\":{\"user\":\"u/\",\"page\":\"/x\"}}"},
	};

	check_rows(*state, rows, LENGTH(rows));
}

#define IOS "\"device_token\":\"T\",\"build\":\"store\""
#define AND "\"registration_ids\":\"a,b\""
#define JOB_IOS                                                                \
	"{\"push_type\":\"ios\",\"device_token\":\"T\",\"build\":\"store\","   \
	"\"sound\":\"di\\\"ng\",\"message\":" ED ",\"received\":1700000000}"
#define JOB_AND                                                                \
	"{\"push_type\":\"android\",\"registration_ids\":\"a,b\","             \
	"\"error_queue\":\"Errors\",\"message\":" ED                           \
	",\"received\":1700000000}"

static void
a_push_is_a_job(void **state)
{
	static const struct row rows[] = {
	    {SAY("\"command\":\"push\",\"push_type\":\"ios\"," IOS, ED), "T",
		"apns", "me:7/i", JOB_IOS},
	    {SAY("\"command\":\"Push\",\"push_type\":\"IOS\"," IOS, ED), "T",
		"apns", "me:7/i", JOB_IOS},
	    {SAY("\"command\":\"pushIOS\"," IOS, ED), "T", "apns", "me:7/i",
		JOB_IOS},
	    {SAY("\"command\":\"push\",\"push_type\":\"Android\"," AND, ED),
		"a,b", "gcm", "me:7/a", JOB_AND},
	    {SAY("\"command\":\"pushandroid\",\"push_type\":\"ios\"," AND, ED),
		"a,b", "gcm", "me:7/a", JOB_AND},
	    {SAY("\"command\":\"pushandroid\",\"registration_ids\":\"a\\n\"",
		 ED),
		"a%0A", "gcm", "me:7/a",
		"{\"push_type\":\"android\",\"registration_ids\":\"a\\n\","
		"\"error_queue\":\"Errors\","
		"\"message\":" ED ",\"received\":1700000000}"},
	};

	check_rows(*state, rows, LENGTH(rows));
}

static void
what_is_not_set_is_in_no_job(void **state)
{
	static const struct row rows[] = {
	    {SAY("\"command\":\"pushios\"," IOS, ED), "T", "apns", "me:7/i",
		"{\"push_type\":\"ios\",\"device_token\":\"T\","
		"\"build\":\"store\",\"message\":" ED
		",\"received\":1700000000}"},
	    {SAY("\"command\":\"pushandroid\"," AND, ED), "a,b", "gcm",
		"me:7/a",
		"{\"push_type\":\"android\",\"registration_ids\":\"a,b\","
		"\"message\":" ED ",\"received\":1700000000}"},
	};
	struct world *w = *state;

	w->x.sound = w->x.error_queue = "";
	check_rows(w, rows, LENGTH(rows));
}

#define EITHER(message)                                                        \
	SAY("\"command\":\"pushormessage\",\"user\":\"u\"," IOS "," AND,       \
	    message)

static void
of_an_absent_user_each_shape_is_two_jobs(void **state)
{
	struct world *w = *state;
	static const char *const items[] = {
	    EITHER("{\"push\":{\"ios\":" ED ",\"android\":" ED
		   "},\"websocket\":{}}"),
	    EITHER("{\"ios\":" ED ",\"android\":" ED ",\"websocket\":null}"),
	    EITHER("{\"push\":{\"ios\":{\"a\":1.0,\"event\":\"e\",\"time\":1},"
		   "\"android\":{\"event\":\"e\",\"a\":1.0}}}"),
	    EITHER("{\"push\":{\"ios\":" ED "},\"android\":" ED "}"),
	    EITHER("{\"push\":null,\"ios\":" ED ",\"android\":" ED "}"),
	};

	for (size_t i = 0; i < LENGTH(items); i++) {
		assert_int_equal(read_one(w, items[i]), CODE_ok);
		assert_int_equal(w->n, 2);
		assert_is(w->body[0], JOB_IOS);
		assert_is(w->body[1], JOB_AND);
		assert_is(w->id[0], "me:7/i");
		assert_is(w->id[1], "me:7/a");
	}
}

static void
a_present_user_gets_the_message_alone(void **state)
{
	static const struct row rows[] = {
	    {EITHER("{\"push\":{\"ios\":" ED "},\"websocket\":" ED "}"),
		"/incus/private/user/u", "", "me:7/m", ED},
	    {EITHER("{\"ios\":" ED ",\"websocket\":{\"b\":[],\"time\":2}}"),
		"/incus/private/user/u", "", "me:7/m",
		"{\"event\":\"\",\"data\":{\"b\":[]}}"},
	};
	struct world *w = *state;

	w->sink.present = true;
	check_rows(w, rows, LENGTH(rows));
	assert_is(w->asked, "u");
	read_one(w, EITHER("{\"ios\":" ED "}"));
	assert_int_equal(w->n, 0);
}

static void
what_says_nothing_makes_nothing_and_is_counted(void **state)
{
	static const char *const items[] = {"{}", "null", SAY("", "{}"),
	    SAY("\"command\":\"authenticate\",\"user\":\"u\"", "{}"),
	    SAY("\"command\":\"setpresence\"", "{\"presence\":true}"),
	    SAY("\"command\":\"message\",\"user\":\"\"", ED),
	    SAY("\"command\":\"setpage\",\"user\":\"u\"", "{}"),
	    SAY("\"command\":\"setpage\",\"page\":\"p\"", "{}"),
	    SAY("\"command\":\"push\",\"push_type\":\"iosx\"," IOS, ED),
	    SAY("\"command\":\"push\"," IOS, ED)};
	struct world *w = *state;
	uint64_t before = stats_get(STAT_incus_ignored);

	for (size_t i = 0; i < LENGTH(items); i++) {
		assert_int_equal(read_one(w, items[i]), CODE_ok);
		assert_int_equal(w->n, 0);
	}
	assert_int_equal(stats_get(STAT_incus_ignored) - before, LENGTH(items));
}

static void
what_is_wrong_is_refused_whole(void **state)
{
	static const struct {
		const char *item;
		enum code code;
		const char *field;
	} rows[] = {
	    {"", CODE_bad_json, NULL},
	    {"{} x", CODE_bad_json, NULL},
	    {SAY("\"command\":\"message\",\"user\":7", ED), CODE_bad_field,
		"command"},
	    {SAY("\"command\":\"message\"", "{\"event\":1,\"data\":{}}"),
		CODE_bad_field, "message"},
	    {SAY("\"command\":\"pushios\"", ED), CODE_missing_field,
		"device_token"},
	    {SAY("\"command\":\"pushios\",\"device_token\":\"T\"", ED),
		CODE_missing_field, "build"},
	    {SAY("\"command\":\"pushandroid\"", ED), CODE_missing_field,
		"registration_ids"},
	    {SAY("\"command\":\"pushios\"," IOS, "{\"badge_count\":1}"),
		CODE_bad_field, "message"},
	    {EITHER("{\"ios\":" ED ",\"websocket\":7}"), CODE_bad_field,
		"message"},
	    {EITHER("{\"push\":{\"ios\":\"x\"},\"websocket\":" ED "}"),
		CODE_bad_field, "message"},
	    {"{\"command\":{\"command\":\"pushormessage\"}}",
		CODE_missing_field, "message"},
	    {SAY("\"command\":\"pushios\",\"build\":\"b\",\"device_token\":"
		 "\"\\u0000\"",
		 ED),
		CODE_bad_field, "device_token"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_int_equal(read_one(w, rows[i].item), rows[i].code);
		if (rows[i].field != NULL)
			assert_string_equal(w->x.in.fault.field, rows[i].field);
		assert_int_equal(w->n, 0);
	}
}

static void
a_kind_that_is_off_makes_no_job_and_is_counted(void **state)
{
	struct world *w = *state;
	uint64_t before = stats_get(STAT_incus_pushes_ios_off);

	w->x.enabled[INCUS_IOS] = false;
	assert_int_equal(
	    read_one(w, SAY("\"command\":\"pushios\"," IOS, ED)), CODE_ok);
	assert_int_equal(w->n, 0);
	read_one(w, EITHER("{\"ios\":" ED ",\"android\":" ED "}"));
	assert_int_equal(w->n, 1);
	assert_is(w->body[0], JOB_AND);
	assert_int_equal(stats_get(STAT_incus_pushes_ios_off) - before, 2);
}

/* An item with so many ids of so many bytes, and data of so many. */
static char *
many(unsigned ids, unsigned each, unsigned data)
{
	struct buf out = {0};

	buf_str(&out, "{\"command\":{\"command\":\"pushandroid\","
		      "\"registration_ids\":\"");
	for (unsigned i = 0; i < ids; i++) {
		buf_printf(&out, "%s%06u", i != 0 ? "," : "", i);
		for (unsigned k = 6; k < each; k++)
			buf_chr(&out, 'x');
	}
	buf_str(&out, "\"},\"message\":{\"event\":\"e\",\"data\":{\"x\":\"");
	for (unsigned i = 0; i < data; i++)
		buf_chr(&out, 'y');
	buf_str(&out, "\"}}}");
	buf_chr(&out, '\0');
	return out.p;
}

#define BEGIN "{\"push_type\":\"android\",\"registration_ids\":\""

/* The ids in the jobs are all of them, in order. */
static void
assert_all_ids(const struct world *w, unsigned ids)
{
	unsigned next = 0;

	for (unsigned i = 0; i < w->n; i++) {
		struct slice body = {w->body[i]->p, w->body[i]->n}, part;
		struct slice rest = slice_from(body, sizeof(BEGIN) - 1);

		assert_true(body.n <= INCUS_JOB_BODY);
		rest.n = (size_t)((char *)memchr(rest.p, '"', rest.n) - rest.p);
		while (slice_cut(&rest, ',', &part)) {
			uint64_t got = 0;

			assert_true(slice_num((struct slice){part.p, 6}, &got));
			assert_int_equal(got, next++);
		}
	}
	assert_int_equal(next, ids);
}

static void
ids_that_are_too_many_for_one_job_are_spread(void **state)
{
	static const struct {
		unsigned ids, each, data, jobs; /* 0: too large */
	} rows[] = {
	    {1, 10, 10, 1},
	    {1000, 60, 10, 1},
	    {1001, 20, 10, 2},
	    {2500, 10, 10, 3},
	    {1000, 160, 100, 3},
	    {100, 4000, 60000, 100}, /* more jobs than one item may make */
	    {60, 4000, 60000, 60},
	    {2, 65530, 10, 0},
	    {1, 10, 65530, 0},
	};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		char *item = many(rows[i].ids, rows[i].each, rows[i].data);
		enum code code = read_one(w, item);

		free(item);
		if (rows[i].jobs == 0 || rows[i].jobs > INCUS_JOBS) {
			assert_int_equal(code, CODE_too_large);
			continue;
		}
		assert_int_equal(code, CODE_ok);
		assert_int_equal(w->n, rows[i].jobs);
		assert_all_ids(w, rows[i].ids);
		assert_is(w->id[0], "me:7/a");
		if (w->n > 1)
			assert_is(w->id[1], "me:7/a1");
		if (w->to[0]->n > 1 && rows[i].ids > 1)
			assert_int_equal(w->to[0]->n, 44);
	}
}

static void
without_an_id_of_the_item_its_writes_have_none(void **state)
{
	struct world *w = *state;

	w->sink.id = SLICE("");
	read_one(w, EITHER("{\"ios\":" ED ",\"android\":" ED "}"));
	assert_int_equal(w->n, 2);
	assert_int_equal(w->id[0]->n, 0);
	assert_int_equal(w->id[1]->n, 0);
}

#define IN(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TESTS(IN(a_message_goes_to_all_a_user_or_a_page), IN(a_push_is_a_job),
    IN(what_is_not_set_is_in_no_job),
    IN(of_an_absent_user_each_shape_is_two_jobs),
    IN(a_present_user_gets_the_message_alone),
    IN(what_says_nothing_makes_nothing_and_is_counted),
    IN(what_is_wrong_is_refused_whole),
    IN(a_kind_that_is_off_makes_no_job_and_is_counted),
    IN(ids_that_are_too_many_for_one_job_are_spread),
    IN(without_an_id_of_the_item_its_writes_have_none))
