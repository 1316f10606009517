/*
 * bridge_list_world.h - models of Redis and of a store around one list.
 *
 * They do one thing per step: carry out the oldest command, deliver the
 * oldest answer, accept the oldest publish, deliver its answer.  A killed
 * bridge's commands that had left may still be carried out, or not.
 */
#ifndef TESTS_UNIT_BRIDGE_LIST_WORLD_H
#define TESTS_UNIT_BRIDGE_LIST_WORLD_H

#include "common/must.h"
#include "ingress/bridge_list.h"
#include "tests/unit/test.h"

enum { MANY = 64, TEXT = 32 };

struct entry {
	char id[TEXT], item[TEXT];
};

struct op {
	enum list_step step;
	char ids[MANY][TEXT];
	size_t n;
	bool executed;
	struct entry result[MANY];
	size_t results;
};

struct flight {
	struct ticket *ticket;
	struct entry e;
	bool handled;
	enum code code;
};

struct world {
	struct list_io io;
	struct bridge_list *list;
	/* Redis */
	char source[MANY][TEXT], stage[MANY][TEXT];
	size_t sources, stages;
	struct entry hash[MANY], other[MANY], dead[MANY];
	size_t hashes, others, deads;
	unsigned number;
	/* the store */
	struct entry accepted[MANY];
	size_t accepts;
	unsigned publishes;
	unsigned busy; /* answers still to come */
	enum code code;
	/* between them and the bridge */
	struct op ops[MANY];
	size_t nops;
	struct flight flights[MANY];
	size_t nflights;
	bool paused, full, lost;
	bool error; /* the next command is refused */
};

