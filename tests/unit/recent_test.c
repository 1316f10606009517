/* recent_test.c - what a channel remembers: enough, not too much, and never
 * with a hole. */
#include "hub/recent.h"

#include "common/must.h"
#include "common/stats.h"
#include "tests/unit/test.h"

enum { ROOM = 1 << 20 };

struct memory {
	struct runs *runs;
	struct forms *forms;
	struct recents *all;
	struct recent *x, *y;
	char said[RECENT_MESSAGES + 1];
};

static void
begin(struct memory *m, size_t bytes)
{
	*m = (struct memory){.runs = runs_new(), .forms = forms_new(NULL)};
	m->all = recents_new(m->runs, m->forms, bytes);
}

static void
end(struct memory *m)
{
	recent_drop(m->all, &m->x);
	recent_drop(m->all, &m->y);
	assert_int_equal(stats_get(STAT_recent_bytes), 0);
	recents_free(&m->all);
	forms_free(&m->forms);
	runs_free(&m->runs);
}

/* The message with that offset, its last digit the body. */
static void
put(struct memory *m, struct recent **at, uint64_t offset)
{
	char body = (char)('0' + offset % 10);

	recent_put(m->all, at,
	    &(struct msg_deliver){.epoch = 5,
		.offset = offset,
		.prev = offset - 1,
		.body = {&body, 1}},
	    offset - 1);
}

static void
put_large(struct memory *m, uint64_t offset, size_t size)
{
	char *body = xcalloc(1, size);

	memset(body, ' ', size);
	body[0] = '0';
	recent_put(m->all, &m->x,
	    &(struct msg_deliver){.epoch = 5,
		.offset = offset,
		.prev = offset - 1,
		.body = {body, size}},
	    offset - 1);
	free(body);
}

/* The bodies behind an offset; the run they lie in, if it is one. */
static const char *
behind(struct memory *m, uint64_t offset, struct run **run)
{
	struct recent_walk w = {.channel = SLICE("/a/public/x"),
	    .form = FORM_POLL,
	    .unix_ms = 1000,
	    .offset = offset};
	struct piece p = {NULL, 0, 0};
	size_t n = 0;

	assert_true(recent_covers(m->x, 5, offset));
	recent_begin(m->x, &w);
	while (recent_next(m->all, m->x, &w, &p)) {
		const char *at = memmem(
		    p.run->bytes.p + p.from, p.to - p.from, "\"data\":", 7);

		assert_non_null(at);
		m->said[n++] = at[7];
		if (run != NULL && *run != NULL)
			assert_ptr_equal(*run, p.run);
		if (run != NULL)
			*run = p.run;
	}
	m->said[n] = '\0';
	return m->said;
}

static void
what_is_behind_a_place_is_there_and_before_it_not(void **state)
{
	struct memory m;

	(void)state;
	begin(&m, ROOM);
	assert_false(recent_covers(m.x, 5, 2));
	for (uint64_t i = 3; i <= 8; i++)
		put(&m, &m.x, i);
	assert_false(recent_covers(m.x, 5, 1));
	assert_false(recent_covers(m.x, 4, 5));
	assert_string_equal(behind(&m, 2, NULL), "345678");
	assert_string_equal(behind(&m, 5, NULL), "678");
	assert_string_equal(behind(&m, 8, NULL), "");
	end(&m);
}

/* Each part of a message beside the others, a track behind them all. */
static void
what_stood_around_a_message_is_remembered(void **state)
{
	static const char envelope[] = "{\"data\":\0,\"id\":\"e\"}";
	struct recent_walk w = {.channel = SLICE("/a/public/x"),
	    .form = FORM_BAYEUX,
	    .unix_ms = 1000};
	struct msg_deliver d = {.epoch = 5, .offset = 1, .id = SLICE("own")};
	struct buf got = {0};
	struct memory m;
	struct piece p;

	(void)state;
	begin(&m, ROOM);
	for (; d.offset <= 4; d.prev = d.offset++) {
		d.type =
		    d.offset % 2 != 0 ? SLICE("application/json") : SLICE("");
		d.body = SLICE("1");
		d.envelope = (struct slice){
		    envelope, d.offset > 2 ? sizeof(envelope) - 1 : 0};
		d.track = d.offset % 2 != 0 ? 7 : 0;
		recent_put(m.all, &m.x, &d, d.prev);
	}
	recent_begin(m.x, &w);
	while (recent_next(m.all, m.x, &w, &p)) {
		buf_add(&got, p.run->bytes.p + p.from, p.to - p.from);
		assert_non_null(p.run->marks);
	}
	buf_chr(&got, '\0');
	assert_string_equal(got.p,
	    "{\"channel\":\"/a/public/x\",\"data\":1,\"id\":\"own\"}"
	    "{\"channel\":\"/a/public/x\",\"data\":1,\"id\":\"own\"}"
	    "{\"data\":1,\"id\":\"e\"}{\"data\":1,\"id\":\"e\"}");
	buf_free(&got);
	end(&m);
}

