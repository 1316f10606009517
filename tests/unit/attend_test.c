/* attend_test.c - what a hub says to the stores of who is present. */
#include "common/must.h"
#include "hub/attend.h"
#include "tests/unit/test.h"

enum { SAID = 2048 };

struct world {
	struct attend_face face;
	struct attends *attends;
	bool up, full;
	uint64_t boot, now;
	struct msg said[SAID]; /* the slices of the last turn are gone */
	char text[SAID][64];   /* "enter ann/1 again=0" */
	unsigned n;
	unsigned refused, rows, ends, begins;
	enum code code;
};

struct guest {
	struct attend attend; /* first */
	struct world *w;
};

static int
link_of(struct attend_face *f, unsigned shard)
{
	(void)shard;
	return container_of(f, struct world, face)->up ? 0 : -1;
}

static uint64_t
boot(struct attend_face *f, unsigned link)
{
	(void)link;
	return container_of(f, struct world, face)->boot;
}

static bool
room(struct attend_face *f, unsigned link)
{
	(void)link;
	return !container_of(f, struct world, face)->full;
}

static uint64_t
unix_ms(struct attend_face *f)
{
	return container_of(f, struct world, face)->now;
}

static void
say(struct attend_face *f, unsigned link, const struct msg *m)
{
	struct world *w = container_of(f, struct world, face);
	char *out = w->text[w->n];

	(void)link;
	must(w->n < SAID);
	if (m->id == MSG_enter)
		snprintf(out, 64, "enter %.*s/%.*s %.*s again=%u",
		    SLICE_ARGS(m->enter.user), SLICE_ARGS(m->enter.session),
		    SLICE_ARGS(m->enter.data), (unsigned)m->enter.again);
	else if (m->id == MSG_exit)
		snprintf(out, 64, "exit %.*s/%.*s linger=%u",
		    SLICE_ARGS(m->exit.user), SLICE_ARGS(m->exit.session),
		    (unsigned)m->exit.linger);
	else if (m->id == MSG_reentered)
		snprintf(out, 64, "reentered %u", (unsigned)m->reentered.hubs);
	else
		snprintf(out, 64, "roster %.*s", SLICE_ARGS(m->roster.channel));
	w->said[w->n++] = *m;
}

static void
refused(struct attend *a, enum code code)
{
	struct guest *g = container_of(a, struct guest, attend);

	g->w->refused++;
	g->w->code = code;
	attend_exit(g->w->attends, a, false);
}

static void
come(struct world *w, struct guest *g, const char *user, const char *data)
{
	*g = (struct guest){.w = w, .attend = {.refused = refused}};
	list_init(&g->attend.node);
	attend_enter(w->attends, &g->attend,
	    &(struct attend_who){.channel = SLICE("/a/presence/x"),
		.session = SLICE("1"),
		.user = slice_of(user),
		.data = slice_of(data)});
}

static void
link_is(struct world *w, bool up)
{
	w->up = up;
	attends_link(w->attends, 0, up);
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->boot = 100;
	w->face = (struct attend_face){link_of, boot, room, say, unix_ms};
	w->attends = attends_new(&w->face);
	link_is(w, true);
	while (attends_turn(w->attends))
		;
	assert_string_equal(w->text[0], "reentered 0");
	w->n = 0;
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	attends_free(&w->attends);
	free(w);
	return 0;
}

#define is(w, i, what)                                                         \
	do {                                                                   \
		assert_true((i) < (w)->n);                                     \
		assert_string_equal((w)->text[i], what);                       \
	} while (0)

static void
several_connections_of_a_session_are_said_once(void **state)
{
	struct world *w = *state;
	struct guest a, b;

	come(w, &a, "ann", "{}");
	come(w, &b, "ann", "{}");
	assert_int_equal(w->n, 1);
	is(w, 0, "enter ann/1 {} again=0");
	attend_exit(w->attends, &a.attend, false);
	assert_int_equal(w->n, 1);
	attend_exit(w->attends, &b.attend, true);
	is(w, 1, "exit ann/1 linger=1");
	attend_exit(w->attends, &b.attend, true);
	assert_int_equal(w->n, 2);
}

