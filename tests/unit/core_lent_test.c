/*
 * core_lent_test.c - shards that an engine lends to a whole store: what peers
 * hear when one comes and when it goes, and that nothing of it is lost.
 */
#include "common/keys.h"
#include "common/stats.h"
#include "store/lease.h"
#include "tests/unit/boxes_world.h"

#define CHANNEL "/a/public/x"

static void
lend(struct engine *e, struct lease_face *f, const char *name)
{
	assert_string_equal(name, "store.1");
	container_of(e, struct scripted, face)->leases = f;
}

static void
release(struct engine *e, unsigned shard)
{
	assert_int_equal(shard, 0);
	container_of(e, struct scripted, face)->released++;
}

static uint64_t
lent_until(const struct engine *e, unsigned shard)
{
	(void)shard;
	return container_of(e, const struct scripted, face)->until;
}

static const struct lender lender = {lend, release, lent_until};

static int
begin(void **state)
{
	struct world *w;

	set_up(state);
	w = *state;
	w->blocking = true;
	w->scripted.lender = &lender;
	open_store(w, "/**=100", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	return 0;
}

/* As a peer does before it sends again: else it is taken for not to know. */
static void
acknowledge(struct peer *p)
{
	assert_true(bus_socket_send(p->socket, 0, link_seal(&p->link)));
}

/* Numbers go on behind top. */
static void
gain_until(struct world *w, uint64_t top, uint64_t until)
{
	unsigned before = peer_count(w->hub, MSG_owner);
	struct shard_state s = {
	    .epoch = 50, .top = top, .reserved = top + 100000};

	w->scripted.until = until;
	w->scripted.leases->gained(w->scripted.leases,
	    &(struct lease){
		.term = ++w->scripted.term, .owner = SLICE("store.1")},
	    &s);
	await(w, w->hub, MSG_owner, before + 1);
	acknowledge(w->publisher);
}

static void
gain(struct world *w, uint64_t top)
{
	gain_until(w, top, UINT64_MAX);
}

static void
leave(struct world *w)
{
	w->scripted.leases->leave(w->scripted.leases, 0);
}

/* The n-th answer, of all. */
static enum code
answered(struct world *w, unsigned n)
{
	await(w, w->publisher, MSG_published, n);
	return (enum code)peer_nth(w->publisher, MSG_published, n - 1)
	    ->published.code;
}

/* Whatever is asked meanwhile is moved. */
static void
await_release(struct world *w)
{
	while (w->scripted.released == 0) {
		unsigned n = peer_count(w->publisher, MSG_published) + 1;

		publish(w, 1, CHANNEL, SLICE("x"));
		assert_int_equal(answered(w, n), CODE_moved);
	}
	assert_int_equal(w->scripted.released, 1);
}

static void
what_is_not_ours_is_moved(void **state)
{
	struct world *w = *state;

	publish(w, 1, CHANNEL, SLICE("x"));
	assert_int_equal(answered(w, 1), CODE_moved);
	assert_int_equal(peer_count(w->publisher, MSG_owner), 0);
	gain(w, 10);
	assert_int_equal(peer_nth(w->hub, MSG_owner, 0)->owner.term, 1);
	publish(w, 1, CHANNEL, SLICE("x"));
	assert_int_equal(answered(w, 2), CODE_ok);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 1)->published.offset, 11);
}

static void
what_was_taken_is_answered_before_the_shard_goes(void **state)
{
	struct world *w = *state;
	unsigned ok = 0;

	gain(w, 0);
	for (unsigned i = 1; i <= 50; i++)
		publish(w, i, CHANNEL, SLICE("x"));
	answered(w, 1);
	leave(w);
	publish(w, 51, CHANNEL, SLICE("x"));
	await(w, w->publisher, MSG_published, 51);
	for (unsigned i = 0; i < 51; i++) {
		const struct msg *m = peer_nth(w->publisher, MSG_published, i);

		ok += m->published.code == CODE_ok;
		assert_true(m->published.code == CODE_ok ||
			    m->published.code == CODE_moved);
		assert_true(
		    m->published.seq != 51 || m->published.code == CODE_moved);
	}
	assert_true(ok >= 1);
	await_release(w);
}

/* The engine did not say so: it has no time to. */
static void
nothing_is_taken_past_the_lease(void **state)
{
	struct world *w = *state;
	uint64_t until = clock_us() / 1000 + 100;
	unsigned n = 1;

	gain_until(w, 0, until);
	publish(w, n, CHANNEL, SLICE("x"));
	while (answered(w, n) == CODE_ok && n < SEEN / 2)
		publish(w, ++n, CHANNEL, SLICE("x"));
	assert_int_equal(answered(w, n), CODE_moved);
	assert_true(clock_us() / 1000 >= until);
	await_release(w);
}

static void
a_write_in_doubt_gives_the_shard_back(void **state)
{
	struct world *w = *state;

	gain(w, 0);
	w->scripted.code = CODE_moved;
	publish(w, 1, CHANNEL, SLICE("x"));
	assert_int_equal(answered(w, 1), CODE_moved);
	await_release(w);
	w->scripted.code = CODE_ok;
	peer_forget(w->publisher);
	gain(w, 5);
	publish(w, 1, CHANNEL, SLICE("x"));
	assert_int_equal(answered(w, 1), CODE_ok);
}

