/* question_test.c - what a URL asks is said once, and readably. */
#include "tests/unit/front_world.h"

#define ADMIN "Authorization: Bearer the-admin\r\n"

static const struct {
	const char *path, *header, *names[4];
} asked[] = {
    {"/v1/history", KEY, {"channel", "after", "limit", "token"}},
    {"/v1/presence", KEY, {"channel", "after", "limit", "user"}},
    {"/v1/jobs", KEY, {"queue", "state", "after", "limit"}},
    {"/v1/devices", KEY, {"user", "token"}},
    {"/v1/apps", ADMIN, {"after"}},
    {"/v1/messages/m", KEY, {"channel", "token"}},
};

/* Ask with each name of each in this query, where N stands for the name. */
static void
ask_each(struct house *h, const char *query, const char *code, const char *why)
{
	h->front.admin_key = "the-admin";
	open_all(h);
	dial(h);
	for (size_t i = 0; i < LENGTH(asked); i++) {
		for (size_t k = 0; k < 4 && asked[i].names[k] != NULL; k++) {
			struct buf text = {0};

			buf_printf(&text, "GET %s?", asked[i].path);
			for (const char *p = query; *p != '\0'; p++) {
				if (*p == 'N')
					buf_str(&text, asked[i].names[k]);
				else
					buf_put(&text, (struct slice){p, 1});
			}
			buf_printf(&text, " HTTP/1.1\r\nHost: x\r\n%s\r\n",
			    asked[i].header);
			say_bytes(h, buf_slice(&text));
			hear(h, "400 Bad Request");
			buf_clear(&text);
			buf_printf(&text, "\"code\":\"%s\",\"message\":\"%s\"",
			    code, why);
			buf_printf(
			    &text, ",\"field\":\"%s\"}", asked[i].names[k]);
			must(buf_room(&text, 1) != NULL);
			text.p[text.n] = '\0';
			hear(h, text.p);
			buf_free(&text);
		}
	}
}

static void
a_value_given_twice_is_refused_by_its_name(void **state)
{
	ask_each(*state, "N=1&other=2&N=1", "bad_field", "given twice");
}

static void
a_value_given_twice_is_refused_though_empty(void **state)
{
	ask_each(*state, "N&N=x", "bad_field", "given twice");
}

static void
a_value_that_is_no_percent_encoding_is_refused_by_its_name(void **state)
{
	ask_each(*state, "N=%zz", "bad_request", "not percent-encoded");
}

static bool
was_read(struct house *h)
{
	return h->reads != 0;
}

static void
what_nobody_expects_may_come_twice(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, "GET /v1/history?x=1&x=%zz&channel=/demo/public/x HTTP/1.1\r\n"
	       "Host: x\r\n\r\n");
	until(h, was_read);
	assert_string_equal(h->read_channel, "/demo/public/x");
}

TESTS(story(a_value_given_twice_is_refused_by_its_name),
    story(a_value_given_twice_is_refused_though_empty),
    story(a_value_that_is_no_percent_encoding_is_refused_by_its_name),
    story(what_nobody_expects_may_come_twice))
