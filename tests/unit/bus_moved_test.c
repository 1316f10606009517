/*
 * bus_moved_test.c - two stores, one shard: writes follow it to its new
 * owner, with their old numbers, in their old order.
 */
#include "common/bus.h"
#include "common/bus_server.h"
#include "common/code.h"
#include "common/must.h"
#include "tests/unit/test.h"

#include <unistd.h>

enum { DEADLINE_MS = 20000 }; /* reached by a failure only */

struct store {
	struct world *world;
	struct bus_server_face face;
	struct bus_server *server;
	struct bus_peer *peer;
	const char *name;
	char endpoint[96];
	char got[64]; /* "A1 B2": body and seq */
	bool mute;
	uint64_t bounced, again, knew; /* it was told; came again; knowing */
};

struct world {
	struct loop *loop;
	char dir[64];
	struct store stores[2];
	uint64_t term;
	const char *owner; /* NULL: nobody said */
	struct bus *bus;
	struct bus_face face;
	struct turn turn;
	struct timer deadline, passed;
	bool (*done)(struct world *);
	bool late;
	unsigned answers, owners;
	struct request {
		struct world *world;
		struct ticket ticket;
	} requests[3];
};

static struct store *
store_of(struct bus_server_face *f)
{
	return container_of(f, struct store, face);
}

static void
tell_owner(struct store *s)
{
	const struct world *w = s->world;
	struct msg m = {.id = MSG_owner, .owner = {.term = w->term}};

	m.owner.name = slice_of(w->owner);
	bus_server_send(s->server, s->peer, &m);
}

static void
hello(struct bus_server_face *f, struct bus_peer *p)
{
	struct store *s = store_of(f);

	s->peer = p;
	tell_owner(s);
	bus_server_welcome(s->server, p, 1, 0);
}

static void
answer(struct store *s, uint64_t seq, enum code code)
{
	struct msg m = {
	    .id = MSG_published, .published = {.seq = seq, .code = code}};

	bus_server_send(s->server, s->peer, &m);
}

static void
frame(struct bus_server_face *f, struct bus_peer *p, const struct msg *m)
{
	struct store *s = store_of(f);
	size_t n = strlen(s->got);

	if (m->id != MSG_publish)
		return;
	if (s->bounced != 0 && s->again == 0) {
		s->again = m->publish.seq;
		s->knew = p->knew;
	}
	snprintf(s->got + n, sizeof(s->got) - n, "%s%c%u", n != 0 ? " " : "",
	    m->publish.body.p[0], (unsigned)m->publish.seq);
	if (!s->mute)
		answer(s, m->publish.seq, CODE_ok);
}

static void
gone(struct bus_server_face *f, struct bus_peer *p)
{
	if (store_of(f)->peer == p)
		store_of(f)->peer = NULL;
}

static void
open_store(struct world *w, unsigned i)
{
	struct store *s = &w->stores[i];
	const char *why;

	s->world = w;
	s->name = i == 0 ? "store.1" : "store.2";
	snprintf(s->endpoint, sizeof(s->endpoint), "ipc://%s/%u", w->dir, i);
	s->face = (struct bus_server_face){
	    .hello = hello, .frame = frame, .gone = gone};
	s->server = bus_server_open(&(struct bus_server_setup){.loop = w->loop,
					.face = &s->face,
					.endpoint = s->endpoint,
					.name = s->name},
	    &why);
	if (s->server == NULL)
		fail_msg("%s", why);
}

static bool
check_done(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);

	if (w->done != NULL && w->done(w))
		loop_stop(w->loop, 0);
	return false;
}

static void
too_late(struct timer *t)
{
	struct world *w = container_of(t, struct world, deadline);

	w->late = true;
	loop_stop(w->loop, 1);
}

