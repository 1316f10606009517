/*
 * recent.c - what was passed on lately.
 *
 * All messages stand in one list, the oldest first, which is also the order
 * within each channel: so the one that has to go, for want of room or for its
 * age, is always the first of its channel, and a channel's messages are a
 * ring.  They are numbered as they come.
 *
 * Framed forms are extras: a quarter of the bytes at most, and dropped once a
 * second.
 */
#include "hub/recent.h"

#include "common/list.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/fates.h"

struct note {
	struct list all; /* recents.notes */
	struct recent *of;
	uint64_t offset, ms, expires, filter;
	uint32_t body_n : 24;
	uint32_t track_n : 8; /* of its number, or 0 */
	uint8_t type_n, id_n;
	uint16_t envelope_n;
	char bytes[]; /* body, type, id, envelope, track */
};

/* One form of the messages from number `first` on. */
struct framed_notes {
	struct list node; /* recents.framed */
	struct framed_notes *next;
	struct recent *of;
	struct run *run;
	uint64_t first, end;
	size_t bytes; /* counted for it */
	enum form form;
	uint32_t at[RECENT_MESSAGES]; /* where a number begins in the run */
};

struct recent {
	struct recent **at;
	struct framed_notes *framed;
	struct note **notes;   /* a ring */
	uint64_t epoch, from;  /* all behind it is here */
	uint64_t first;        /* number of the oldest */
	uint32_t count, slots; /* slots: a power of two */
	size_t bytes;
};

struct recents {
	struct runs *runs;
	struct forms *forms;
	struct list notes, framed;
	size_t bytes, max;   /* of all there is */
	size_t framed_bytes; /* of them */
	uint64_t now;
};

struct recents *
recents_new(struct runs *runs, struct forms *forms, size_t bytes)
{
	struct recents *all = xcalloc(1, sizeof(*all));

	all->runs = runs;
	all->forms = forms;
	all->max = bytes;
	list_init(&all->notes);
	list_init(&all->framed);
	return all;
}

void
recents_free(struct recents **ap)
{
	struct recents *all = *ap;

	*ap = NULL;
	if (all == NULL)
		return;
	must(list_empty(&all->notes) && all->bytes == 0);
	free(all);
}

static void
count(struct recents *all, size_t more, size_t less)
{
	all->bytes += more - less;
	stats_set(STAT_recent_bytes, all->bytes);
}

static struct note **
note_at(const struct recent *r, uint64_t number)
{
	return &r->notes[number & (r->slots - 1)];
}

static size_t
note_size(const struct note *n)
{
	return sizeof(*n) + n->body_n + n->type_n + n->id_n + n->envelope_n +
	       n->track_n;
}

static uint64_t
note_track(const struct note *n)
{
	uint64_t track = 0;

	if (n->track_n != 0)
		memcpy(&track,
		    n->bytes + n->body_n + n->type_n + n->id_n + n->envelope_n,
		    sizeof(track));
	return track;
}

static size_t
own_size(const struct recent *r)
{
	return sizeof(*r) + r->slots * sizeof(struct note *);
}

static void
unframe(struct recents *all, struct framed_notes *f)
{
	struct framed_notes **at = &f->of->framed;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	list_remove(&f->node);
	count(all, 0, f->bytes);
	all->framed_bytes -= f->bytes;
	run_unref(&f->run);
	free(f);
}

static void
unframe_all(struct recents *all)
{
	list_each_safe (at, &all->framed)
		unframe(all, container_of(at, struct framed_notes, node));
}

/* Of a channel, its oldest; the last one takes the rest with it. */
static void
forget_first(struct recents *all, struct recent *r)
{
	struct note *n = *note_at(r, r->first);

	list_remove(&n->all);
	r->bytes -= note_size(n);
	count(all, 0, note_size(n));
	r->from = n->offset;
	free(n);
	r->first++;
	if (--r->count != 0)
		return;
	while (r->framed != NULL)
		unframe(all, r->framed);
	*r->at = NULL;
	count(all, 0, own_size(r));
	free(r->notes);
	free(r);
}