static void
other_data_is_said_again(void **state)
{
	struct world *w = *state;
	struct guest a, b;

	come(w, &a, "ann", "1");
	come(w, &b, "ann", "2");
	is(w, 1, "enter ann/1 2 again=100");
	assert_true(slice_is(attend_who(&a.attend).data, "2"));
	attend_exit(w->attends, &a.attend, false);
	attend_exit(w->attends, &b.attend, false);
	is(w, 2, "exit ann/1 linger=0");
}

static void
all_are_said_again_in_batches_and_then_the_end_of_it(void **state)
{
	struct world *w = *state;
	struct guest *all = xcalloc(600, sizeof(*all));
	char user[16];
	unsigned turns = 0;

	link_is(w, false);
	for (unsigned i = 0; i < 600; i++) {
		snprintf(user, sizeof(user), "u%u", i);
		come(w, &all[i], user, "");
	}
	assert_int_equal(w->n, 0);
	attends_hubs(w->attends, &(struct msg_hubs){.count = 3});
	link_is(w, true);
	w->full = true;
	assert_false(attends_turn(w->attends));
	assert_int_equal(w->n, 0);
	w->full = false;
	while (attends_turn(w->attends))
		turns++;
	assert_int_equal(turns, 2);
	assert_int_equal(w->n, 601);
	is(w, 0, "enter u0/1  again=0");
	is(w, 600, "reentered 3");
	/* another life of the store hears which one knew them */
	w->n = 0;
	link_is(w, false);
	attend_exit(w->attends, &all[0].attend, false);
	assert_int_equal(w->n, 0);
	w->boot = 101;
	link_is(w, true);
	while (attends_turn(w->attends))
		attend_exit(w->attends, &all[300].attend, false);
	/* and that some went since then: it may have lost that with them */
	is(w, 0, "enter u0/1  again=100");
	is(w, 1, "exit u0/1 linger=0");
	is(w, 2, "enter u1/1  again=100");
	assert_int_equal(w->n, 603); /* with the end of u300, and of it all */
	is(w, 602, "reentered 3");
	for (unsigned i = 0; i < 600; i++)
		attend_exit(w->attends, &all[i].attend, false);
	free(all);
}

static void
settle(struct world *w)
{
	w->n = 0;
	while (attends_turn(w->attends))
		;
}

static void
a_new_owner_hears_who_is_there_and_who_went(void **state)
{
	struct world *w = *state;
	struct guest ann, bob, eve;

	come(w, &ann, "ann", "");
	come(w, &bob, "bob", "");
	attend_exit(w->attends, &bob.attend, true);
	settle(w);
	assert_int_equal(w->n, 0);
	w->boot = 101;
	attends_owner(w->attends, 0);
	settle(w);
	is(w, 0, "enter ann/1  again=100");
	is(w, 1, "enter bob/1  again=100");
	is(w, 2, "exit bob/1 linger=1");
	assert_int_equal(w->n, 3);
	/* the same one anew forgot them as well */
	attends_owner(w->attends, 0);
	settle(w);
	is(w, 0, "enter ann/1  again=101");
	assert_int_equal(w->n, 3);
	/* who comes back is there again; who never was known is not told of */
	come(w, &bob, "bob", "");
	link_is(w, false);
	come(w, &eve, "eve", "");
	attend_exit(w->attends, &eve.attend, false);
	link_is(w, true);
	settle(w);
	is(w, 1, "enter bob/1  again=101");
	is(w, 2, "reentered 0");
	assert_int_equal(w->n, 3);
	attend_exit(w->attends, &ann.attend, false);
	attend_exit(w->attends, &bob.attend, false);
	for (unsigned i = 0; i < ATTEND_PARTED_TICKS; i++)
		attends_tick(w->attends);
	attends_owner(w->attends, 0);
	settle(w);
	assert_int_equal(w->n, 0);
}

