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

/* An outbox with two queues. */
struct box {
	struct outbox all;
	struct outbox_queue one, other;
};

static void
box_open(struct box *b)
{
	outbox_init(&b->all);
	outbox_queue_init(&b->one);
	outbox_queue_init(&b->other);
}

static void
box_close(struct box *b)
{
	outbox_queue_free(&b->all, &b->one);
	outbox_queue_free(&b->all, &b->other);
	outbox_free(&b->all);
}

static struct outbox_item *
add(struct box *b, struct request *r)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = SLICE("/a/public/x"), .body = SLICE("1")}};
	struct outbox_add a = {&b->one, &m, &r->ticket, 7};
	struct outbox_item *item;

	*r = (struct request){.ticket = {.answered = answered}};
	item = outbox_add(&b->all, &a);
	assert_int_equal(m.publish.seq, b->all.seq);
	assert_int_equal(outbox_seq(item), b->all.seq);
	assert_int_equal(outbox_shard(item), 7);
	return item;
}

static bool
answer(struct box *b, uint64_t seq)
{
	struct msg_published p = {.seq = seq, .offset = seq * 10};
	struct outbox_item *item = outbox_find(&b->all, seq);

	if (item != NULL)
		outbox_answer(&b->all, item, &p);
	return item != NULL;
}

static void
answers_find_their_request_in_any_order(void **state)
{
	static const uint64_t order[] = {2, 1, 5, 3, 4};
	struct request r[5];
	struct box b;

	(void)state;
	box_open(&b);
	for (size_t i = 0; i < LENGTH(r); i++)
		add(&b, &r[i]);
	for (size_t i = 0; i < LENGTH(order); i++)
		assert_true(answer(&b, order[i]));
	for (size_t i = 0; i < LENGTH(r); i++) {
		assert_int_equal(r[i].answers, 1);
		assert_int_equal(r[i].offset, (i + 1) * 10);
	}
	assert_false(answer(&b, 3));
	assert_false(answer(&b, 0));
	assert_false(answer(&b, 6));
	assert_int_equal(b.all.count, 0);
	assert_int_equal(b.one.bytes, 0);
	box_close(&b);
}

static void
check_queue(const struct outbox_queue *q, const uint64_t *want, size_t n)
{
	const struct outbox_item *i = NULL;

	for (size_t k = 0; k < n; k++) {
		const char *why;
		struct msg m;

		i = outbox_next(q, i);
		assert_non_null(i);
		assert_true(msg_decode(outbox_frame(i), &m, &why) > 0);
		assert_int_equal(m.publish.seq, want[k]);
	}
	assert_null(outbox_next(q, i));
	assert_int_equal(q->count, n);
}

static void
what_is_unanswered_is_said_again_in_order(void **state)
{
	struct request r[300];
	uint64_t want[150];
	struct box b;

	(void)state;
	box_open(&b);
	for (size_t i = 0; i < LENGTH(r); i++)
		add(&b, &r[i]);
	for (uint64_t seq = 1; seq <= 299; seq += 2) {
		assert_true(answer(&b, seq));
		want[seq / 2] = seq + 1;
	}
	check_queue(&b.one, want, LENGTH(want));
	box_close(&b);
	assert_null(r[1].ticket.item);
}

static void
what_is_moved_keeps_its_number_and_its_request(void **state)
{
	static const uint64_t stay[] = {1, 3}, moved[] = {2},
			      back[] = {1, 3, 2};
	struct request r[3];
	struct outbox_item *items[3];
	struct box b;

	(void)state;
	box_open(&b);
	for (size_t i = 0; i < LENGTH(r); i++)
		items[i] = add(&b, &r[i]);
	outbox_move(items[1], &b.other);
	check_queue(&b.one, stay, 2);
	check_queue(&b.other, moved, 1);
	assert_ptr_equal(outbox_queue_of(items[1]), &b.other);
	assert_int_equal(b.other.bytes * 2, b.one.bytes);
	outbox_move(items[1], &b.one);
	check_queue(&b.one, back, 3);
	outbox_move(items[1], &b.other);
	assert_true(answer(&b, 2));
	assert_int_equal(r[1].answers, 1);
	check_queue(&b.other, NULL, 0);
	box_close(&b);
}

static void
one_old_request_does_not_stop_the_numbers(void **state)
{
	struct request first, r;
	struct box b;

	(void)state;
	box_open(&b);
	add(&b, &first);
	for (uint64_t seq = 2; seq < 5000; seq++) {
		add(&b, &r);
		assert_true(answer(&b, seq));
		assert_int_equal(r.answers, 1);
	}
	assert_true(answer(&b, 1));
	assert_int_equal(first.answers, 1);
	assert_int_equal(b.all.slots, 64);
	box_close(&b);
}

static void
a_requester_who_left_is_not_told(void **state)
{
	struct request r;
	struct box b;

	(void)state;
	box_open(&b);
	add(&b, &r);
	ticket_forget(&r.ticket);
	ticket_forget(&r.ticket);
	assert_true(answer(&b, 1));
	assert_int_equal(r.answers, 0);
	box_close(&b);
}

static void
a_full_outbox_says_so(void **state)
{
	static struct request r[OUTBOX_ITEMS];
	struct box b;

	(void)state;
	box_open(&b);
	for (size_t i = 0; i < OUTBOX_ITEMS; i++) {
		assert_true(outbox_room(&b.one));
		add(&b, &r[i]);
	}
	assert_false(outbox_room(&b.one));
	assert_true(outbox_room(&b.other));
	assert_int_equal(outbox_first(&b.one), 1);
	assert_true(outbox_first(&b.other) == UINT64_MAX);
	assert_true(answer(&b, 77));
	assert_true(outbox_room(&b.one));
	box_close(&b);
}

TESTS(unit(answers_find_their_request_in_any_order),
    unit(what_is_unanswered_is_said_again_in_order),
    unit(what_is_moved_keeps_its_number_and_its_request),
    unit(one_old_request_does_not_stop_the_numbers),
    unit(a_requester_who_left_is_not_told), unit(a_full_outbox_says_so))