void
recent_drop(struct recents *all, struct recent **at)
{
	while (*at != NULL)
		forget_first(all, *at);
}

static struct note *
oldest(const struct recents *all)
{
	return container_of(all->notes.next, struct note, all);
}

static void
make_room(struct recents *all)
{
	if (all->framed_bytes > all->max / 4)
		unframe_all(all);
	while (all->bytes > all->max && !list_empty(&all->notes))
		forget_first(all, oldest(all)->of);
}

static void
recent_new(struct recents *all, struct recent **at, const struct msg_deliver *m,
    uint64_t last)
{
	struct recent *r = xcalloc(1, sizeof(*r));

	r->epoch = m->epoch;
	r->from = m->prev != 0 ? m->prev : last; /* 0: it may be forgotten */
	r->at = at;
	*at = r;
	count(all, own_size(r), 0);
}

static void
grow(struct recents *all, struct recent *r)
{
	uint32_t slots = r->slots != 0 ? r->slots * 2 : 4;
	struct note **notes = xmalloc(slots * sizeof(struct note *));

	for (uint64_t i = r->first; i < r->first + r->count; i++)
		notes[i & (slots - 1)] = *note_at(r, i);
	free(r->notes);
	r->notes = notes;
	count(all, (slots - r->slots) * sizeof(struct note *), 0);
	r->slots = slots;
}

static struct note *
note_new(const struct recents *all, const struct msg_deliver *m)
{
	struct slice track = {
	    (const char *)&m->track, m->track != 0 ? sizeof(m->track) : 0};
	struct note *n = xmalloc(sizeof(*n) + m->body.n + m->type.n + m->id.n +
				 m->envelope.n + track.n);
	char *at = n->bytes;

	n->offset = m->offset;
	n->expires = m->expires;
	n->filter = form_filter(m->filter);
	n->ms = all->now;
	n->body_n = m->body.n & 0xffffff; /* at most RECENT_BYTES */
	n->type_n = (uint8_t)m->type.n;
	n->track_n = track.n & 0xff;
	n->id_n = (uint8_t)m->id.n;
	n->envelope_n = (uint16_t)m->envelope.n;
	slice_keep(&at, m->body);
	slice_keep(&at, m->type);
	slice_keep(&at, m->id);
	slice_keep(&at, m->envelope);
	slice_keep(&at, track);
	return n;
}

/* A message that is too large leaves a hole, behind which it begins anew. */
void
recent_put(struct recents *all, struct recent **at, const struct msg_deliver *m,
    uint64_t last)
{
	size_t size = sizeof(struct note) + m->body.n + m->type.n + m->id.n +
	              m->envelope.n;
	struct recent *r;
	struct note *n;

	if (*at != NULL && ((*at)->epoch != m->epoch || m->prev > last))
		recent_drop(all, at);
	if (size > RECENT_BYTES || size > all->max) {
		recent_drop(all, at);
		return;
	}
	while (*at != NULL && ((*at)->count == RECENT_MESSAGES ||
				  (*at)->bytes + size > RECENT_BYTES))
		forget_first(all, *at);
	if (*at == NULL)
		recent_new(all, at, m, last);
	r = *at;
	if (r->count == r->slots)
		grow(all, r);
	n = note_new(all, m);
	n->of = r;
	list_append(&all->notes, &n->all);
	*note_at(r, r->first + r->count++) = n;
	r->bytes += note_size(n);
	count(all, note_size(n), 0);
	make_room(all);
}

bool
recent_covers(const struct recent *r, uint64_t epoch, uint64_t offset)
{
	return r != NULL && r->epoch == epoch && offset >= r->from;
}

void
recent_begin(const struct recent *r, struct recent_walk *w)
{
	uint64_t low = r->first, high = r->first + r->count;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if ((*note_at(r, middle))->offset <= w->offset)
			low = middle + 1;
		else
			high = middle;
	}
	w->number = low;
}

