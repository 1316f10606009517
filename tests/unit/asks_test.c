/*
 * asks_test.c - what is asked of a store is answered once, by what was asked
 * for.
 */
#include "tests/unit/front_world.h"

#define ASK(what) what " HTTP/1.1\r\nHost: x\r\n" KEY "\r\n"
#define ROSTER    ASK("GET /v1/presence?channel=/demo/presence/x")

static struct {
	struct msg_jobs jobs; /* the last question; its slices are gone */
	uint64_t ref, write;  /* of the last question, seq of the last write */
	unsigned questions;
	enum msg_id wrote;
} store;

static void
note(struct house *h, const struct msg *m)
{
	(void)h;
	if (m->id == MSG_roster || m->id == MSG_jobs || m->id == MSG_message) {
		store.ref = m->roster.ref;
		store.jobs = m->jobs;
		store.questions++;
	} else if (msg_writes(m)) {
		store.write = m->publish.seq;
		store.wrote = m->id;
	}
}

static bool
asked(struct house *h)
{
	return store.questions == h->count;
}

static bool
wrote(struct house *h)
{
	return store.write == h->count;
}

/* Until the store was asked for the n-th time. */
static void
await_question(struct house *h, unsigned n)
{
	h->count = n;
	until(h, asked);
}

static void
ask(struct house *h, const char *request)
{
	memset(&store, 0, sizeof(store));
	h->other = note;
	open_all(h);
	dial(h);
	say(h, request);
	await_question(h, 1);
}

static void
present(struct house *h)
{
	server_say(
	    h, &(struct msg){.id = MSG_present,
		   .present = {
		       .ref = store.ref, .user = SLICE("ann"), .sessions = 2}});
}

static void
roster_end(struct house *h, enum code code)
{
	server_say(h, &(struct msg){.id = MSG_roster_end,
			  .roster_end = {.ref = store.ref,
			      .code = code,
			      .users = 1,
			      .sessions = 2}});
}

static void
job(struct house *h, uint64_t number)
{
	server_say(h, &(struct msg){.id = MSG_job_is,
			  .job_is = {
			      .ref = store.ref,
			      .number = number,
			      .state = JOB_DEAD,
			      .target = SLICE("t"),
			  }});
}

static void
jobs_end(struct house *h, struct msg_jobs_end last)
{
	last.ref = store.ref;
	server_say(h, &(struct msg){.id = MSG_jobs_end, .jobs_end = last});
}

static void
a_roster_is_read_from_the_store(void **state)
{
	struct house *h = *state;

	ask(h, ROSTER);
	present(h);
	roster_end(h, CODE_ok);
	hear(h, "200 OK");
	hear(h, "\r\n\r\n{\"channel\":\"/demo/presence/x\",\"users\":1,"
		"\"sessions\":2,\"present\":[{\"user\":\"ann\"");
}

static void
frames_of_another_question_are_skipped(void **state)
{
	struct house *h = *state;
	struct msg m = {.id = MSG_entry};

	ask(h, ROSTER);
	m.entry.ref = store.ref;
	server_say(h, &m);
	job(h, 1);
	jobs_end(h, (struct msg_jobs_end){.code = CODE_busy});
	store.ref++;
	roster_end(h, CODE_busy);
	store.ref--;
	few_turns(h);
	assert_int_equal(h->got.n, 0);
	present(h);
	roster_end(h, CODE_ok);
	hear(h, "\"present\":[{\"user\":\"ann\"");
}

static void
a_question_the_store_refuses_is_an_error(void **state)
{
	struct house *h = *state;

	ask(h, ROSTER);
	present(h);
	roster_end(h, CODE_busy);
	hear(h, "503 Service Unavailable");
	hear(h, "{\"error\":{\"code\":\"busy\"");
}

static void
questions_of_a_link_that_broke_are_unavailable(void **state)
{
	struct house *h = *state;

	ask(h, ASK("GET /v1/jobs"));
	job(h, 1);
	few_turns(h);
	bus_server_close(&h->server);
	hear(h, "503 Service Unavailable");
	hear(h, "{\"error\":{\"code\":\"unavailable\"");
}

static void
what_comes_too_late_is_skipped(void **state)
{
	struct house *h = *state;

	h->front.limits.answer_ms = 50;
	ask(h, ROSTER);
	hear(h, "504 Gateway Timeout");
	hear(h, "}}");
	roster_end(h, CODE_ok);
	few_turns(h);
	assert_int_equal(h->got.n, 0);
	h->front.limits.answer_ms = DEADLINE_MS;
	say(h, ROSTER);
	await_question(h, 2);
	roster_end(h, CODE_ok);
	hear(h, "200 OK");
}

static bool
nobody_is_left(struct house *h)
{
	return h->front.nclients == 0;
}

static void
who_left_is_forgotten(void **state)
{
	struct house *h = *state;

	ask(h, ASK("GET /v1/jobs"));
	hang_up(h); /* maybe only half of it: the answer is tried */
	jobs_end(h, (struct msg_jobs_end){.code = CODE_ok});
	until(h, nobody_is_left);
	job(h, 1);
	jobs_end(h, (struct msg_jobs_end){.more = 1});
	few_turns(h);
	assert_int_equal(store.questions, 1);
}

