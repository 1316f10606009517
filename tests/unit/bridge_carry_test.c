/* bridge_carry_test.c - items become writes in their order, and each ticket
 * is answered once, with what fared worst. */
#include "common/bus_server.h"
#include "common/must.h"
#include "ingress/bridge_carry.h"
#include "tests/unit/test.h"

#include <unistd.h>

enum { DEADLINE_MS = 20000, MOST = 32, TEXT = 64 };

/* A write, or a question, as the store has it. */
struct got {
	uint64_t number; /* seq or ref */
	char name[TEXT]; /* channel, target or user */
	char id[TEXT], body[TEXT * 2];
};

struct item {
	struct ticket ticket;
	struct world *w;
	enum code code;
	unsigned answers;
};

struct world {
	struct loop *loop;
	char dir[64], endpoint[96];
	struct bus_server *server;
	struct bus_server_face server_face;
	struct bus_peer *peer;
	struct bus *bus;
	struct bus_face face;
	struct carriage with;
	struct carry carry;
	struct got writes[MOST], asks[MOST];
	unsigned nwrites, nasks, rooms, answers;
	struct item items[MOST];
	struct turn turn;
	bool (*done)(struct world *);
	unsigned wanted;
	struct timer deadline;
	bool late;
};

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
until(struct world *w, bool (*done)(struct world *), unsigned wanted)
{
	w->done = done;
	w->wanted = wanted;
	loop_arm(w->loop, &w->deadline, DEADLINE_MS);
	if (!done(w))
		loop_run(w->loop);
	timer_cancel(&w->deadline);
	w->done = NULL;
	assert_false(w->late);
}

static bool
is_up(struct world *w)
{
	return bus_ready(w->bus);
}

static bool
is_down(struct world *w)
{
	return !bus_link_up(bus_link_at(w->bus, 0));
}

static bool
has_written(struct world *w)
{
	return w->nwrites >= w->wanted;
}

static bool
has_asked(struct world *w)
{
	return w->nasks >= w->wanted;
}

static bool
has_answered(struct world *w)
{
	return w->answers >= w->wanted;
}

static void
hello(struct bus_server_face *f, struct bus_peer *p)
{
	struct world *w = container_of(f, struct world, server_face);
	struct msg m = {.id = MSG_owner,
	    .owner = {
		.term = 1, .first = 0, .last = 0, .name = SLICE("store.1")}};

	w->peer = p;
	bus_server_send(w->server, p, &m);
	bus_server_welcome(w->server, p, 1, 0);
}

static void
note(struct got *g, uint64_t number, struct slice name, struct slice id)
{
	g->number = number;
	snprintf(g->name, sizeof(g->name), "%.*s", SLICE_ARGS(name));
	snprintf(g->id, sizeof(g->id), "%.*s", SLICE_ARGS(id));
}

static void
frame(struct bus_server_face *f, struct bus_peer *p, const struct msg *m)
{
	struct world *w = container_of(f, struct world, server_face);
	struct got *g = &w->writes[w->nwrites];

	(void)p;
	assert_true(w->nwrites < MOST - 1 && w->nasks < MOST - 1);
	if (m->id == MSG_publish) {
		note(g, m->publish.seq, m->publish.channel, m->publish.id);
		snprintf(g->body, sizeof(g->body), "%.*s",
		    SLICE_ARGS(m->publish.body));
		w->nwrites++;
	} else if (m->id == MSG_enqueue) {
		note(g, m->enqueue.seq, m->enqueue.target, m->enqueue.id);
		w->nwrites++;
	} else if (m->id == MSG_roster) {
		note(&w->asks[w->nasks++], m->roster.ref, m->roster.user,
		    m->roster.channel);
	}
}

static void
stage_frame(struct bus_face *f, struct bus_link *l, const struct msg *m)
{
	(void)l;
	presents_frame(container_of(f, struct world, face)->with.presents, m);
}

static void
stage_down(struct bus_face *f, struct bus_link *l)
{
	presents_down(container_of(f, struct world, face)->with.presents, l);
}

static void
room(struct carry *c)
{
	container_of(c, struct world, carry)->rooms++;
}

static void
answered(struct ticket *t, const struct msg_published *p)
{
	struct item *i = container_of(t, struct item, ticket);

	i->code = (enum code)p->code;
	i->answers++;
	i->w->answers++;
}

