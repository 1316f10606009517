/*
 * run.c - the pool of runs, and queues of pieces.
 *
 * Most queues are empty or one piece long, and that one is embedded; only a
 * reader of many channels, or a slow one, owns a ring.
 */
#include "hub/run.h"

#include "common/must.h"

struct runs {
	struct run *spare;
	unsigned spares;
	size_t live;
	struct fates *fates;
};

struct runs *
runs_new(void)
{
	return xcalloc(1, sizeof(struct runs));
}

void
runs_count(struct runs *p, struct fates *fates)
{
	p->fates = fates;
}

struct fates *
runs_fates(const struct runs *p)
{
	return p->fates;
}

static void
run_free(struct run *r)
{
	buf_free(&r->bytes);
	free(r->ends);
	free(r);
}

void
runs_free(struct runs **pp)
{
	struct runs *p = *pp;
	struct run *r;

	*pp = NULL;
	if (p == NULL)
		return;
	must(p->live == 0);
	while ((r = p->spare) != NULL) {
		p->spare = r->next;
		run_free(r);
	}
	free(p);
}

struct run *
run_new(struct runs *p)
{
	struct run *r = p->spare;

	if (r != NULL) {
		p->spare = r->next;
		p->spares--;
	} else {
		r = xcalloc(1, sizeof(*r));
		r->pool = p;
	}
	p->live++;
	r->refs = 1;
	r->next = NULL;
	r->ends_n = 0;
	return r;
}

void
run_end_message(struct run *r, uint64_t track)
{
	if (r->ends_n == r->ends_room) {
		r->ends_room = r->ends_room != 0 ? r->ends_room * 2 : 4;
		r->ends = xrealloc(r->ends, r->ends_room * sizeof(*r->ends));
	}
	r->ends[r->ends_n++] = (uint32_t)r->bytes.n;
	if (track != 0)
		marks_add(
		    &r->marks, &(struct mark){track, r->ends[r->ends_n - 1]});
}

void
piece_marks(const struct piece *p, enum stat_id what)
{
	marks_became(p->run->marks, (struct marks_range){p->from, p->to},
	    p->run->pool->fates, what);
}

void
run_end_all(struct run *r, const struct piece *p)
{
	const struct marks *m = p->run->marks;

	for (uint32_t n = piece_messages(p); n != 0; n--)
		run_end_message(r, 0);
	for (uint32_t i = 0; m != NULL && i < m->n; i++)
		if (m->at[i].end > p->from && m->at[i].end <= p->to)
			marks_add(&r->marks, &(struct mark){m->at[i].track,
						 (uint32_t)r->bytes.n});
}

/* Messages that end at or before it. */
static uint32_t
ended(const struct run *r, uint32_t at)
{
	uint32_t low = 0, high = r->ends_n;

	if (high != 0 && r->ends[high - 1] <= at)
		return high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (r->ends[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t
run_count(const struct run *r, uint32_t from, uint32_t to)
{
	if (r->ends_n == 0)
		return 0;
	return ended(r, to) - ended(r, from);
}

void
run_unref(struct run **rp)
{
	struct run *r = *rp;
	struct runs *p;

	*rp = NULL;
	if (r == NULL || --r->refs != 0)
		return;
	p = r->pool;
	p->live--;
	if (r->marks != NULL) {
		free(r->marks);
		r->marks = NULL;
	}
	if (p->spares == RUN_POOL) {
		run_free(r);
		return;
	}
	if (r->ends_room > RUN_POOL_ENDS) {
		free(r->ends);
		r->ends = NULL;
		r->ends_room = 0;
	}
	if (r->bytes.cap > RUN_POOL_BYTES)
		buf_free(&r->bytes);
	else
		buf_clear(&r->bytes);
	r->next = p->spare;
	p->spare = r;
	p->spares++;
}

/* Pieces behind the first, a ring. */
struct out_more {
	uint32_t head, count, slots; /* slots: a power of two */
	struct piece pieces[];
};

static struct piece *
more_at(struct out_more *m, uint32_t i)
{
	return &m->pieces[(m->head + i) & (m->slots - 1)];
}

static struct out_more *
more_grow(struct out_more *old)
{
	uint32_t slots = old != NULL ? old->slots * 2 : 4;
	struct out_more *m = xmalloc(sizeof(*m) + slots * sizeof(m->pieces[0]));

	m->head = 0;
	m->slots = slots;
	m->count = old != NULL ? old->count : 0;
	for (uint32_t i = 0; i < m->count; i++)
		m->pieces[i] = *more_at(old, i);
	free(old);
	return m;
}

void
out_push(struct out *o, struct piece p)
{
	struct piece *last = &o->first;

	if (p.to <= p.from)
		return;
	o->bytes += p.to - p.from;
	if (o->more != NULL && o->more->count != 0)
		last = more_at(o->more, o->more->count - 1);
	if (last->run == p.run && last->to == p.from) {
		last->to = p.to;
		return;
	}
	run_ref(p.run);
	if (last->run == NULL) {
		*last = p;
		return;
	}
	if (o->more == NULL || o->more->count == o->more->slots)
		o->more = more_grow(o->more);
	*more_at(o->more, o->more->count++) = p;
}

static struct slice
piece_slice(const struct piece *p)
{
	return (struct slice){p->run->bytes.p + p->from, p->to - p->from};
}

unsigned
out_front(const struct out *o, struct slice *out)
{
	unsigned n = 0;

	if (o->first.run == NULL)
		return 0;
	out[n++] = piece_slice(&o->first);
	if (o->more == NULL)
		return n;
	for (uint32_t i = 0; i < o->more->count && n < OUT_IOVECS; i++)
		out[n++] = piece_slice(more_at(o->more, i));
	return n;
}

/* The first piece is done: the next one takes its place. */
static void
shift(struct out *o)
{
	run_unref(&o->first.run);
	if (o->more == NULL)
		return;
	if (o->more->count != 0) {
		o->first = *more_at(o->more, 0);
		o->more->head++;
		o->more->count--;
	}
	if (o->more->count == 0) {
		free(o->more);
		o->more = NULL;
	}
}

/* Bytes of its front. */
static uint32_t
written(struct piece *p, uint32_t n)
{
	struct piece part = {p->run, p->from, p->from + n};

	p->from += n;
	piece_became(&part, STAT_messages_delivered);
	return run_count(part.run, part.from, part.to);
}

uint32_t
out_pop(struct out *o, size_t n)
{
	uint32_t count = 0;

	must(n <= o->bytes);
	o->bytes -= n;
	while (n != 0) {
		struct piece *p = &o->first;
		size_t have = p->to - p->from;

		if (n < have) {
			return count + written(p, (uint32_t)n);
		}
		n -= have;
		piece_became(p, STAT_messages_delivered);
		count += piece_messages(p);
		shift(o);
	}
	return count;
}

uint32_t
out_clear(struct out *o, enum stat_id why)
{
	uint32_t count = 0;

	while (o->first.run != NULL) {
		count += piece_messages(&o->first);
		piece_became(&o->first, why);
		shift(o);
	}
	o->bytes = 0;
	return count;
}

bool
out_shift(struct out *o, struct piece *p)
{
	*p = o->first;
	if (p->run == NULL)
		return false;
	o->bytes -= p->to - p->from;
	run_ref(p->run); /* shift() gives one back */
	shift(o);
	return true;
}
