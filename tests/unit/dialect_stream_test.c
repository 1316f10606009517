/* dialect_stream_test.c - event streams and polls when things go badly: late
 * answers, new epochs, readers that read nothing, a hub that drains; and
 * streams over several shards. */
#include "common/channel.h"
#include "common/stats.h"
#include "hub/door.h"
#include "tests/unit/hub_world.h"

enum { LARGE = 700000 }; /* bytes; two are more than a poll's answer holds */

static bool
never(struct world *w)
{
	(void)w;
	return false;
}

static bool
joined_once(struct world *w)
{
	return w->joins == 1;
}

static bool
joined_twice(struct world *w)
{
	return w->joins == 2;
}

static bool
joined_thrice(struct world *w)
{
	return w->joins == 3;
}

static bool
joined_more(struct world *w)
{
	return w->joins > 3;
}

static bool
one_is_left(struct world *w)
{
	return w->hub.conns_n == 1;
}

static void
a_poll_whose_store_is_away_is_told_so_and_may_go_on(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	w->mute = true;
	w->hub.limits.pong = 10;
	say(fd, "GET /v1/poll?channel=/demo/public/x&timeout=0 HTTP/1.1\r\n"
		"Host: a\r\n\r\n");
	hear(w, fd, "HTTP/1.1 503 ");
	hear(w, fd, "\"unavailable\"");
	say(fd, "OPTIONS /v1/poll HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(w, fd, "HTTP/1.1 204");
	close(fd);
}

/* What was left out of an answer is the end of one epoch: nothing of the next
 * may be in it, or the client would resume behind what it never got. */
static void
an_answer_that_is_full_ends_before_a_new_epoch(void **state)
{
	struct world *w = *state;
	char *body = xcalloc(1, LARGE + 1);
	struct msg gap = {.id = MSG_gap,
	    .gap = {.epoch = 5, .from = 2, .to_epoch = 6, .reason = GAP_EPOCH}};
	struct msg m = {.id = MSG_deliver,
	    .deliver = {.channel = SLICE("/demo/public/x"),
		.epoch = 6,
		.offset = 1,
		.body = SLICE("6")}};
	struct msg joined = {
	    .id = MSG_joined, .joined = {.epoch = 6, .top = 1}};
	uint64_t other;
	int fd = client(w);

	memset(body, ' ', LARGE);
	body[0] = '5';
	say(fd, "GET /v1/poll?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		"\r\n");
	until(w, world_joined);
	close(fd);
	fd = client(w);
	w->mute = true;
	say(fd, "GET /v1/poll?channel=/demo/public/x&channel=/demo/public/y "
		"HTTP/1.1\r\nHost: a\r\n\r\n");
	until(w, joined_twice);
	other = w->join;
	world_message(w, "/demo/public/x", body);
	world_message(w, "/demo/public/x", body);
	bus_server_send(w->server, w->peer, &m); /* so x is joined again */
	until(w, joined_thrice);
	gap.gap.generation = m.deliver.generation = joined.joined.generation =
	    w->join;
	bus_server_send(w->server, w->peer, &gap);
	bus_server_send(w->server, w->peer, &m);
	bus_server_send(w->server, w->peer, &joined);
	answer_join(w, other);
	hear(w, fd, "],\"cursor\":\"5.1\"}");
	assert_null(memmem(w->in.p, w->used, "\"cursor\":\"5.2\"", 14));
	assert_null(memmem(w->in.p, w->used, "\"cursor\":\"6.", 12));
	assert_null(memmem(w->in.p, w->used, "\"gap\"", 5));
	free(body);
	close(fd);
}

static void
tell(struct world *w, const struct msg_deliver *d)
{
	struct msg m = {.id = MSG_deliver, .deliver = *d};

	m.deliver.epoch = 5;
	bus_server_send(w->server, w->peer, &m);
}

/* Channels are read one after the other, so what comes late may be what comes
 * first: were it left out, all behind it would have to be, and a client would
 * ask for the same again and again. */
static void
an_answer_that_is_full_holds_what_comes_first(void **state)
{
	struct world *w = *state;
	char *body = xcalloc(1, LARGE + 1);
	struct slice large = {body, LARGE};
	int fd = client(w);

	memset(body, ' ', LARGE);
	body[0] = '5';
	say(fd, "GET /v1/poll?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		"\r\n");
	until(w, world_joined);
	close(fd);
	fd = client(w);
	w->mute = true;
	say(fd, "GET /v1/poll?channel=/demo/public/x&channel=/demo/public/y"
		"&cursor=5.0 HTTP/1.1\r\nHost: a\r\n\r\n");
	until(w, joined_twice);
	tell(w, &(struct msg_deliver){.channel = SLICE("/demo/public/x"),
		    .offset = 2,
		    .body = large});
	tell(w, &(struct msg_deliver){.channel = SLICE("/demo/public/x"),
		    .offset = 3,
		    .prev = 2,
		    .body = large});
	w->top = 3;
	answer_join(w, w->join);
	until(w, world_asked);
	tell(w, &(struct msg_deliver){.channel = SLICE("/demo/public/y"),
		    .generation = w->history,
		    .offset = 1,
		    .body = large});
	answer_join(w, w->history);
	hear(w, fd, "{\"messages\":[{\"channel\":\"/demo/public/y\"");
	hear(w, fd, "],\"cursor\":\"5.1\"}");
	assert_null(memmem(w->in.p, w->used, "/demo/public/x", 14));
	free(body);
	close(fd);
}

static void
a_stream_that_takes_nothing_for_two_heartbeats_is_closed(void **state)
{
	struct world *w = *state;
	uint64_t slow = stats_get(STAT_slow_disconnects);
	char *body = xcalloc(1, LARGE + 1);
	int stuck = client(w), reads = client(w);

	w->hub.limits.heartbeat = 50;
	memset(body, ' ', LARGE);
	body[0] = '5';
	say(stuck, "GET /v1/sse?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		   "\r\n");
	hear(w, stuck, "id: 5.0\n\n");
	say(reads, "GET /v1/sse?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		   "\r\n");
	hear(w, reads, "id: 5.0\n\n");
	world_message(w, "/demo/public/x", body);
	hear(w, reads, "\"cursor\":\"5.1\"");
	hear(w, reads, "\n\n");
	until(w, one_is_left);
	world_message(w, "/demo/public/x", "6");
	hear(w, reads, "\"cursor\":\"5.2\"");
	assert_int_equal(stats_get(STAT_slow_disconnects), slow);
	free(body);
	close(stuck);
	close(reads);
}

/* Sockets that an ingress passed before it heard of the drain. */
static void
a_hub_that_drains_waits_for_sockets_on_their_way(void **state)
{
	struct world *w = *state;
	int fd;

	w->hub.doors = doors_new(&w->hub, w->dir);
	w->hub.d.draining = true;
	drain_begin(&w->hub);
	fd = client(w);
	hear(w, fd, "\"draining\"");
	close(fd);
	until(w, never); /* ended by the drain */
	assert_true(loop_now(w->hub.d.loop) - w->hub.drain_began >= 250);
	doors_free(&w->hub.doors);
}

enum { SHARDS = 4 };

static int
set_up_several(void **state)
{
	return set_up_shards(state, SHARDS);
}

/* Two channels, the first on the lower shard. */
static void
two_channels(char a[32], char b[32])
{
	unsigned n = 0;

	snprintf(a, 32, "/demo/public/0");
	do
		snprintf(b, 32, "/demo/public/%u", ++n);
	while (channel_shard(slice_of(b), SHARDS) ==
	       channel_shard(slice_of(a), SHARDS));
	if (channel_shard(slice_of(b), SHARDS) <
	    channel_shard(slice_of(a), SHARDS)) {
		snprintf(a, 32, "/demo/public/%u", n);
		snprintf(b, 32, "/demo/public/0");
	}
}

static const char *
id_of(char room[64], const char *const channels[], const unsigned offsets[],
    unsigned n)
{
	struct cursor_part parts[2];
	struct buf b = {0};

	for (unsigned i = 0; i < n; i++)
		parts[i] = (struct cursor_part){
		    channel_shard(slice_of(channels[i]), SHARDS), 5,
		    offsets[i]};
	buf_str(&b, "id: ");
	cursor_put(&b, parts, n);
	snprintf(room, 64, "%.*s", (int)b.n, b.p);
	buf_free(&b);
	return room;
}

static const char *
id(char room[64], const char *const channels[2], const unsigned offsets[2])
{
	return id_of(room, channels, offsets, 2);
}

static void
an_id_over_several_shards_names_the_place_in_each(void **state)
{
	struct world *w = *state;
	char a[32], b[32], text[256], want[64];
	const char *channels[] = {a, b};
	int fd = client(w);

	two_channels(a, b);
	w->top = 2;
	snprintf(text, sizeof(text),
	    "GET /v1/sse?channel=%s&channel=%s HTTP/1.1\r\nHost: a\r\n\r\n", b,
	    a);
	say(fd, text);
	hear(w, fd, id(want, channels, (unsigned[]){2, 2}));
	world_message(w, a, "1"); /* 3 */
	hear(w, fd, id(want, channels, (unsigned[]){3, 2}));
	hear(w, fd, "data: ");
	w->top = 2;
	world_message(w, b, "2");
	hear(w, fd, id(want, channels, (unsigned[]){3, 3}));
	close(fd);
	fd = client(w);
	snprintf(text, sizeof(text),
	    "GET /v1/sse?channel=%s&channel=%s HTTP/1.1\r\nHost: a\r\n"
	    "Last-Event-%s\r\n\r\n",
	    a, b, id(want, channels, (unsigned[]){2, 3}));
	memcpy(strstr(text, "-id:"), "-ID:", 4);
	say(fd, text);
	hear(w, fd, "\"data\":1}"); /* remembered; nothing of b */
	hear(w, fd, id(want, channels, (unsigned[]){3, 3}));
	assert_int_equal(w->histories, 0);
	assert_null(strstr(w->heard, "\"data\":2"));
	close(fd);
}

/* One comes back while the store of b is away: nothing is known of b but what
 * he brought along. */
static void
an_id_goes_on_while_another_store_is_away(void **state)
{
	struct world *w = *state;
	char a[32], b[32], text[256], want[64];
	const char *channels[] = {a, b};
	int fd = client(w), again;

	two_channels(a, b);
	w->top = 2;
	snprintf(text, sizeof(text),
	    "GET /v1/sse?channel=%s HTTP/1.1\r\nHost: a\r\n\r\n", a);
	say(fd, text);
	hear(w, fd, "id: ");
	w->mute = true;
	again = client(w);
	snprintf(text, sizeof(text),
	    "GET /v1/sse?channel=%s&channel=%s HTTP/1.1\r\nHost: a\r\n"
	    "Last-Event-%s\r\n\r\n",
	    a, b, id(want, channels, (unsigned[]){2, 7}));
	memcpy(strstr(text, "-id:"), "-ID:", 4);
	say(again, text);
	until(w, joined_twice);
	world_message(w, a, "1"); /* 3 */
	hear(w, again, id(want, channels, (unsigned[]){3, 7}));
	hear(w, again, "data: ");
	world_message(w, a, "2");
	hear(w, again, id(want, channels, (unsigned[]){4, 7}));
	close(again);
	close(fd);
}

static void
move_away(struct world *w, const char *channel)
{
	world_move_away(w, channel_shard(slice_of(channel), SHARDS));
}

/* Another channel on the shard of that one. */
static void
beside(char out[32], const char *channel)
{
	unsigned n = 0;

	do
		snprintf(out, 32, "/demo/public/more%u", n++);
	while (channel_shard(slice_of(out), SHARDS) !=
	       channel_shard(slice_of(channel), SHARDS));
}

static bool
two_are_listened_to(struct world *w)
{
	(void)w;
	return stats_get(STAT_subscriptions) == 2;
}

/* What is said of the other shard is where the client stood; who had no place
 * there would get none. */
static void
a_poll_is_answered_while_another_store_is_away(void **state)
{
	struct world *w = *state;
	char a[32], b[32], text[256], want[64];
	const char *channels[] = {a, b};
	int fd = client(w);

	two_channels(a, b);
	w->top = 2;
	snprintf(text, sizeof(text),
	    "GET /v1/poll?channel=%s HTTP/1.1\r\nHost: a\r\n\r\n", a);
	say(fd, text);
	until(w, joined_once);
	move_away(w, b);
	world_message(w, a, "1"); /* 3 */
	hear(w, fd, "\"data\":1}]");
	snprintf(text, sizeof(text),
	    "GET /v1/poll?channel=%s&channel=%s&cursor=%s HTTP/1.1\r\n"
	    "Host: a\r\n\r\n",
	    a, b, id(want, channels, (unsigned[]){2, 7}) + strlen("id: "));
	say(fd, text);
	hear(w, fd, "\"data\":1}],\"cursor\":\"");
	hear(w, fd, id(want, channels, (unsigned[]){3, 7}) + strlen("id: "));
	w->hub.limits.pong = 20;
	snprintf(text, sizeof(text),
	    "GET /v1/poll?timeout=1&channel=%s&channel=%s HTTP/1.1\r\n"
	    "Host: a\r\n\r\n",
	    a, b);
	say(fd, text);
	until(w, two_are_listened_to);
	world_message(w, a, "2"); /* 4 */
	hear(w, fd, "HTTP/1.1 503");
	close(fd);
}

/* Of one shard: what was left out of b says nothing of a, which is behind. */
static void
a_full_answer_waits_for_a_channel_that_is_behind(void **state)
{
	struct world *w = *state;
	char body[60000];
	int fd = client(w), other = client(w);

	memset(body, 'x', sizeof(body));
	body[0] = body[sizeof(body) - 2] = '"';
	body[sizeof(body) - 1] = 0;
	w->top = 2;
	say(other, "GET /v1/poll?channel=/demo/public/b HTTP/1.1\r\n"
		   "Host: a\r\n\r\n");
	until(w, joined_once);
	w->mute = true;
	w->hub.limits.pong = 20;
	say(fd, "GET /v1/poll?channel=/demo/public/a&channel=/demo/public/b"
		"&cursor=5.2&timeout=1 HTTP/1.1\r\nHost: a\r\n\r\n");
	until(w, joined_twice);
	for (unsigned n = 0; n < 20; n++)
		world_message(w, "/demo/public/b", body);
	hear(w, other, "]");
	world_move_away(w, 0);
	hear(w, fd, "HTTP/1.1 503");
	close(fd);
	close(other);
}

static void
an_id_names_where_a_shard_stood_when_its_store_went(void **state)
{
	struct world *w = *state;
	char a[32], b[32], c[32], text[256], want[64];
	const char *channels[] = {a, b};
	int fd = client(w);

	two_channels(a, b);
	beside(c, b);
	w->top = 2;
	snprintf(text, sizeof(text),
	    "GET /v1/sse?channel=%s&channel=%s&channel=%s HTTP/1.1\r\n"
	    "Host: a\r\n\r\n",
	    b, a, c);
	say(fd, text);
	hear(w, fd, id(want, channels, (unsigned[]){2, 2}));
	w->top = 4;
	world_message(w, b, "1"); /* 5; the last of c is before it */
	until(w, joined_more);    /* there is a hole, so b is joined anew */
	w->top = 5;
	world_message(w, b, "2"); /* 6 */
	hear(w, fd, id(want, channels, (unsigned[]){2, 6}));
	move_away(w, b);
	w->top = 2;
	world_message(w, a, "3"); /* 3 */
	hear(w, fd, id(want, channels, (unsigned[]){3, 6}));
	hear(w, fd, "\"data\":3}");
	close(fd);
}

/* What is away is no channel of his. */
static void
a_stream_of_one_shard_keeps_its_ids_while_another_is_away(void **state)
{
	struct world *w = *state;
	char a[32], b[32], c[32], text[256], want[64];
	const char *channels[] = {a};
	int other = client(w), fd;

	two_channels(a, b);
	beside(c, a);
	w->top = 2;
	snprintf(text, sizeof(text),
	    "GET /v1/sse?channel=%s HTTP/1.1\r\nHost: a\r\n\r\n", b);
	say(other, text);
	hear(w, other, "id: ");
	fd = client(w);
	snprintf(text, sizeof(text),
	    "GET /v1/sse?channel=%s&channel=%s HTTP/1.1\r\nHost: a\r\n\r\n", a,
	    c);
	say(fd, text);
	hear(w, fd, "id: ");
	move_away(w, b);
	world_message(w, a, "1"); /* 3 */
	hear(w, fd, id_of(want, channels, (unsigned[]){3}, 1));
	hear(w, fd, "\"data\":1}");
	close(fd);
	close(other);
}

#define several(f) cmocka_unit_test_setup_teardown(f, set_up_several, tear_down)

TESTS(story(a_poll_whose_store_is_away_is_told_so_and_may_go_on),
    story(an_answer_that_is_full_ends_before_a_new_epoch),
    story(an_answer_that_is_full_holds_what_comes_first),
    story(a_stream_that_takes_nothing_for_two_heartbeats_is_closed),
    story(a_hub_that_drains_waits_for_sockets_on_their_way),
    story(a_full_answer_waits_for_a_channel_that_is_behind),
    several(an_id_over_several_shards_names_the_place_in_each),
    several(an_id_goes_on_while_another_store_is_away),
    several(a_poll_is_answered_while_another_store_is_away),
    several(an_id_names_where_a_shard_stood_when_its_store_went),
    several(a_stream_of_one_shard_keeps_its_ids_while_another_is_away))