static void
listeners_join_the_next_owner_anew(void **state)
{
	struct world *w = *state;

	gain(w, 0);
	join(w->hub, CHANNEL, 0, 0);
	await(w, w->hub, MSG_joined, 1);
	publish(w, 1, CHANNEL, SLICE("x"));
	await(w, w->hub, MSG_deliver, 1);
	leave(w);
	join(w->hub, CHANNEL, 50, 1);
	await(w, w->hub, MSG_joined, 2);
	assert_int_equal(
	    peer_nth(w->hub, MSG_joined, 1)->joined.code, CODE_moved);
	gain(w, 1);
	publish(w, 2, CHANNEL, SLICE("y"));
	assert_int_equal(answered(w, 2), CODE_ok);
	assert_int_equal(peer_count(w->hub, MSG_deliver), 1);
	join(w->hub, CHANNEL, 50, 1);
	await(w, w->hub, MSG_joined, 3);
	await(w, w->hub, MSG_deliver, 2);
	assert_int_equal(peer_nth(w->hub, MSG_deliver, 1)->deliver.offset, 2);
}

static void
boxes_are_read_again(void **state)
{
	struct world *w = *state;

	gain(w, 0);
	put(w, 1, (struct msg_put){.key = SLICE("a"), .version = 1});
	put(w, 2, (struct msg_put){.key = SLICE("b"), .version = 2});
	assert_int_equal(answered(w, 2), CODE_ok);
	leave(w);
	ask(w, "", 100);
	await(w, w->publisher, MSG_list_end, 1);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_list_end, 0)->list_end.code, CODE_moved);
	peer_forget(w->publisher);
	put(w, 3, (struct msg_put){.key = SLICE("c"), .version = 3});
	assert_int_equal(answered(w, 1), CODE_moved);
	peer_forget(w->publisher);
	gain(w, 2);
	put(w, 3, (struct msg_put){.key = SLICE("c"), .version = 3});
	assert_int_equal(answered(w, 1), CODE_ok);
	peer_forget(w->publisher);
	holds(w, "a=1 b=2 c=3 ");
}

static void
set_key(struct world *w, uint64_t seq, const char *secret)
{
	struct buf frame = {0};

	msg_encode(&frame, &(struct msg){.id = MSG_key,
			       .key = {
				   .app = SLICE("shop"),
				   .id = SLICE("k1"),
				   .alg = SLICE("HS256"),
				   .secret = slice_of(secret),
				   .rights = KEY_PUBLISH,
			       }});
	peer_send(w->publisher, &(struct msg){.id = MSG_set,
				    .set = {
					.seq = seq,
					.table = SLICE("keys"),
					.home = SLICE("shop"),
					.key = SLICE("k1"),
					.value = buf_slice(&frame),
				    }});
	buf_free(&frame);
}

static bool
knows_key(const struct peer *p)
{
	for (unsigned i = 0; i < peer_count(p, MSG_key); i++)
		if (slice_is(peer_nth(p, MSG_key, i)->key.secret, "s1"))
			return true;
	return false;
}

/* An owner in between may have changed them. */
static void
keys_are_told_again_by_who_gains_them(void **state)
{
	struct world *w = *state;

	gain(w, 0);
	set_key(w, 1, "s1");
	assert_int_equal(answered(w, 1), CODE_ok);
	leave(w);
	peer_forget(w->hub);
	greet(w, w->other);
	assert_false(knows_key(w->other));
	gain(w, 0);
	await(w, w->other, MSG_owner, 2);
	assert_true(knows_key(w->other));
	assert_true(knows_key(w->hub));
}

static void
rows_that_cannot_be_read_give_the_shard_back(void **state)
{
	struct world *w = *state;
	struct shard_state s = {.epoch = 50, .reserved = 1000};

	w->scripted.scan_code = CODE_unavailable;
	w->scripted.until = UINT64_MAX;
	w->scripted.leases->gained(w->scripted.leases,
	    &(struct lease){
		.term = ++w->scripted.term, .owner = SLICE("store.1")},
	    &s);
	publish(w, 1, CHANNEL, SLICE("x"));
	assert_int_equal(answered(w, 1), CODE_moved);
	await_release(w);
	assert_int_equal(peer_count(w->hub, MSG_owner), 0);
	w->scripted.scan_code = CODE_ok;
	gain(w, 0);
}

#define lent(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)
TESTS(lent(what_is_not_ours_is_moved),
    lent(what_was_taken_is_answered_before_the_shard_goes),
    lent(nothing_is_taken_past_the_lease),
    lent(a_write_in_doubt_gives_the_shard_back),
    lent(listeners_join_the_next_owner_anew), lent(boxes_are_read_again),
    lent(keys_are_told_again_by_who_gains_them),
    lent(rows_that_cannot_be_read_give_the_shard_back))