/* A channel's numbers are those of its shard: they are not dense. */
static void
a_place_between_two_messages_is_covered(void **state)
{
	struct memory m;

	(void)state;
	begin(&m, ROOM);
	recent_put(m.all, &m.x,
	    &(struct msg_deliver){
		.epoch = 5, .offset = 90, .prev = 40, .body = SLICE("1")},
	    60);
	recent_put(m.all, &m.x,
	    &(struct msg_deliver){
		.epoch = 5, .offset = 98, .prev = 90, .body = SLICE("2")},
	    95);
	assert_false(recent_covers(m.x, 5, 39));
	assert_string_equal(behind(&m, 40, NULL), "12");
	assert_string_equal(behind(&m, 93, NULL), "2");
	end(&m);
}

/* The store names no message before it when it has forgotten the channel. */
static void
nothing_is_claimed_of_what_came_before_the_first(void **state)
{
	struct memory m;

	(void)state;
	begin(&m, ROOM);
	recent_put(m.all, &m.x,
	    &(struct msg_deliver){.epoch = 5, .offset = 9, .body = SLICE("1")},
	    7);
	assert_false(recent_covers(m.x, 5, 6));
	assert_true(recent_covers(m.x, 5, 7));
	end(&m);
}

static void
a_hole_or_an_epoch_begins_anew(void **state)
{
	struct memory m;

	(void)state;
	begin(&m, ROOM);
	put(&m, &m.x, 3);
	recent_put(m.all, &m.x,
	    &(struct msg_deliver){
		.epoch = 5, .offset = 6, .prev = 5, .body = SLICE("6")},
	    3);
	assert_false(recent_covers(m.x, 5, 3));
	assert_string_equal(behind(&m, 5, NULL), "6");
	recent_put(m.all, &m.x,
	    &(struct msg_deliver){
		.epoch = 6, .offset = 7, .prev = 6, .body = SLICE("7")},
	    6);
	assert_false(recent_covers(m.x, 5, 6));
	assert_true(recent_covers(m.x, 6, 6));
	end(&m);
}

static void
a_channel_remembers_so_many_and_so_many_bytes(void **state)
{
	enum { LARGE = RECENT_BYTES / 3 };
	struct memory m;

	(void)state;
	begin(&m, 4 * ROOM);
	for (uint64_t i = 1; i <= RECENT_MESSAGES + 5; i++)
		put(&m, &m.x, i);
	assert_false(recent_covers(m.x, 5, 4));
	assert_int_equal(strlen(behind(&m, 5, NULL)), RECENT_MESSAGES);
	recent_drop(m.all, &m.x);
	for (uint64_t i = 1; i <= 3; i++)
		put_large(&m, i, LARGE);
	assert_false(recent_covers(m.x, 5, 0));
	assert_string_equal(behind(&m, 1, NULL), "00");
	put_large(&m, 4, RECENT_BYTES); /* with its head it is too large */
	assert_null(m.x);
	put(&m, &m.x, 5);
	assert_false(recent_covers(m.x, 5, 3));
	assert_string_equal(behind(&m, 4, NULL), "5");
	end(&m);
}

