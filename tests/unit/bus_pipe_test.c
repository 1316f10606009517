/*
 * bus_pipe_test.c - a stage as a filter: frames in by one descriptor and out
 * by another, whoever is slow, gone or never there.
 */
#include "common/bus.h"
#include "common/code.h"
#include "common/link.h"
#include "common/must.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 }; /* reached by a failure only */

struct world {
	struct loop *loop;
	int in[2], out[2]; /* pipes: ours are in[1] and out[0] */
	struct bus *bus;
	struct bus_face face;
	unsigned ups, joined, delivered, rooms, publishables;
	char last[256]; /* channel delivered last */
	struct turn turn;
	struct timer deadline;
	unsigned turns, turns_most;
	unsigned answered, again; /* to be published on being answered */
	struct ticket ticket;
	bool inside; /* a call of ours to the bus */
	struct buf got;
};

static void
publish(struct world *w, const char *channel, size_t size)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = slice_of(channel),
		.body = {xcalloc(1, size), size}}};

	w->inside = true;
	bus_publish(w->bus, &m, &w->ticket);
	w->inside = false;
	free((char *)(uintptr_t)m.publish.body.p);
}

static void
answered(struct ticket *t, const struct msg_published *m)
{
	struct world *w = container_of(t, struct world, ticket);

	assert_false(w->inside);
	assert_int_equal(m->code, CODE_ok);
	w->answered++;
	if (w->again == 0)
		return;
	w->again--;
	publish(w, "/a/public/again", 1);
}

static void
up(struct bus_face *f, struct bus_link *l)
{
	(void)l;
	container_of(f, struct world, face)->ups++;
}

static void
frame(struct bus_face *f, struct bus_link *l, const struct msg *m)
{
	struct world *w = container_of(f, struct world, face);

	(void)l;
	assert_false(w->inside);
	w->joined += m->id == MSG_joined;
	if (m->id != MSG_deliver)
		return;
	w->delivered++;
	snprintf(
	    w->last, sizeof(w->last), "%.*s", SLICE_ARGS(m->deliver.channel));
}

static void
room(struct bus_face *f, struct bus_link *l)
{
	assert_true(bus_room(l));
	container_of(f, struct world, face)->rooms++;
}

static void
publishable(struct bus_face *f)
{
	container_of(f, struct world, face)->publishables++;
}

static void
too_late(struct timer *t)
{
	loop_stop(container_of(t, struct world, deadline)->loop, 1);
}

static bool
count(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);

	if (++w->turns >= w->turns_most)
		loop_stop(w->loop, 0);
	return true; /* never sleeps: turns are counted, not time */
}

static bool
only_count(struct turn *t)
{
	container_of(t, struct world, turn)->turns++;
	return false;
}

/* So many turns; the loop's status. */
static int
turns(struct world *w, unsigned most)
{
	w->turns = 0;
	w->turns_most = most;
	return loop_run(w->loop);
}

static void
open_bus(struct world *w, int in, int out)
{
	const char *why;

	w->bus = bus_open(&(struct bus_setup){.loop = w->loop,
			      .face = &w->face,
			      .stores = "-",
			      .stage = "test",
			      .name = "test.1",
			      .pipe = {in, out}},
	    &why);
	assert_non_null(w->bus);
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	signal(SIGPIPE, SIG_IGN);
	must(pipe(w->in) == 0 && pipe(w->out) == 0);
	must(fcntl(w->out[0], F_SETFL, O_NONBLOCK) == 0);
	w->loop = loop_new();
	w->face = (struct bus_face){
	    .up = up, .frame = frame, .room = room, .publishable = publishable};
	w->ticket.answered = answered;
	w->turn.end = count;
	loop_add_turn(w->loop, &w->turn);
	timer_init(&w->deadline, too_late);
	loop_arm(w->loop, &w->deadline, DEADLINE_MS);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	bus_close(&w->bus);
	timer_cancel(&w->deadline);
	loop_free(&w->loop);
	close(w->in[0]);
	close(w->in[1]);
	close(w->out[0]);
	close(w->out[1]);
	buf_free(&w->got);
	free(w);
	return 0;
}