static void
jobs_are_asked_for_page_by_page(void **state)
{
	struct house *h = *state;

	ask(h, ASK("GET /v1/jobs?limit=2"));
	assert_int_equal(store.jobs.limit, 2);
	job(h, 7);
	jobs_end(h, (struct msg_jobs_end){.more = 1, .after = 7});
	await_question(h, 2);
	assert_int_equal(store.jobs.after, 7);
	assert_int_equal(store.jobs.limit, 1);
	job(h, 9);
	jobs_end(h, (struct msg_jobs_end){.more = 1, .after = 9});
	hear(h, "\r\n\r\n{\"jobs\":[{\"job\":\"0-7\",");
	hear(h, "},{\"job\":\"0-9\",");
	hear(h, "}],\"after\":\"0-9\"}");
}

static void
a_cancel_that_is_refused_says_so(void **state)
{
	struct house *h = *state;

	ask(h, ASK("DELETE /v1/jobs/0-7"));
	assert_int_equal(store.jobs.number, 7);
	job(h, 7);
	jobs_end(h, (struct msg_jobs_end){.code = CODE_ok});
	h->count = 1;
	until(h, wrote);
	assert_int_equal(store.wrote, MSG_cancel);
	assert_int_equal(h->got.n, 0);
	h->code = CODE_not_found;
	server_answer(h, store.write);
	hear(h, "404 Not Found");
}

static void
all_replays_of_a_page_are_counted(void **state)
{
	struct house *h = *state;

	ask(h, ASK("POST /v1/jobs/replay"));
	assert_int_equal(store.jobs.state, JOB_DEAD);
	job(h, 7);
	job(h, 9);
	jobs_end(h, (struct msg_jobs_end){.after = 9});
	h->count = 2;
	until(h, wrote);
	server_answer(h, 1);
	h->code = CODE_not_found;
	server_answer(h, 2);
	hear(h, "\r\n\r\n{\"replayed\":1,\"refused\":1}");
}

/* What fills the window meanwhile. */
static void
fill(struct house *h)
{
	struct msg m = {
	    .id = MSG_publish, .publish = {.channel = SLICE("/demo/public/x")}};

	while (front_has_room(&h->front, m.publish.channel))
		bus_publish(h->front.bus, &m, NULL);
}

static void
without_room_no_job_is_changed(void **state)
{
	struct house *h = *state;

	ask(h, ASK("DELETE /v1/jobs/0-7"));
	fill(h);
	job(h, 7);
	jobs_end(h, (struct msg_jobs_end){.code = CODE_ok});
	hear(h, "503 Service Unavailable");
	hear(h, "{\"error\":{\"code\":\"busy\"");
}

static void
message(struct house *h, const char *channel, uint64_t at)
{
	server_say(h, &(struct msg){.id = MSG_message_is,
			  .message_is = {.ref = store.ref,
			      .channel = slice_of(channel),
			      .epoch = 5,
			      .offset = at,
			      .at = at,
			      .kept = KEPT_REPLICAS,
			      .sent = 2,
			      .told = 1,
			      .recipients = 9,
			      .delivered = 4,
			      .expired = 1,
			      .slow = 2,
			      .hub_lost = 1}});
}

static void
message_end(struct house *h)
{
	server_say(h, &(struct msg){.id = MSG_message_end,
			  .message_end = {.ref = store.ref}});
}

static void
of_messages_of_one_id_the_newest_is_told(void **state)
{
	struct house *h = *state;

	ask(h, ASK("GET /v1/messages/a%2Fb"));
	message(h, "/demo/public/x", 7);
	message(h, "/demo/public/y", 8);
	message(h, "/other/public/x", 9); /* not its own */
	message(h, "/demo/public/z", 6);
	message_end(h);
	hear(h, "200 OK");
	hear(h, "\r\n\r\n{\"id\":\"a/b\",\"channel\":\"/demo/public/y\","
		"\"cursor\":\"5.8\",\"accepted\":8,\"state\":\"stored\","
		"\"stored\":\"replicas\",\"replicas\":1,"
		"\"hubs\":{\"sent\":2,\"told\":1,\"lost\":0},"
		"\"recipients\":9,\"delivered\":4,\"expired\":1,"
		"\"rejected\":0,\"dropped\":{\"slow\":2,\"hub_lost\":1},"
		"\"pending\":1,\"channels\":[\"/demo/public/x\","
		"\"/demo/public/y\",\"/demo/public/z\"]}");
}

static void
a_message_nobody_knows_is_not_found(void **state)
{
	struct house *h = *state;

	ask(h, ASK("GET /v1/messages/x"));
	message(h, "/other/public/x", 9);
	message_end(h);
	hear(h, "404 Not Found");
	hear(h, "\"field\":\"id\"}}");
	say(h, ASK("GET /v1/messages/0-7?channel=/demo/public/x"));
	await_question(h, 2);
	message_end(h);
	hear(h, "404 Not Found");
	hear(h, "see /v1/jobs/");
	say(h, ASK("GET /v1/messages/x"));
	await_question(h, 3);
	bus_server_close(&h->server);
	hear(h, "503 Service Unavailable");
	few_turns(h);
	say(h, ASK("GET /v1/messages/x"));
	hear(h, "503 Service Unavailable");
}

TESTS(story(a_roster_is_read_from_the_store),
    story(frames_of_another_question_are_skipped),
    story(a_question_the_store_refuses_is_an_error),
    story(questions_of_a_link_that_broke_are_unavailable),
    story(what_comes_too_late_is_skipped), story(who_left_is_forgotten),
    story(jobs_are_asked_for_page_by_page),
    story(a_cancel_that_is_refused_says_so),
    story(all_replays_of_a_page_are_counted),
    story(without_room_no_job_is_changed),
    story(of_messages_of_one_id_the_newest_is_told),
    story(a_message_nobody_knows_is_not_found))