static void
the_oldest_of_all_channels_goes_first(void **state)
{
	enum { BYTES = 16384 };
	struct memory m;
	uint64_t i;

	(void)state;
	begin(&m, BYTES);
	put(&m, &m.y, 1);
	put(&m, &m.x, 2);
	for (i = 3; m.y != NULL; i++) {
		put(&m, &m.x, i);
		assert_true(stats_get(STAT_recent_bytes) <= BYTES);
		assert_true(m.y == NULL || recent_covers(m.x, 5, 1));
	}
	for (unsigned n = 0; n < 5; n++) /* y left some room */
		put(&m, &m.x, i++);
	assert_true(stats_get(STAT_recent_bytes) <= BYTES);
	assert_false(recent_covers(m.x, 5, 1));
	end(&m);
	begin(&m, 0);
	put(&m, &m.x, 1);
	assert_null(m.x);
	end(&m);
}

static void
nothing_is_remembered_for_longer_than_a_minute(void **state)
{
	struct memory m;

	(void)state;
	begin(&m, ROOM);
	recents_tick(m.all, 1000);
	put(&m, &m.x, 1);
	put(&m, &m.y, 2);
	recents_tick(m.all, 2000);
	put(&m, &m.x, 3);
	recents_tick(m.all, 1000 + RECENT_AGE_MS);
	assert_non_null(m.y);
	recents_tick(m.all, 1001 + RECENT_AGE_MS);
	assert_null(m.y);
	assert_false(recent_covers(m.x, 5, 0));
	assert_string_equal(behind(&m, 2, NULL), "3");
	recents_tick(m.all, 2001 + RECENT_AGE_MS);
	assert_null(m.x);
	end(&m);
}

static void
what_has_expired_is_left_out(void **state)
{
	struct memory m;

	(void)state;
	begin(&m, ROOM);
	for (uint64_t i = 1; i <= 3; i++)
		recent_put(m.all, &m.x,
		    &(struct msg_deliver){.epoch = 5,
			.offset = i,
			.prev = i - 1,
			.body = SLICE("7"),
			.expires = 999 + (i == 2 ? 1 : 2)},
		    i - 1);
	assert_string_equal(behind(&m, 0, NULL), "77");
	end(&m);
}

/* All who come back in a moment are handed pieces of one run, which lives as
 * long as somebody has yet to read it. */
static void
who_comes_back_shares_what_was_framed(void **state)
{
	struct memory m;
	struct run *first = NULL, *second = NULL, *third = NULL;

	(void)state;
	begin(&m, ROOM);
	for (uint64_t i = 1; i <= 5; i++)
		put(&m, &m.x, i);
	assert_string_equal(behind(&m, 1, &first), "2345");
	put(&m, &m.x, 6);
	assert_string_equal(behind(&m, 2, &second), "3456");
	assert_ptr_equal(first, second);
	run_ref(first);
	recents_tick(m.all, 1);
	assert_int_equal(first->refs, 1);
	assert_string_equal(behind(&m, 2, &third), "3456");
	assert_ptr_not_equal(first, third);
	run_unref(&first);
	assert_string_equal(behind(&m, 0, &first), "123456");
	assert_string_equal(behind(&m, 2, &first), "3456");
	end(&m);
}

static void
framed_ones_have_a_quarter_of_the_bytes(void **state)
{
	enum { BYTES = 16384 };
	struct memory m;
	uint64_t before;

	(void)state;
	begin(&m, BYTES);
	for (uint64_t i = 1; i <= 9; i++)
		put(&m, &m.x, i);
	before = stats_get(STAT_recent_bytes);
	assert_string_equal(behind(&m, 0, NULL), "123456789");
	/* their places alone would take a quarter */
	assert_int_equal(stats_get(STAT_recent_bytes), before);
	end(&m);
}

TESTS(unit(what_is_behind_a_place_is_there_and_before_it_not),
    unit(what_stood_around_a_message_is_remembered),
    unit(a_place_between_two_messages_is_covered),
    unit(nothing_is_claimed_of_what_came_before_the_first),
    unit(a_hole_or_an_epoch_begins_anew),
    unit(a_channel_remembers_so_many_and_so_many_bytes),
    unit(the_oldest_of_all_channels_goes_first),
    unit(nothing_is_remembered_for_longer_than_a_minute),
    unit(what_has_expired_is_left_out),
    unit(who_comes_back_shares_what_was_framed),
    unit(framed_ones_have_a_quarter_of_the_bytes))