static void
open_server(struct world *w)
{
	const char *why;

	w->server = bus_server_open(&(struct bus_server_setup){.loop = w->loop,
					.face = &w->server_face,
					.endpoint = w->endpoint,
					.name = "store.1"},
	    &why);
	must(w->server != NULL);
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const char *why;

	snprintf(w->dir, sizeof(w->dir), "/tmp/carry_test.XXXXXX");
	must(mkdtemp(w->dir) != NULL);
	snprintf(w->endpoint, sizeof(w->endpoint), "ipc://%s/store", w->dir);
	w->loop = loop_new();
	w->turn.end = check_done;
	loop_add_turn(w->loop, &w->turn);
	timer_init(&w->deadline, too_late);
	w->server_face =
	    (struct bus_server_face){.hello = hello, .frame = frame};
	open_server(w);
	w->face = (struct bus_face){.frame = stage_frame, .down = stage_down};
	w->bus = bus_open(&(struct bus_setup){.loop = w->loop,
			      .face = &w->face,
			      .stores = w->endpoint,
			      .stage = "bridge",
			      .name = "bridge.1"},
	    &why);
	must(w->bus != NULL);
	w->with = (struct carriage){.loop = w->loop,
	    .incus.sound = "",
	    .incus.error_queue = "",
	    .bus = w->bus,
	    .presents = presents_new(w->bus, w->loop),
	    .incus.enabled = {true, true}};
	w->carry.room = room;
	carry_open(&w->carry, &w->with);
	until(w, is_up, 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	char path[128];

	carry_close(&w->carry);
	bus_close(&w->bus);
	carriage_end(&w->with);
	bus_server_close(&w->server);
	loop_free(&w->loop);
	snprintf(path, sizeof(path), "%s/store", w->dir);
	unlink(path);
	rmdir(w->dir);
	free(w);
	return 0;
}

/* Take the n-th item, from bytes that are gone afterwards. */
static enum code
take(struct world *w, unsigned n, const char *envelope, const char *text)
{
	struct slice item = exact(text, strlen(text));
	char id[TEXT];
	struct carry_item i = {.envelope = envelope_named(slice_of(envelope)),
	    .item = item,
	    .ticket = &w->items[n].ticket};
	enum code code;

	snprintf(id, sizeof(id), "me:%u", n);
	i.id = slice_of(id);
	w->items[n] = (struct item){.ticket.answered = answered, .w = w};
	code = carry_take(&w->carry, &i);
	assert_int_equal(i.fault.code, code);
	memset((char *)item.p, 'x', item.n);
	free((char *)item.p);
	return code;
}

/* The store answers the n-th write. */
static void
answer(struct world *w, unsigned n, enum code code)
{
	struct msg m = {.id = MSG_published,
	    .published = {.seq = w->writes[n].number, .code = code}};

	bus_server_send(w->server, w->peer, &m);
}

static void
tell_present(struct world *w, unsigned n, bool present, enum code code)
{
	struct msg one = {.id = MSG_present,
	    .present = {
		.ref = w->asks[n].number, .user = SLICE("u"), .sessions = 1}};
	struct msg end = {.id = MSG_roster_end,
	    .roster_end = {.ref = w->asks[n].number, .users = 5, .code = code}};

	if (present)
		bus_server_send(w->server, w->peer, &one);
	bus_server_send(w->server, w->peer, &end);
}

#define NATIVE(n) "{\"channel\":\"/a/public/x\",\"data\":" #n "}"
#define M         "{\"event\":\"e\",\"data\":{}}"
#define MESSAGE   "{\"command\":{\"command\":\"message\"},\"message\":" M "}"
#define EITHER                                                                 \
	"{\"command\":{\"command\":\"pushormessage\",\"user\":\"u\","          \
	"\"device_token\":\"T\",\"build\":\"b\",\"registration_ids\":\"r\"},"  \
	"\"message\":{\"ios\":" M ",\"android\":" M ",\"websocket\":" M "}}"
#define NOTHING "{}"

static void
a_native_item_is_one_publish_with_the_items_id(void **state)
{
	struct world *w = *state;

	assert_int_equal(take(w, 0, "native", NATIVE(1)), CODE_ok);
	until(w, has_written, 1);
	assert_string_equal(w->writes[0].id, "me:0");
	answer(w, 0, CODE_full);
	until(w, has_answered, 1);
	assert_int_equal(w->items[0].code, CODE_full);
}

static void
a_bad_item_is_told_at_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(take(w, 0, "native", "x"), CODE_bad_json);
	assert_int_equal(take(w, 1, "incus", "x"), CODE_bad_json);
	assert_int_equal(w->answers, 0);
}

static void
an_item_of_several_writes_is_answered_when_all_are(void **state)
{
	struct world *w = *state;

	take(w, 0, "incus", EITHER);
	until(w, has_asked, 1);
	assert_string_equal(w->asks[0].name, "u");
	assert_string_equal(w->asks[0].id, INCUS_PRESENCE);
	tell_present(w, 0, false, CODE_ok);
	until(w, has_written, 2);
	assert_string_equal(w->writes[0].id, "me:0/i");
	assert_string_equal(w->writes[1].id, "me:0/a");
	answer(w, 1, CODE_ok);
	take(w, 1, "native", NATIVE(1));
	until(w, has_written, 3);
	answer(w, 2, CODE_ok);
	until(w, has_answered, 1);
	assert_int_equal(w->items[0].answers, 0);
	answer(w, 0, CODE_ok);
	until(w, has_answered, 2);
	assert_int_equal(w->items[0].answers, 1);
	assert_int_equal(w->items[0].code, CODE_ok);
}