/* Read what came out; frames of that kind in all so far. */
static unsigned
came(struct world *w, enum msg_id id)
{
	char room_for[65536];
	const char *why;
	unsigned n = 0;
	ssize_t size;
	struct msg m;

	while ((size = read(w->out[0], room_for, sizeof(room_for))) > 0)
		must(buf_add(&w->got, room_for, (size_t)size));
	for (size_t at = 0; at < w->got.n; n += m.id == id) {
		long used =
		    msg_decode(slice_from(buf_slice(&w->got), at), &m, &why);

		assert_true(used >= 0);
		if (used == 0)
			break;
		at += (size_t)used;
	}
	return n;
}

static void
a_publish_is_answered_when_it_has_left(void **state)
{
	struct world *w = *state;

	open_bus(w, w->in[0], w->out[1]);
	turns(w, 3);
	assert_int_equal(w->ups, 1);
	assert_true(bus_can_publish(w->bus));
	publish(w, "/a/public/x", 10);
	assert_int_equal(w->answered, 0);
	turns(w, 3);
	assert_int_equal(w->answered, 1);
	assert_int_equal(came(w, MSG_publish), 1);
}

/* However many frames one turn publishes, and one message holds. */
static void
nothing_is_answered_inside_a_call(void **state)
{
	struct msg join = {
	    .id = MSG_join, .join = {.channel = SLICE("/a/public/x")}};
	struct world *w = *state;

	open_bus(w, w->in[0], w->out[1]);
	turns(w, 3);
	for (unsigned i = 0; i < LINK_MESSAGE_FRAMES + 10; i++)
		publish(w, "/a/public/x", 1);
	w->inside = true;
	for (unsigned i = 0; i < LINK_MESSAGE_FRAMES + 10; i++)
		bus_send(bus_link_at(w->bus, 0), &join);
	w->inside = false;
	assert_int_equal(w->answered + w->joined, 0);
	turns(w, 3);
	assert_int_equal(w->joined, LINK_MESSAGE_FRAMES + 10);
	assert_int_equal(bus_unanswered(w->bus), 0);
}

/* Nobody reads: an answer that publishes again must not be answered too. */
static void
what_an_answer_publishes_is_not_answered_before_it_leaves(void **state)
{
	struct world *w = *state;

	open_bus(w, w->in[0], w->out[1]);
	turns(w, 3);
	w->again = 100000;
	publish(w, "/a/public/x", 1);
	turns(w, 1);
	assert_in_range(w->answered, 0, 1);
	turns(w, 10);
	assert_in_range(w->answered, 5, 12);
}

static void
a_reader_that_is_slow_stops_the_stage_and_gets_all(void **state)
{
	struct world *w = *state;
	unsigned sent = 0, got = 0;

	open_bus(w, w->in[0], w->out[1]);
	turns(w, 3);
	for (; bus_can_publish(w->bus); sent++)
		publish(w, "/a/public/x", 60000);
	assert_in_range(sent, 60, 80);
	w->publishables = 0;
	turns(w, 10);
	assert_false(bus_can_publish(w->bus));
	for (unsigned i = 0; i < 1000 && got < sent; i++) {
		got = came(w, MSG_publish);
		turns(w, 2);
	}
	assert_int_equal(got, sent);
	assert_int_equal(bus_unanswered(w->bus), 0);
	assert_int_equal(w->publishables, 1);
}

static void
room_is_told_when_it_comes_back(void **state)
{
	static char body[60000];
	struct msg m = {
	    .id = MSG_deliver, .deliver = {.body = {body, sizeof(body)}}};
	struct world *w = *state;
	struct bus_link *l;
	unsigned sent = 0;

	open_bus(w, w->in[0], w->out[1]);
	turns(w, 3);
	l = bus_link_at(w->bus, 0);
	for (; bus_room(l) && sent < 1000; sent++) {
		bus_send(l, &m);
		turns(w, 1);
	}
	assert_in_range(sent, 60, 80);
	assert_int_equal(w->rooms, 0);
	for (unsigned i = 0; i < 1000 && w->rooms == 0; i++) {
		came(w, MSG_deliver);
		turns(w, 2);
	}
	assert_int_equal(w->rooms, 1);
}

static void
frames_come_in_however_they_are_cut(void **state)
{
	struct world *w = *state;
	struct buf b = {0};
	struct msg m = {.id = MSG_publish,
	    .publish = {.seq = 3,
		.channel = SLICE("/a/public/x"),
		.body = SLICE("hello")}};

	open_bus(w, w->in[0], w->out[1]);
	for (unsigned i = 0; i < 3; i++)
		msg_encode(&b, &m);
	for (size_t i = 0; i < b.n; i++) {
		must(write(w->in[1], b.p + i, 1) == 1);
		turns(w, 2);
		assert_int_equal(w->delivered, (i + 1) / (b.n / 3));
	}
	assert_string_equal(w->last, "/a/public/x");
	buf_free(&b);
}