static void
put(char *out, struct slice s)
{
	must(s.n < TEXT);
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

static void
io_ask(struct list_io *io, const struct list_command *c)
{
	struct world *w = container_of(io, struct world, io);
	struct op *op = &w->ops[w->nops++];

	must(w->nops < MANY && c->n <= MANY);
	*op = (struct op){.step = c->step, .n = c->n};
	for (size_t i = 0; i < c->n; i++)
		put(op->ids[i], c->ids[i]);
}

static bool
io_can_publish(struct list_io *io)
{
	return !container_of(io, struct world, io)->full;
}

static enum code
io_publish(
    struct list_io *io, struct slice id, struct slice item, struct ticket *t)
{
	struct world *w = container_of(io, struct world, io);
	struct flight *f = &w->flights[w->nflights++];

	must(w->nflights < MANY);
	w->publishes++;
	if (slice_is(item, "bad")) {
		w->nflights--;
		return CODE_bad_json;
	}
	*f = (struct flight){.ticket = t};
	put(f->e.id, id);
	put(f->e.item, item);
	return CODE_ok;
}

static void
io_pause(struct list_io *io, unsigned ms)
{
	assert_true(ms >= LIST_BUSY_MIN);
	container_of(io, struct world, io)->paused = true;
}

static void
io_lost(struct list_io *io)
{
	container_of(io, struct world, io)->lost = true;
}

/* What Redis does. */
static size_t
find(const struct entry *e, size_t n, const char *id)
{
	size_t i = 0;

	while (i < n && strcmp(e[i].id, id) != 0)
		i++;
	return i;
}

static void
drop_hash(struct world *w, const char *id)
{
	size_t i = find(w->hash, w->hashes, id);

	if (i < w->hashes)
		w->hash[i] = w->hash[--w->hashes]; /* a hash has no order */
}

static bool
shift(char from[MANY][TEXT], size_t *n, char *out)
{
	if (*n == 0)
		return false;
	memcpy(out, from[0], TEXT);
	memmove(from[0], from[1], --*n * TEXT);
	return true;
}

static void
take(struct world *w, struct op *op)
{
	struct entry e;

	/* three at most, so that there is more than one TAKE */
	while (op->results < 3 && (shift(w->stage, &w->stages, e.item) ||
				      shift(w->source, &w->sources, e.item))) {
		snprintf(e.id, TEXT, "me:%u", ++w->number);
		w->hash[w->hashes++] = e;
		op->result[op->results++] = e;
	}
}

static void
fetch(struct world *w, struct op *op)
{
	/* two at most: fewer than asked for */
	for (size_t i = 0; i < op->n && i < 2; i++) {
		size_t at = find(w->hash, w->hashes, op->ids[i]);

		op->result[i] =
		    at < w->hashes ? w->hash[at] : (struct entry){0};
		op->results++;
	}
}

static void
execute(struct world *w, struct op *op)
{
	size_t i;

	op->executed = true;
	switch (op->step) {
	case LIST_ADOPT:
		op->results = w->others;
		while (w->others != 0)
			w->hash[w->hashes++] = w->other[--w->others];
		break;
	case LIST_KEYS:
		for (i = w->hashes; i > 0; i--) /* not in order */
			op->result[op->results++] = w->hash[i - 1];
		break;
	case LIST_FETCH:
		fetch(w, op);
		break;
	case LIST_TAKE:
		take(w, op);
		break;
	case LIST_WAIT:
		if (shift(w->source, &w->sources, w->stage[w->stages]))
			w->stages++;
		break;
	case LIST_DONE:
		for (i = 0; i < op->n; i++)
			drop_hash(w, op->ids[i]);
		break;
	case LIST_BAD:
		if ((i = find(w->hash, w->hashes, op->ids[0])) < w->hashes)
			w->dead[w->deads++] = w->hash[i];
		drop_hash(w, op->ids[0]);
		break;
	}
}

static struct redis_reply
text(const char *s)
{
	return (struct redis_reply){
	    .kind = REDIS_IS_STRING, .text = slice_of(s)};
}

static void
deliver(struct world *w, const struct op *op)
{
	struct redis_reply items[2 * MANY], r = {.kind = REDIS_IS_ARRAY};

	r.items = items;
	for (size_t i = 0; i < op->results; i++) {
		if (op->step == LIST_KEYS || op->step == LIST_TAKE)
			items[r.n++] = text(op->result[i].id);
		if (op->step == LIST_FETCH && op->result[i].id[0] == '\0')
			items[r.n++] = (struct redis_reply){0};
		else if (op->step == LIST_FETCH || op->step == LIST_TAKE)
			items[r.n++] = text(op->result[i].item);
	}
	if (op->step == LIST_ADOPT)
		r = (struct redis_reply){
		    .kind = REDIS_IS_NUMBER, .number = (int64_t)op->results};
	if (w->error)
		r = (struct redis_reply){
		    .kind = REDIS_IS_ERROR, .text = SLICE("ERR no")};
	w->error = false;
	bridge_list_answer(w->list, op->step, &r);
}

/* What the store does: by id, once. */
static void
accept(struct world *w, struct flight *f)
{
	f->handled = true;
	f->code = w->code;
	if (w->busy != 0) {
		w->busy--;
		f->code = CODE_busy;
	}
	if (f->code == CODE_ok &&
	    find(w->accepted, w->accepts, f->e.id) == w->accepts)
		w->accepted[w->accepts++] = f->e;
}

static void
answer(struct world *w)
{
	struct flight f = w->flights[0];
	struct msg_published p = {.code = f.code};

	memmove(w->flights, w->flights + 1, --w->nflights * sizeof(f));
	if (f.ticket != NULL)
		f.ticket->answered(f.ticket, &p);
}

/* One thing happens; false when nothing is left but to wait for the list. */
static bool
step(struct world *w)
{
	if (w->nflights != 0 && w->flights[w->nflights - 1].handled) {
		answer(w);
	} else if (w->nflights != 0) {
		size_t i = 0;

		while (w->flights[i].handled)
			i++;
		accept(w, &w->flights[i]);
	} else if (w->nops != 0 && !w->ops[0].executed) {
		if (w->ops[0].step == LIST_WAIT && w->sources == 0)
			return false;
		execute(w, &w->ops[0]);
	} else if (w->nops != 0) {
		static struct op op;

		op = w->ops[0];
		memmove(w->ops, w->ops + 1, --w->nops * sizeof(op));
		deliver(w, &op);
	} else if (w->paused) {
		w->paused = false;
		bridge_list_resume(w->list);
	} else {
		return false;
	}
	bridge_list_settle(w->list);
	return true;
}

static void
live(struct world *w)
{
	w->io = (struct list_io){
	    io_ask, io_can_publish, io_publish, io_pause, io_lost};
	w->list = bridge_list_new(&w->io);
	bridge_list_start(w->list);
}

/* What had left the bridge still arrives, or is lost with it. */
static void
die(struct world *w, bool arrives)
{
	for (size_t i = 0; arrives && i < w->nops; i++)
		if (!w->ops[i].executed)
			execute(w, &w->ops[i]);
	for (size_t i = 0; arrives && i < w->nflights; i++)
		if (!w->flights[i].handled)
			accept(w, &w->flights[i]);
	w->nops = w->nflights = 0;
	w->paused = false;
	bridge_list_free(&w->list);
}

#endif
