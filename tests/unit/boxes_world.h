/*
 * boxes_world.h - what tests of boxes say to a whole store, and hear of it.
 */
#ifndef TESTS_UNIT_BOXES_WORLD_H
#define TESTS_UNIT_BOXES_WORLD_H

#include "tests/unit/store_world.h"

#define BOX "/push/private/u1"

static inline void
open_at_once(struct world *w)
{
	open_store(w, "/**=0", 1);
	greet(w, w->publisher);
}

static inline void
open_blocking(struct world *w)
{
	w->blocking = true;
	open_at_once(w);
}

/* The store forgets what it had in memory, the engine does not. */
static inline void
restart(struct world *w)
{
	const char *why;

	peer_close(w->publisher);
	peer_close(w->hub);
	core_close(&w->core);
	w->publisher->boot++;
	w->core = core_open(&w->setup, &why);
	assert_non_null(w->core);
	greet(w, w->publisher);
}

static inline void
put(struct world *w, uint64_t seq, struct msg_put m)
{
	m.seq = seq;
	if (m.box.n == 0)
		m.box = SLICE(BOX);
	peer_send(w->publisher, &(struct msg){.id = MSG_put, .put = m});
}

static inline void
drop(struct world *w, uint64_t seq, const char *key, uint64_t version)
{
	peer_send(w->publisher, &(struct msg){.id = MSG_drop,
				    .drop = {
					.seq = seq,
					.box = SLICE(BOX),
					.key = slice_of(key),
					.version = version,
				    }});
}

/* Answers come in the order of what was asked: publishes of one shard. */
static inline enum code
answer(struct world *w, uint64_t seq)
{
	await(w, w->publisher, MSG_published, (unsigned)seq);
	for (unsigned i = 0;; i++) {
		const struct msg *m = peer_nth(w->publisher, MSG_published, i);

		if (m->published.seq == seq)
			return (enum code)m->published.code;
	}
}

static inline void
ask(struct world *w, const char *after, unsigned limit)
{
	peer_send(w->publisher, &(struct msg){.id = MSG_list,
				    .list = {
					.ref = 7,
					.box = SLICE(BOX),
					.after = slice_of(after),
					.limit = limit,
				    }});
}

/* "a=1 b=2 +": keys and versions of the last list, and whether there is
 * more. */
static inline const char *
told(struct world *w, char room[256])
{
	size_t n = 0;

	room[0] = '\0';
	for (unsigned i = 0; i < w->publisher->count; i++) {
		const struct msg *m = &w->publisher->seen[i];

		if (m->id == MSG_list_end) {
			assert_int_equal(m->list_end.ref, 7);
			assert_int_equal(m->list_end.code, CODE_ok);
			if (m->list_end.more)
				n += (size_t)snprintf(room + n, 256 - n, "+");
		}
		if (m->id == MSG_item)
			n += (size_t)snprintf(room + n, 256 - n, "%.*s=%u ",
			    SLICE_ARGS(m->item.key), (unsigned)m->item.version);
	}
	return room;
}

static inline void
holds(struct world *w, const char *what)
{
	char room[256];
	unsigned before = peer_count(w->publisher, MSG_list_end);

	assert_int_equal(before, 0);
	ask(w, "", 100);
	await(w, w->publisher, MSG_list_end, 1);
	assert_string_equal(told(w, room), what);
	for (unsigned i = 0; i < w->publisher->count; i++)
		if (w->publisher->seen[i].id == MSG_list_end ||
		    w->publisher->seen[i].id == MSG_item)
			w->publisher->seen[i].id = MSG_unknown;
}

/* Its directory is in memory; before, a put would wait for it, and let what
 * is no write of the box pass. */
static inline void
warm(struct world *w)
{
	holds(w, "");
	peer_send(w->other, &(struct msg){.id = MSG_drop,
				.drop = {.seq = 1, .box = SLICE(BOX)}});
	await(w, w->other, MSG_published, 1);
}

#endif