static void
until(struct world *w, bool (*done)(struct world *))
{
	w->done = done;
	loop_arm(w->loop, &w->deadline, DEADLINE_MS);
	loop_run(w->loop);
	timer_cancel(&w->deadline);
	if (w->late)
		fail_msg("store.1 got \"%s\", store.2 got \"%s\"",
		    w->stores[0].got, w->stores[1].got);
}

static void
time_passed(struct timer *t)
{
	loop_stop(container_of(t, struct world, passed)->loop, 0);
}

/* For what must not happen. */
static void
pass(struct world *w, uint64_t ms)
{
	w->done = NULL;
	timer_init(&w->passed, time_passed);
	loop_arm(w->loop, &w->passed, ms);
	loop_run(w->loop);
}

static bool
both_up(struct world *w)
{
	return bus_link_up(bus_link_at(w->bus, 0)) &&
	       bus_link_up(bus_link_at(w->bus, 1));
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	char names[256];
	const char *why;

	snprintf(w->dir, sizeof(w->dir), "/tmp/bus_moved.XXXXXX");
	must(mkdtemp(w->dir) != NULL);
	w->loop = loop_new();
	w->turn.end = check_done;
	loop_add_turn(w->loop, &w->turn);
	timer_init(&w->deadline, too_late);
	w->owner = "store.1";
	w->term = 1;
	open_store(w, 0);
	open_store(w, 1);
	snprintf(names, sizeof(names), "%s %s", w->stores[0].endpoint,
	    w->stores[1].endpoint);
	w->bus = bus_open(&(struct bus_setup){.loop = w->loop,
			      .face = &w->face,
			      .stores = names,
			      .stage = "test",
			      .name = "test.1"},
	    &why);
	must(w->bus != NULL);
	until(w, both_up);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	bus_close(&w->bus);
	for (unsigned i = 0; i < 2; i++) {
		bus_server_close(&w->stores[i].server);
		unlink(w->stores[i].endpoint + strlen("ipc://"));
	}
	loop_free(&w->loop);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void
answered(struct ticket *t, const struct msg_published *p)
{
	(void)p;
	container_of(t, struct request, ticket)->world->answers++;
}

static void
publish(struct world *w, const char *body)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {
		.channel = SLICE("/a/public/x"), .body = slice_of(body)}};
	struct request *r = &w->requests[body[0] - 'A'];

	*r = (struct request){w, {.answered = answered}};
	bus_publish(w->bus, &m, &r->ticket);
}

static void
owner_is(struct world *w, const char *name)
{
	w->owner = name;
	w->term++;
}

static bool
first_got_two(struct world *w)
{
	return strcmp(w->stores[0].got, "A1 B2") == 0;
}

static bool
second_got_three(struct world *w)
{
	return strcmp(w->stores[1].got, "A1 B2 C3") == 0 && w->answers == 3;
}

static bool
first_is_down(struct world *w)
{
	return !bus_link_up(bus_link_at(w->bus, 0));
}

static void
what_a_dead_store_did_not_answer_goes_to_its_heir(void **state)
{
	struct world *w = *state;

	w->stores[0].mute = true;
	publish(w, "A");
	publish(w, "B");
	until(w, first_got_two);
	bus_server_close(&w->stores[0].server);
	until(w, first_is_down);
	publish(w, "C"); /* nobody owns the shard yet */
	pass(w, 400);
	assert_string_equal(w->stores[1].got, "");
	owner_is(w, "store.2");
	tell_owner(&w->stores[1]);
	until(w, second_got_three);
}

static void
a_store_that_hangs_is_waited_for(void **state)
{
	struct world *w = *state;

	w->stores[0].mute = true;
	publish(w, "A");
	publish(w, "B");
	until(w, first_got_two);
	owner_is(w, "store.2");
	tell_owner(&w->stores[1]);
	pass(w, 100);
	publish(w, "C");
	pass(w, 400); /* A and B may still be answered */
	assert_string_equal(w->stores[1].got, "");
	answer(&w->stores[0], 1, CODE_moved);
	answer(&w->stores[0], 2, CODE_moved);
	until(w, second_got_three);
}

