/*
 * fates_test.c - what becomes of tracked messages in a whole hub, told to a
 * scripted store: the numbers of all messages are what the hub counts.
 */
#include "hub/fates.h"

#include "common/fate.h"
#include "hub/subscribe.h"
#include "tests/unit/hub_world.h"

/* Bytes of a body: of two HELD only one is held in both forms of a stream, of
 * one HUGE only one of them could be; two are more than an answer takes. */
enum { LARGE = 60000, HELD = 400000, HUGE = 700000 };

static const struct {
	enum stat_id stat;
	enum fate fate;
} rows[] = {
    {STAT_messages_delivered, FATE_delivered},
    {STAT_drop_expired, FATE_expired},
    {STAT_drop_slow, FATE_slow},
    {STAT_slow_skips, FATE_skipped},
    {STAT_drop_closed, FATE_closed},
    {STAT_drop_left, FATE_left},
    {STAT_drop_hold, FATE_hold},
    {STAT_drop_no_room, FATE_no_room},
};

static int
set_up_tracked(void **state)
{
	struct world *w;

	for (unsigned i = 0; i < STATS; i++)
		stats_set((enum stat_id)i, 0);
	if (set_up(state) != 0)
		return -1;
	w = *state;
	w->track = true;
	return 0;
}

static bool
told(struct world *w)
{
	return w->reports != 0;
}

static bool
joined_twice(struct world *w)
{
	return w->joins == 2;
}

/* All messages are tracked, and their sum is what is counted. */
static bool
as_counted(struct world *w)
{
	uint64_t sums[FATES] = {0}, recipients = 0, pending = 0;
	bool same = true;

	for (size_t i = 0; i < LENGTH(w->fates); i++) {
		struct msg_fates *m = &w->fates[i];

		recipients += m->recipients;
		pending += fates_pending(m);
		for (unsigned f = 0; f < FATES_OF_HUBS; f++)
			sums[f] += *fates_at(m, (enum fate)f);
	}
	for (size_t i = 0; i < LENGTH(rows); i++)
		same = same && sums[rows[i].fate] == stats_get(rows[i].stat);
	return same && recipients != 0 && sums[FATE_rejected] == 0 &&
	       recipients == stats_get(STAT_messages_due) &&
	       pending == stats_get(STAT_messages_pending);
}

static int
listen_sse(struct world *w, const char *query)
{
	char head[256];
	int fd = client(w);

	snprintf(head, sizeof(head),
	    "GET /v1/sse?channel=/demo/public/x%s HTTP/1.1\r\nHost: a\r\n\r\n",
	    query);
	say(fd, head);
	hear(w, fd, "retry: ");
	until(w, world_joined);
	return fd;
}

static char *
body_of(size_t n)
{
	char *body = xcalloc(1, n + 1);

	memset(body, ' ', n);
	body[0] = '1';
	return body;
}

