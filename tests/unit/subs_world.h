/*
 * subs_world.h - a registry of subs, a scripted store and clients that write
 * down what they hear.  For subs_test and resume_test.
 */
#ifndef TESTS_UNIT_SUBS_WORLD_H
#define TESTS_UNIT_SUBS_WORLD_H

#include "hub/subs.h"

#include "common/must.h"
#include "tests/unit/adds_up.h"
#include "tests/unit/test.h"

enum { WORLD_RECENT = 1 << 20 }; /* bytes remembered */

/* What was said to the store, the last first; bodies are not kept. */
struct said {
	enum msg_id id;
	struct msg_join join;
	char channel[64];
};

struct world;

/* A connection: all it was handed, as text. */
struct client {
	struct reader reader;
	struct world *world;
	struct buf got;
	unsigned sends, joined, live, refused;
	bool recovered;
};

struct world {
	struct subs_face face;
	unsigned settled; /* how often the face was told so */
	struct runs *runs;
	struct forms *forms;
	struct subs *subs;
	struct said said[64];
	unsigned count;
	struct client clients[3];
	unsigned clients_n;
	bool down;
	uint64_t ms, us, us_step;
};

static inline bool
say(struct subs_face *f, unsigned shard, const struct msg *m)
{
	struct world *w = container_of(f, struct world, face);
	struct said *s = &w->said[w->count];
	struct slice channel =
	    m->id == MSG_join ? m->join.channel : m->leave.channel;

	(void)shard;
	if (w->down)
		return false;
	must(++w->count < LENGTH(w->said));
	s->id = m->id;
	s->join = m->join;
	memcpy(s->channel, channel.p, channel.n);
	s->channel[channel.n] = '\0';
	s->join.channel = slice_of(s->channel);
	return true;
}

static inline bool
is_up(struct subs_face *f, unsigned shard)
{
	(void)shard;
	return !container_of(f, struct world, face)->down;
}

static inline uint64_t
now(struct subs_face *f)
{
	return container_of(f, struct world, face)->ms;
}

/* Its zero is that of the other clock. */
static inline uint64_t
unix_now(struct subs_face *f)
{
	return container_of(f, struct world, face)->ms;
}

static inline void
note_settled(struct subs_face *f)
{
	container_of(f, struct world, face)->settled++;
}

static inline uint64_t
clock_now(struct subs_face *f)
{
	struct world *w = container_of(f, struct world, face);

	return w->us += w->us_step;
}

static inline int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->face = (struct subs_face){.say = say,
	    .up = is_up,
	    .now = now,
	    .unix_ms = unix_now,
	    .clock_us = clock_now};
	w->runs = runs_new();
	w->forms = forms_new(NULL);
	w->subs = subs_new(&w->face, w->runs, w->forms, WORLD_RECENT);
	subs_shards(w->subs, 1);
	*state = w;
	return 0;
}

static inline void
client_send(
    struct reader *r, struct sub *s, struct piece p, const struct place *place)
{
	struct client *c = container_of(r, struct client, reader);

	(void)s;
	(void)place;
	c->sends++;
	buf_add(&c->got, p.run->bytes.p + p.from, p.to - p.from);
}

static inline void
client_joined(struct reader *r, struct sub *s, bool recovered)
{
	struct client *c = container_of(r, struct client, reader);

	(void)s;
	c->joined++;
	c->recovered = recovered;
	buf_str(&c->got, recovered ? "+R " : "+ ");
}

static inline void
client_live(struct reader *r, struct sub *s)
{
	(void)s;
	container_of(r, struct client, reader)->live++;
}

static inline void
client_refused(struct reader *r, struct sub *s, enum code code)
{
	struct client *c = container_of(r, struct client, reader);

	(void)code;
	c->refused++;
	sub_remove(c->world->subs, s);
}

static const struct reader_face client_face = {
    .send = client_send,
    .joined = client_joined,
    .live = client_live,
    .refused = client_refused,
};

static inline void
client_init(struct client *c, struct world *w)
{
	*c = (struct client){
	    .reader = {.face = &client_face, .form = FORM_POLL}, .world = w};
}

static inline void
client_end(struct client *c)
{
	while (c->reader.subs != NULL)
		sub_remove(c->world->subs, c->reader.subs);
	buf_free(&c->got);
}

/* One that tear_down() ends. */
static inline struct client *
client_new(struct world *w)
{
	struct client *c = &w->clients[w->clients_n++];

	must(w->clients_n <= LENGTH(w->clients));
	client_init(c, w);
	return c;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;

	while (subs_flush(w->subs))
		;
	while (w->clients_n != 0)
		client_end(&w->clients[--w->clients_n]);
	copies_add_up();
	subs_free(&w->subs);
	forms_free(&w->forms);
	runs_free(&w->runs);
	free(w);
	return 0;
}

static inline struct sub *
subscribe(struct client *c, const char *channel)
{
	return sub_add(c->world->subs, &c->reader,
	    &(struct sub_want){.channel = slice_of(channel)});
}

static inline struct sub *
resume(struct client *c, const char *channel, uint64_t offset)
{
	struct cursor_part part = {.epoch = 5, .offset = offset};

	return sub_add(c->world->subs, &c->reader,
	    &(struct sub_want){
		.channel = slice_of(channel), .after = &part, .n = 1});
}

static const struct said *
last_said(const struct world *w)
{
	return &w->said[w->count - 1];
}

static inline void
joined(struct world *w, uint64_t top)
{
	const struct said *s = last_said(w);

	assert_int_equal(s->id, MSG_join);
	subs_joined(w->subs, &(struct msg_joined){.channel = s->join.channel,
				 .generation = s->join.generation,
				 .epoch = 5,
				 .top = top});
}

/* Bodies are the offset, as one digit: what a client got reads as a list. */
static inline void
deliver(
    struct world *w, const char *channel, uint64_t offset, uint64_t generation)
{
	char body = (char)('0' + offset % 10);

	subs_deliver(
	    w->subs, &(struct msg_deliver){.channel = slice_of(channel),
			 .epoch = 5,
			 .offset = offset,
			 .prev = offset - 1,
			 .body = {&body, 1},
			 .generation = generation});
}

static inline void
gap(struct world *w, uint64_t from, uint64_t to)
{
	const struct said *s = last_said(w);

	subs_gap(w->subs, &(struct msg_gap){.channel = s->join.channel,
			      .generation = s->join.generation,
			      .epoch = 5,
			      .from = from,
			      .to_epoch = 5,
			      .to = to,
			      .reason = GAP_TRIMMED});
}

static inline void
flush(struct world *w)
{
	while (subs_flush(w->subs))
		;
}

/* Only what tells messages apart: their bodies, G for a gap, acks. */
static const char *
heard(struct client *c)
{
	static char out[256];
	size_t n = 0;

	flush(c->world);
	buf_chr(&c->got, '\0');
	for (const char *p = c->got.p; *p != '\0'; p++) {
		if (strncmp(p, "\"data\":", 7) == 0)
			out[n++] = p[7];
		else if (strncmp(p, "\"gap\":", 6) == 0)
			out[n++] = 'G';
		else if (*p == '+')
			out[n++] = p[1] == 'R' ? 'R' : '+';
	}
	c->got.n--;
	out[n] = '\0';
	return out;
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