static bool
second_got_one(struct world *w)
{
	return strcmp(w->stores[1].got, "C3") == 0 && w->answers == 3;
}

static void
what_the_old_owner_still_answers_goes_nowhere_else(void **state)
{
	struct world *w = *state;

	w->stores[0].mute = true;
	publish(w, "A");
	publish(w, "B");
	until(w, first_got_two);
	owner_is(w, "store.2");
	tell_owner(&w->stores[1]);
	pass(w, 100);
	publish(w, "C");
	answer(&w->stores[0], 1, CODE_ok);
	answer(&w->stores[0], 2, CODE_ok);
	until(w, second_got_one);
}

static void
what_comes_back_out_of_order_is_sent_again_in_order(void **state)
{
	struct world *w = *state;

	w->stores[0].mute = true;
	publish(w, "A");
	publish(w, "B");
	until(w, first_got_two);
	owner_is(w, "store.2");
	tell_owner(&w->stores[1]);
	pass(w, 100);
	publish(w, "C");
	answer(&w->stores[0], 2, CODE_moved); /* it was refused at once */
	answer(&w->stores[0], 1, CODE_moved); /* it could not be written */
	until(w, second_got_three);
}

static bool
acknowledged(struct world *w)
{
	return w->stores[0].again != 0;
}

static void
a_peer_acknowledges_what_came_back_before_it_sends_it_again(void **state)
{
	struct world *w = *state;
	struct store *s = &w->stores[0];

	s->mute = true;
	publish(w, "A");
	publish(w, "B");
	until(w, first_got_two);
	answer(s, 1, CODE_moved);
	answer(s, 2, CODE_moved);
	s->bounced = s->peer->link.sent + 1;
	until(w, acknowledged);
	assert_true(s->knew >= s->bounced);
}

static void
owner_heard(struct bus_face *f, unsigned shard)
{
	assert_int_equal(shard, 0);
	container_of(f, struct world, face)->owners++;
}

static bool
heard_of_two(struct world *w)
{
	return w->owners == 2;
}

static void
a_new_owner_and_the_same_one_anew_are_told(void **state)
{
	struct world *w = *state;

	w->face.owner = owner_heard;
	tell_owner(&w->stores[0]); /* nothing new */
	owner_is(w, "store.2");
	tell_owner(&w->stores[1]);
	owner_is(w, "store.2");
	tell_owner(&w->stores[1]);
	until(w, heard_of_two);
	pass(w, 100);
	assert_int_equal(w->owners, 2);
}

/* What it was told when the other one had said it came too early. */
static void
an_owner_that_says_so_itself_behind_another_is_told_again(void **state)
{
	struct world *w = *state;

	w->face.owner = owner_heard;
	owner_is(w, "store.2");
	tell_owner(&w->stores[0]);
	pass(w, 100);
	assert_int_equal(w->owners, 1);
	tell_owner(&w->stores[1]);
	until(w, heard_of_two);
	tell_owner(&w->stores[1]);
	tell_owner(&w->stores[0]);
	pass(w, 100);
	assert_int_equal(w->owners, 2);
}

static void
an_older_term_changes_nothing(void **state)
{
	struct world *w = *state;

	owner_is(w, "store.2");
	w->term = 0;
	tell_owner(&w->stores[1]);
	pass(w, 100);
	publish(w, "A");
	publish(w, "B");
	until(w, first_got_two);
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(story(what_a_dead_store_did_not_answer_goes_to_its_heir),
    story(a_store_that_hangs_is_waited_for),
    story(what_the_old_owner_still_answers_goes_nowhere_else),
    story(what_comes_back_out_of_order_is_sent_again_in_order),
    story(a_peer_acknowledges_what_came_back_before_it_sends_it_again),
    story(a_new_owner_and_the_same_one_anew_are_told),
    story(an_owner_that_says_so_itself_behind_another_is_told_again),
    story(an_older_term_changes_nothing))