static void
what_is_no_frame_ends_the_stage(void **state)
{
	struct world *w = *state;

	open_bus(w, w->in[0], w->out[1]);
	must(write(w->in[1], "{\"json\":1}\n", 11) == 11);
	assert_int_equal(turns(w, 10), 111);
}

static void
the_end_of_the_input_is_no_reason_to_spin(void **state)
{
	struct world *w = *state;

	open_bus(w, w->in[0], w->out[1]);
	close(w->in[1]);
	w->in[1] = -1;
	turns(w, 5);
	bus_hold(w->bus, true);
	bus_hold(w->bus, false);
	timer_cancel(&w->deadline);
	loop_arm(w->loop, &w->deadline, 100);
	w->turn.end = only_count;
	w->turns = 0;
	assert_int_equal(loop_run(w->loop), 1);
	assert_in_range(w->turns, 1, 20); /* slept until then */
	publish(w, "/a/public/x", 1);
	w->turn.end = count;
	turns(w, 5);
	assert_int_equal(w->answered, 1);
}

static void
while_held_nothing_is_read(void **state)
{
	struct world *w = *state;
	struct buf b = {0};
	struct msg m = {
	    .id = MSG_publish, .publish = {.channel = SLICE("/a/public/x")}};

	open_bus(w, w->in[0], w->out[1]);
	turns(w, 3);
	bus_hold(w->bus, true);
	msg_encode(&b, &m);
	must(write(w->in[1], b.p, b.n) == (ssize_t)b.n);
	turns(w, 10);
	assert_int_equal(w->delivered, 0);
	bus_hold(w->bus, false);
	turns(w, 5);
	assert_int_equal(w->delivered, 1);
	buf_free(&b);
}

static void
a_file_may_be_the_input(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/bus_pipe_test.XXXXXX";
	struct buf b = {0};
	struct msg m = {
	    .id = MSG_publish, .publish = {.channel = SLICE("/a/public/x")}};
	int fd = mkstemp(path);

	must(fd >= 0);
	unlink(path);
	msg_encode(&b, &m);
	msg_encode(&b, &m);
	must(write(fd, b.p, b.n) == (ssize_t)b.n && lseek(fd, 0, 0) == 0);
	open_bus(w, fd, w->out[1]);
	turns(w, 10);
	assert_int_equal(w->delivered, 2);
	bus_close(&w->bus);
	close(fd);
	buf_free(&b);
}

static void
a_reader_that_left_ends_the_stage_and_nothing_is_answered(void **state)
{
	struct world *w = *state;

	open_bus(w, w->in[0], w->out[1]);
	turns(w, 3);
	close(w->out[0]);
	w->out[0] = -1;
	publish(w, "/a/public/x", 1);
	assert_int_equal(turns(w, 10), 111);
	bus_leave(w->bus);
	assert_int_equal(w->answered, 0);
	assert_int_equal(bus_unanswered(w->bus), 1);
}

static void
the_output_is_left_as_it_was_found(void **state)
{
	struct world *w = *state;
	int before = fcntl(w->out[1], F_GETFL);

	open_bus(w, w->in[0], w->out[1]);
	assert_int_not_equal(fcntl(w->out[1], F_GETFL), before);
	bus_close(&w->bus);
	assert_int_equal(fcntl(w->out[1], F_GETFL), before);
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(story(a_publish_is_answered_when_it_has_left),
    story(nothing_is_answered_inside_a_call),
    story(what_an_answer_publishes_is_not_answered_before_it_leaves),
    story(a_reader_that_is_slow_stops_the_stage_and_gets_all),
    story(room_is_told_when_it_comes_back),
    story(frames_come_in_however_they_are_cut),
    story(what_is_no_frame_ends_the_stage),
    story(the_end_of_the_input_is_no_reason_to_spin),
    story(while_held_nothing_is_read), story(a_file_may_be_the_input),
    story(a_reader_that_left_ends_the_stage_and_nothing_is_answered),
    story(the_output_is_left_as_it_was_found))