static void
each_listener_is_a_recipient(void **state)
{
	struct world *w = *state;
	int sse = listen_sse(w, ""), ws = client_ws(w, "/v1/ws", "");
	int poll = client(w);

	say_text(ws, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/*\"}");
	hear(w, ws, "\"ok\":true");
	say(poll, "GET /v1/poll?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		  "\r\n");
	w->client = poll;
	until(w, world_taken);
	until(w, joined_twice);
	world_message(w, "/demo/public/x", "\"one\"");
	world_message(w, "/demo/public/x", "\"two\"");
	world_message(w, "/demo/public/y", "\"three\"");
	world_message(w, "/demo/public/z/z", "\"nobody\"");
	hear(w, sse, "two");
	hear(w, ws, "three");
	hear(w, poll, "two");
	until(w, as_counted);
	assert_int_equal(w->fates[1].recipients, 3);
	assert_int_equal(w->fates[1].delivered, 3);
	assert_int_equal(w->fates[3].recipients, 1);
	/* a hub that has no use for it says so */
	assert_int_equal(w->fates[4].track, 4);
	assert_int_equal(w->fates[4].recipients, 0);
	close(sse);
	close(ws);
	close(poll);
}

static bool
slow_one(struct world *w)
{
	if (stats_get(STAT_drop_slow) + stats_get(STAT_slow_skips) != 0)
		return true;
	if (w->top < LENGTH(w->fates) - 1) {
		char *body = body_of(LARGE);

		world_message(w, "/demo/public/x", body);
		free(body);
	}
	return false;
}

static bool
nothing_waits(struct world *w)
{
	(void)w;
	return stats_get(STAT_messages_pending) == 0;
}

static void
a_slow_reader(struct world *w, enum slow slow)
{
	int deaf = listen_sse(w, ""), other = listen_sse(w, "");

	w->hub.limits.backlog = 65536;
	w->hub.limits.slow = slow;
	until(w, slow_one);
	until(w, as_counted);
	close(other);
	close(deaf);
	until(w, nothing_waits);
	until(w, as_counted);
}

static void
what_a_slow_reader_loses_is_told(void **state)
{
	a_slow_reader(*state, SLOW_DISCONNECT);
	assert_true(stats_get(STAT_drop_slow) != 0);
}

static void
what_a_slow_reader_skips_is_told(void **state)
{
	a_slow_reader(*state, SLOW_SKIP);
	assert_true(stats_get(STAT_slow_skips) != 0);
	assert_true(stats_get(STAT_drop_closed) != 0);
}

static void
who_leaves_before_it_is_written_is_told(void **state)
{
	struct world *w = *state;
	int fd = listen_sse(w, "");
	struct msg m = {.id = MSG_deliver,
	    .deliver = {.channel = SLICE("/demo/public/x"),
		.epoch = 5,
		.prev = 1,
		.offset = 2,
		.track = 2,
		.body = SLICE("2")}};

	world_message(w, "/demo/public/x", "\"one\"");
	hear(w, fd, "one");
	hub_frame(&w->hub, &m);
	conn_unsubscribe_all(
	    container_of(w->hub.conns.next, struct conn, node));
	assert_int_equal(stats_get(STAT_drop_left), 1);
	until(w, as_counted);
	close(fd);
}

static bool
both_came(struct world *w)
{
	(void)w;
	return stats_get(STAT_drop_no_room) != 0;
}

static void
what_an_answer_has_no_room_for_is_told(void **state)
{
	struct world *w = *state;
	char *body = body_of(HUGE);
	int fd;

	w->top = 9;
	fd = client(w);
	say(fd, "GET /v1/poll?channel=/demo/public/x&cursor=5.8 HTTP/1.1\r\n"
		"Host: a\r\n\r\n");
	until(w, world_asked);
	for (unsigned i = 0; i < 2; i++) {
		struct msg m = {.id = MSG_deliver,
		    .deliver = {.channel = SLICE("/demo/public/x"),
			.generation = w->history,
			.epoch = 5,
			.prev = 8 + i,
			.offset = 9 + i,
			.track = 9 + i,
			.body = {body, HUGE}}};

		hub_frame(&w->hub, &m);
	}
	answer_join(w, w->history);
	until(w, both_came);
	hear(w, fd, "],\"cursor\":");
	until(w, as_counted);
	assert_int_equal(w->fates[9].delivered, 1);
	assert_int_equal(w->fates[10].no_room, 1);
	free(body);
	close(fd);
}

static bool
held_too_much(struct world *w)
{
	(void)w;
	return stats_get(STAT_drop_hold) != 0;
}

static bool
all_came(struct world *w)
{
	return stats_get(STAT_copies_live) == w->top - 9;
}

/* One is held while one catches up; how many messages are. */
static unsigned
held_of(struct world *w, size_t bytes)
{
	char *body = body_of(bytes);
	unsigned held = 0;
	int fd;

	w->top = 9;
	fd = listen_sse(w, "&cursor=5.3");
	until(w, world_asked);
	for (unsigned i = 0; i < 4; i++)
		world_message(w, "/demo/public/x", body);
	until(w, all_came);
	answer_join(w, w->history);
	until(w, held_too_much);
	hear(w, fd, "event: gap");
	until(w, as_counted);
	for (unsigned i = 10; i <= 13; i++) {
		assert_int_equal(w->fates[i].recipients, 1);
		held += !w->fates[i].hold;
	}
	free(body);
	close(fd);
	return held;
}

static void
what_is_not_held_for_who_catches_up_is_told(void **state)
{
	assert_int_equal(held_of(*state, HELD), 1);
}

/* Were it held in one form and not in the other, it would count twice. */
static void
what_is_not_held_in_all_forms_is_held_in_none(void **state)
{
	assert_int_equal(held_of(*state, HUGE), 0);
}

static void
who_comes_back_is_another_recipient(void **state)
{
	struct world *w = *state;
	uint64_t now = loop_unix_ms(w->hub.d.loop);
	struct msg m = {.id = MSG_deliver,
	    .deliver = {.channel = SLICE("/demo/public/x"),
		.epoch = 5,
		.offset = 1,
		.track = 1,
		.expires = now - 1,
		.body = SLICE("\"late\"")}};
	int fd = listen_sse(w, ""), late;

	bus_server_send(w->server, w->peer, &m);
	w->top = 1;
	world_message(w, "/demo/public/x", "\"two\"");
	hear(w, fd, "two");
	late = listen_sse(w, "&cursor=5.0");
	hear(w, late, "two");
	until(w, as_counted);
	assert_int_equal(w->fates[1].delivered, 1);
	assert_int_equal(w->fates[1].expired, 1);
	assert_int_equal(w->fates[2].delivered, 2);
	close(fd);
	close(late);
}

static bool
told_twice(struct world *w)
{
	return w->reports == 2;
}

/* The numbers are absolute: that they come again changes nothing.  Another
 * life of the store does not know them. */
static void
all_is_told_again_when_a_link_returns_until_nobody_asks(void **state)
{
	struct world *w = *state;
	struct msg untrack = {.id = MSG_untrack, .untrack = {.track = 1}};
	int fd = listen_sse(w, "");

	world_message(w, "/demo/public/x", "\"one\"");
	world_message(w, "/demo/public/x", "\"two\"");
	hear(w, fd, "two");
	until(w, told_twice);
	memset(w->fates, 0, sizeof(w->fates));
	w->reports = 0;
	hub_link_up(&w->hub);
	until(w, told_twice);
	assert_int_equal(w->fates[1].delivered, 1);
	assert_int_equal(w->fates[2].delivered, 1);
	hub_frame(&w->hub, &untrack);
	memset(w->fates, 0, sizeof(w->fates));
	w->reports = 0;
	hub_link_up(&w->hub);
	until(w, told);
	assert_int_equal(w->fates[1].track, 0);
	assert_int_equal(w->fates[2].delivered, 1);
	close(fd);
}

/* ---- Without a hub around it */

struct ear {
	struct fates_face face;
	bool down;
	unsigned heard, shard;
	struct msg_fates last;
};

static bool
ear_say(struct fates_face *f, unsigned shard, const struct msg *m)
{
	struct ear *e = container_of(f, struct ear, face);

	if (e->down)
		return false;
	e->heard++;
	e->shard = shard;
	e->last = m->fates;
	return true;
}

static void
what_cannot_be_told_now_is_told_later_and_once(void **state)
{
	struct ear e = {.face = {ear_say}, .down = true};
	struct fates *f = fates_new(&e.face);

	(void)state;
	fates_came(f, 7, 3);
	fates_count(f, 7, STAT_messages_due);
	fates_count(f, 8, STAT_messages_due); /* of no track of ours */
	fates_tick(f);
	e.down = false;
	fates_tick(f);
	fates_tick(f);
	assert_int_equal(e.heard, 1);
	assert_int_equal(e.shard, 3);
	assert_int_equal(e.last.track, 7);
	assert_int_equal(e.last.recipients, 1);
	fates_came(f, 7, 3); /* another copy is no news */
	fates_tick(f);
	assert_int_equal(e.heard, 1);
	fates_count(f, 7, STAT_messages_delivered);
	fates_tick(f);
	assert_int_equal(e.heard, 2);
	assert_int_equal(e.last.delivered, 1);
	fates_untrack(f, 7);
	fates_untrack(f, 7);
	fates_again(f);
	fates_tick(f);
	assert_int_equal(e.heard, 2);
	fates_free(&f);
}

static void
tracks_are_bounded(void **state)
{
	struct ear e = {.face = {ear_say}};
	struct fates *f = fates_new(&e.face);

	(void)state;
	stats_set(STAT_fates_full, 0);
	for (uint64_t i = 1; i <= FATES_MAX + 1; i++)
		fates_came(f, i, 0);
	assert_int_equal(stats_get(STAT_fates_full), 1);
	fates_tick(f);
	assert_int_equal(e.heard, FATES_MAX);
	fates_free(&f);
}

#define tracked(f) cmocka_unit_test_setup_teardown(f, set_up_tracked, tear_down)

TESTS(tracked(each_listener_is_a_recipient),
    tracked(what_a_slow_reader_loses_is_told),
    tracked(what_a_slow_reader_skips_is_told),
    tracked(who_leaves_before_it_is_written_is_told),
    tracked(what_an_answer_has_no_room_for_is_told),
    tracked(what_is_not_held_for_who_catches_up_is_told),
    tracked(what_is_not_held_in_all_forms_is_held_in_none),
    tracked(who_comes_back_is_another_recipient),
    tracked(all_is_told_again_when_a_link_returns_until_nobody_asks),
    unit(what_cannot_be_told_now_is_told_later_and_once),
    unit(tracks_are_bounded))