static struct framed_notes *
framed_find(const struct recent *r, enum form form)
{
	struct framed_notes *f = r->framed;

	while (f != NULL && f->form != form)
		f = f->next;
	return f;
}

static struct framed_notes *
framed_new(struct recents *all, struct recent *r, const struct recent_walk *w)
{
	struct framed_notes *f = xmalloc(sizeof(*f));

	f->of = r;
	f->form = w->form;
	f->first = f->end = w->number;
	f->run = run_new(all->runs);
	f->bytes = sizeof(*f);
	count(all, f->bytes, 0);
	all->framed_bytes += f->bytes;
	f->next = r->framed;
	r->framed = f;
	list_init(&f->node);
	list_append(&all->framed, &f->node);
	return f;
}

/* The run that the message can be read from, or appended to next. */
static struct framed_notes *
framed_for(struct recents *all, struct recent *r, const struct recent_walk *w)
{
	struct framed_notes *f = framed_find(r, w->form);

	if (f != NULL &&
	    (w->number < f->first || w->number > f->end ||
		(w->number == f->end && f->run->bytes.n > 2 * RECENT_BYTES))) {
		unframe(all, f);
		f = NULL;
	}
	return f != NULL ? f : framed_new(all, r, w);
}

static void
frame(struct recents *all, struct framed_notes *f, const struct note *n,
    const struct recent_walk *w)
{
	struct buf *b = &f->run->bytes;
	size_t before = b->n;
	struct event e = {
	    .channel = w->channel,
	    .shard = w->shard,
	    .epoch = f->of->epoch,
	    .offset = n->offset,
	    .body = {n->bytes, n->body_n},
	    .type = {n->bytes + n->body_n, n->type_n},
	    .id = {n->bytes + n->body_n + n->type_n, n->id_n},
	    .envelope = {n->bytes + n->body_n + n->type_n + n->id_n,
		n->envelope_n},
	    .unix_ms = w->unix_ms,
	};

	f->at[f->end++ % RECENT_MESSAGES] = (uint32_t)before;
	forms_begin(all->forms, &e);
	form_put(all->forms, f->form, b);
	if (b->n != before) /* as in deliver.c */
		run_end_message(f->run, note_track(n));
	f->bytes += b->n - before;
	all->framed_bytes += b->n - before;
	count(all, b->n - before, 0);
}

/* It would have been delivered. */
static bool
has_expired(const struct recents *all, const struct note *n, uint64_t unix_ms)
{
	if (n->expires == 0 || n->expires > unix_ms)
		return false;
	stats_add(STAT_messages_due, 1);
	stats_add(STAT_drop_expired, 1);
	if (n->track_n == 0)
		return true;
	fates_count(runs_fates(all->runs), note_track(n), STAT_messages_due);
	fates_count(runs_fates(all->runs), note_track(n), STAT_drop_expired);
	return true;
}

bool
recent_next(struct recents *all, struct recent *r, struct recent_walk *w,
    struct piece *p)
{
	struct framed_notes *f;
	struct note *n;

	do {
		if (w->number == r->first + r->count) {
			make_room(all);
			return false;
		}
		n = *note_at(r, w->number);
		f = framed_for(all, r, w);
		if (w->number == f->end)
			frame(all, f, n, w);
		p->run = f->run;
		p->from = f->at[w->number % RECENT_MESSAGES];
		w->number++;
		p->to = w->number == f->end
		            ? (uint32_t)f->run->bytes.n
		            : f->at[w->number % RECENT_MESSAGES];
	} while (has_expired(all, n, w->unix_ms));
	w->offset = n->offset;
	w->filter = n->filter;
	return true;
}

void
recents_tick(struct recents *all, uint64_t now)
{
	all->now = now;
	unframe_all(all);
	while (
	    !list_empty(&all->notes) && now - oldest(all)->ms > RECENT_AGE_MS)
		forget_first(all, oldest(all)->of);
}
