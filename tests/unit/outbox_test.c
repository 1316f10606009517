/* outbox_test.c - a publish is kept until answered, and answered once. */
#include "common/must.h"
#include "common/outbox.h"
#include "tests/unit/test.h"

struct request {
	struct ticket ticket;
	unsigned answers;
	uint64_t offset;
};

static void
answered(struct ticket *t, const struct msg_published *p)
{
	struct request *r = container_of(t, struct request, ticket);

	r->answers++;
	r->offset = p->offset;
}

static void
add(struct outbox *o, struct request *r)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = SLICE("/a/public/x"), .body = SLICE("1")}};

	*r = (struct request){.ticket = {.answered = answered}};
	assert_true(outbox_add(o, &m, &r->ticket).n != 0);
	assert_int_equal(m.publish.seq, o->seq);
}

static bool
answer(struct outbox *o, uint64_t seq)
{
	struct msg_published p = {.seq = seq, .offset = seq * 10};

	return outbox_answer(o, &p);
}

static void
answers_find_their_request_in_any_order(void **state)
{
	static const uint64_t order[] = {2, 1, 5, 3, 4};
	struct request r[5];
	struct outbox o;

	(void)state;
	outbox_init(&o);
	for (size_t i = 0; i < LENGTH(r); i++)
		add(&o, &r[i]);
	for (size_t i = 0; i < LENGTH(order); i++)
		assert_true(answer(&o, order[i]));
	for (size_t i = 0; i < LENGTH(r); i++) {
		assert_int_equal(r[i].answers, 1);
		assert_int_equal(r[i].offset, (i + 1) * 10);
	}
	assert_false(answer(&o, 3));
	assert_int_equal(o.count, 0);
	assert_int_equal(o.bytes, 0);
	outbox_free(&o);
}

static void
what_is_unanswered_is_said_again_in_order(void **state)
{
	struct request r[300];
	struct outbox o;
	uint64_t want = 2;

	(void)state;
	outbox_init(&o);
	for (size_t i = 0; i < LENGTH(r); i++)
		add(&o, &r[i]);
	for (uint64_t seq = 1; seq <= 299; seq += 2)
		assert_true(answer(&o, seq));
	for (struct outbox_item *i = outbox_next(&o, NULL); i != NULL;
	     i = outbox_next(&o, i), want += 2) {
		const char *why;
		struct msg m;

		assert_true(msg_decode(outbox_frame(i), &m, &why) > 0);
		assert_int_equal(m.publish.seq, want);
	}
	assert_int_equal(want, 302);
	outbox_free(&o);
	assert_null(r[1].ticket.item);
}

static void
one_old_request_does_not_stop_the_numbers(void **state)
{
	struct request first, r;
	struct outbox o;

	(void)state;
	outbox_init(&o);
	add(&o, &first);
	for (uint64_t seq = 2; seq < 5000; seq++) {
		add(&o, &r);
		assert_true(answer(&o, seq));
		assert_int_equal(r.answers, 1);
	}
	assert_true(answer(&o, 1));
	assert_int_equal(first.answers, 1);
	outbox_free(&o);
}

static void
a_requester_who_left_is_not_told(void **state)
{
	struct request r;
	struct outbox o;

	(void)state;
	outbox_init(&o);
	add(&o, &r);
	ticket_forget(&r.ticket);
	ticket_forget(&r.ticket);
	assert_true(answer(&o, 1));
	assert_int_equal(r.answers, 0);
	outbox_free(&o);
}

static void
a_full_outbox_says_so(void **state)
{
	struct request r[OUTBOX_ITEMS];
	struct outbox o;

	(void)state;
	outbox_init(&o);
	for (size_t i = 0; i < OUTBOX_ITEMS; i++) {
		assert_true(outbox_room(&o));
		add(&o, &r[i]);
	}
	assert_false(outbox_room(&o));
	assert_true(answer(&o, 77));
	assert_true(outbox_room(&o));
	outbox_free(&o);
}

static void
an_item_taken_out_keeps_its_ticket(void **state)
{
	struct outbox_item *item;
	struct request r;
	struct outbox o;

	(void)state;
	outbox_init(&o);
	add(&o, &r);
	item = outbox_take(&o, 1);
	assert_non_null(item);
	assert_null(outbox_take(&o, 1));
	assert_ptr_equal(outbox_item_ticket(item), &r.ticket);
	assert_null(outbox_item_ticket(item));
	outbox_item_free(item);
	outbox_free(&o);
}

TESTS(unit(answers_find_their_request_in_any_order),
    unit(what_is_unanswered_is_said_again_in_order),
    unit(one_old_request_does_not_stop_the_numbers),
    unit(a_requester_who_left_is_not_told), unit(a_full_outbox_says_so),
    unit(an_item_taken_out_keeps_its_ticket))