static void
what_may_be_tried_again_counts_more_than_a_refusal(void **state)
{
	static const enum code rows[][3] = {
	    {CODE_ok, CODE_full, CODE_full},
	    {CODE_full, CODE_ok, CODE_full},
	    {CODE_full, CODE_busy, CODE_busy},
	    {CODE_busy, CODE_full, CODE_busy},
	};
	struct world *w = *state;

	for (unsigned i = 0; i < LENGTH(rows); i++) {
		take(w, i, "incus", EITHER);
		until(w, has_asked, i + 1);
		tell_present(w, i, false, CODE_ok);
		until(w, has_written, 2 * i + 2);
		answer(w, 2 * i, rows[i][0]);
		answer(w, 2 * i + 1, rows[i][1]);
		until(w, has_answered, i + 1);
		assert_int_equal(w->items[i].code, rows[i][2]);
	}
}

static void
what_is_behind_a_question_waits_for_it(void **state)
{
	struct world *w = *state;

	assert_true(carry_room(&w->carry));
	take(w, 0, "incus", EITHER);
	assert_false(carry_room(&w->carry));
	take(w, 1, "native", NATIVE(1));
	take(w, 2, "incus", EITHER);
	take(w, 3, "incus", MESSAGE);
	assert_int_equal(take(w, 4, "incus", "bad"), CODE_bad_json);
	until(w, has_asked, 2);
	tell_present(w, 1, true, CODE_ok); /* the later one first */
	tell_present(w, 0, true, CODE_ok);
	until(w, has_written, 4);
	assert_string_equal(w->writes[0].id, "me:0/m");
	assert_string_equal(w->writes[0].name, "/incus/private/user/u");
	assert_string_equal(w->writes[1].id, "me:1");
	assert_string_equal(w->writes[1].body, "1");
	assert_string_equal(w->writes[2].id, "me:2/m");
	assert_string_equal(w->writes[3].id, "me:3");
	assert_string_equal(w->writes[3].body, M);
	assert_true(carry_room(&w->carry));
	assert_true(w->rooms != 0);
	for (unsigned i = 0; i < 4; i++)
		answer(w, i, CODE_ok);
	until(w, has_answered, 4);
}

static void
an_item_without_writes_is_answered_soon(void **state)
{
	struct world *w = *state;

	assert_int_equal(take(w, 0, "incus", NOTHING), CODE_ok);
	assert_int_equal(w->answers, 0);
	until(w, has_answered, 1);
	assert_int_equal(w->items[0].code, CODE_ok);
	assert_int_equal(w->nwrites, 0);
}

static void
a_question_that_is_refused_or_lost_is_tried_again(void **state)
{
	struct world *w = *state;

	take(w, 0, "incus", EITHER);
	take(w, 1, "native", NATIVE(1));
	until(w, has_asked, 1);
	tell_present(w, 0, true, CODE_busy);
	until(w, has_answered, 1);
	assert_int_equal(w->items[0].code, CODE_busy);
	until(w, has_written, 1);
	assert_string_equal(w->writes[0].id, "me:1");

	take(w, 2, "incus", EITHER);
	until(w, has_asked, 2);
	bus_server_close(&w->server);
	until(w, is_down, 0);
	until(w, has_answered, 2);
	assert_int_equal(w->items[2].code, CODE_unavailable);
	take(w, 3, "incus", EITHER); /* there is nobody to ask */
	assert_int_equal(w->items[3].answers, 0);
	until(w, has_answered, 3);
	assert_int_equal(w->items[3].code, CODE_unavailable);
	assert_true(code_passes(CODE_unavailable));
}

static void
frames_nobody_waits_for_are_skipped(void **state)
{
	struct world *w = *state;

	take(w, 0, "incus", EITHER);
	until(w, has_asked, 1);
	w->asks[0].number += 7;
	tell_present(w, 0, true, CODE_ok);
	w->asks[0].number -= 7;
	tell_present(w, 0, false, CODE_ok);
	tell_present(w, 0, true, CODE_ok);
	until(w, has_written, 2);
	assert_string_equal(w->writes[0].name, "T");
}

#define IN(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TESTS(IN(a_native_item_is_one_publish_with_the_items_id),
    IN(a_bad_item_is_told_at_once),
    IN(an_item_of_several_writes_is_answered_when_all_are),
    IN(what_may_be_tried_again_counts_more_than_a_refusal),
    IN(what_is_behind_a_question_waits_for_it),
    IN(an_item_without_writes_is_answered_soon),
    IN(a_question_that_is_refused_or_lost_is_tried_again),
    IN(frames_nobody_waits_for_are_skipped))