/* It was announced by nobody, so it is new to whoever takes it. */
static void
who_was_refused_as_moved_is_not_known(void **state)
{
	struct world *w = *state;
	struct msg_entered no = {.channel = SLICE("/a/presence/x"),
	    .session = SLICE("1"),
	    .user = SLICE("ann"),
	    .code = CODE_moved};
	struct guest ann;

	come(w, &ann, "ann", "");
	attends_entered(w->attends, &no);
	w->boot = 101;
	attends_owner(w->attends, 0);
	settle(w);
	is(w, 0, "enter ann/1  again=0");
	attend_exit(w->attends, &ann.attend, false);
}

static void
a_refusal_reaches_all_who_came_by_it(void **state)
{
	struct world *w = *state;
	struct msg_entered no = {.channel = SLICE("/a/presence/x"),
	    .session = SLICE("1"),
	    .user = SLICE("ann"),
	    .code = CODE_too_many};
	struct guest a, b;

	come(w, &a, "ann", "");
	come(w, &b, "ann", "");
	attends_entered(w->attends, &no);
	assert_int_equal(w->refused, 2);
	assert_int_equal(w->code, CODE_too_many);
	assert_int_equal(
	    w->n, 1); /* it is not there: there is nothing to end */
	attends_entered(w->attends, &no);
	assert_int_equal(w->refused, 2);
	/* what is cured by asking again is */
	come(w, &a, "ann", "");
	no.code = CODE_moved;
	attends_entered(w->attends, &no);
	attends_tick(w->attends);
	while (attends_turn(w->attends))
		;
	assert_int_equal(w->n, 3);
	is(w, 2, "enter ann/1  again=0");
	attend_exit(w->attends, &a.attend, false);
}

struct ask {
	struct roster roster; /* first */
	struct world *w;
};

static void
begins(struct roster *r)
{
	container_of(r, struct ask, roster)->w->begins++;
}

static void
row(struct roster *r, const struct msg_present *m)
{
	(void)m;
	container_of(r, struct ask, roster)->w->rows++;
}

static void
ends(struct roster *r, const struct msg_roster_end *m)
{
	(void)m;
	container_of(r, struct ask, roster)->w->ends++;
}

static void
a_roster_is_asked_for_again_when_the_link_was_lost(void **state)
{
	struct world *w = *state;
	struct ask q = {.w = w,
	    .roster = {.channel = SLICE("/c"),
		.begin = begins,
		.present = row,
		.end = ends}};
	struct msg_present one = {0};
	struct msg_roster_end end = {.code = CODE_moved};

	link_is(w, false);
	roster_ask(w->attends, &q.roster);
	assert_int_equal(w->n, 0);
	link_is(w, true);
	while (attends_turn(w->attends))
		;
	is(w, 0, "reentered 0");
	is(w, 1, "roster /c");
	one.ref = end.ref = q.roster.ref;
	attends_present(w->attends, &one);
	link_is(w, false);
	link_is(w, true);
	while (attends_turn(w->attends))
		;
	assert_int_equal(w->begins, 2);
	attends_roster_end(w->attends, &end);
	assert_false(attends_turn(w->attends));
	assert_int_equal(w->n, 4); /* not before the tick */
	attends_tick(w->attends);
	attends_turn(w->attends);
	assert_int_equal(w->n, 5);
	end.code = CODE_ok;
	attends_roster_end(w->attends, &end);
	attends_roster_end(w->attends, &end);
	attends_present(w->attends, &one);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->rows, 1);
	roster_ask(w->attends, &q.roster);
	roster_drop(w->attends, &q.roster);
	roster_drop(w->attends, &q.roster);
	end.ref = q.roster.ref;
	attends_roster_end(w->attends, &end);
	assert_int_equal(w->ends, 1);
}

#define rule(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
TESTS(rule(several_connections_of_a_session_are_said_once),
    rule(other_data_is_said_again),
    rule(all_are_said_again_in_batches_and_then_the_end_of_it),
    rule(a_new_owner_hears_who_is_there_and_who_went),
    rule(who_was_refused_as_moved_is_not_known),
    rule(a_refusal_reaches_all_who_came_by_it),
    rule(a_roster_is_asked_for_again_when_the_link_was_lost))
