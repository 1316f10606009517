/*
 * basket.c - what fits into an answer, and what has to wait for the next.
 */
#include "hub/basket.h"

#include "common/must.h"
#include "common/stats.h"
#include "hub/conn.h"
#include "hub/owed.h"
#include "hub/subscribe.h"

struct basket_item {
	struct place place;
	struct piece piece; /* one message, or a gap */
};

static struct cursor_part *
cut_of(const struct basket *b, unsigned shard)
{
	for (unsigned i = 0; i < b->cuts; i++)
		if (b->cut[i].shard == shard)
			return &b->cut[i];
	return NULL;
}

static bool
fits(const struct basket *b, const struct place *at, size_t n)
{
	unsigned most = b->most != 0 ? b->most : BASKET_ITEMS;

	return at->gap || b->n == 0 ||
	       (b->n < most && b->bytes + n <= BASKET_BYTES);
}

/* No room: this one and all behind it of its shard come with the next
 * answer. */
static void
leave_out(struct basket *b, const struct place *at)
{
	struct cursor_part *cut = cut_of(b, at->shard);

	if (cut != NULL) {
		if (at->epoch == cut->epoch && at->offset < cut->offset)
			cut->offset = at->offset;
		return;
	}
	if (b->cuts == b->cuts_room) {
		b->cuts_room = b->cuts_room != 0 ? b->cuts_room * 2 : 1;
		b->cut = xrealloc(b->cut, b->cuts_room * sizeof(b->cut[0]));
	}
	b->cut[b->cuts++] =
	    (struct cursor_part){at->shard, at->epoch, at->offset};
}

/* Take an item out, and say what becomes of it. */
static void
part_with(struct basket *b, struct basket_item *i, enum stat_id became)
{
	owed_never(&i->piece, became);
	stats_sub(STAT_messages_pending, piece_messages(&i->piece));
	b->bytes -= i->piece.to - i->piece.from;
	run_unref(&i->piece.run);
}

/* Make room for what comes before others of its shard: of these the last goes.
 * False: there is none. */
static bool
evict(struct basket *b, const struct place *before)
{
	struct basket_item *last = NULL, *end = b->items + b->n;

	for (struct basket_item *i = b->items; i != end; i++)
		if (i->place.shard == before->shard && !i->place.gap &&
		    i->place.epoch == before->epoch &&
		    i->place.offset > before->offset &&
		    (last == NULL || i->place.offset > last->place.offset))
			last = i;
	if (last == NULL)
		return false;
	leave_out(b, &last->place);
	part_with(b, last, STAT_drop_no_room);
	memmove(last, last + 1, (size_t)(end - last - 1) * sizeof(*last));
	b->n--;
	return true;
}

/* It comes behind what was left out: of its shard, or in a new epoch. */
static bool
is_cut(const struct basket *b, const struct place *at)
{
	const struct cursor_part *cut = cut_of(b, at->shard);

	return cut != NULL && (at->epoch != cut->epoch ||
				  (!at->gap && at->offset >= cut->offset));
}

/* Behind all it is not known to stand before: what several channels of a shard
 * bring from their history comes in its order. */
static size_t
seat(struct basket *b, const struct place *at)
{
	size_t i = b->n;

	for (; i != 0 && !at->gap; i--) {
		const struct place *last = &b->items[i - 1].place;

		if (last->gap || last->shard != at->shard ||
		    last->epoch != at->epoch || last->offset <= at->offset)
			break;
		b->items[i] = b->items[i - 1];
	}
	return i;
}

void
basket_add(struct basket *b, struct piece piece, const struct place *at)
{
	size_t n = piece.to - piece.from;

	if (is_cut(b, at)) {
		owed_never(&piece, STAT_drop_no_room);
		return;
	}
	while (!fits(b, at, n) && evict(b, at))
		continue;
	if (!fits(b, at, n)) {
		leave_out(b, at);
		owed_never(&piece, STAT_drop_no_room);
		return;
	}
	if (b->n == b->room) {
		b->room = b->room != 0 ? b->room * 2 : 1;
		b->items = xrealloc(b->items, b->room * sizeof(b->items[0]));
	}
	b->items[seat(b, at)] = (struct basket_item){*at, piece};
	b->n++;
	run_ref(piece.run);
	b->bytes += n;
	stats_add(STAT_messages_pending, piece_messages(&piece));
}

struct slice
basket_at(const struct basket *b, size_t i)
{
	const struct piece *p = &b->items[i].piece;

	return (struct slice){p->run->bytes.p + p->from, p->to - p->from};
}

/* A channel that is behind has its place before what was left out of another
 * channel of its shard. */
static unsigned
place_of(const struct basket *b, const struct conn *c,
    struct cursor_part parts[CURSOR_PARTS])
{
	unsigned n = reader_position(&c->reader, parts);

	for (unsigned i = 0; i < n; i++) {
		const struct cursor_part *cut = cut_of(b, parts[i].shard);

		if (cut != NULL && (parts[i].epoch != cut->epoch ||
				       parts[i].offset >= cut->offset))
			parts[i] = (struct cursor_part){
			    cut->shard, cut->epoch, cut->offset - 1};
	}
	return n;
}

/* Of a shard whose numbering began anew it cannot be said whether what was
 * left out stands before the place or behind it. */
static bool
cut_is_placed(const struct basket *b, const struct conn *c)
{
	struct cursor_part parts[CURSOR_PARTS];
	unsigned n = reader_position(&c->reader, parts);

	for (unsigned i = 0; i < n && b->cuts != 0; i++) {
		const struct cursor_part *cut = cut_of(b, parts[i].shard);

		if (cut != NULL && cut->epoch != parts[i].epoch)
			return false;
	}
	return true;
}

void
basket_cursor(const struct basket *b, const struct conn *c, struct buf *out)
{
	struct cursor_part parts[CURSOR_PARTS];

	cursor_put(out, parts, place_of(b, c, parts));
}

/* All before that place was handed to the reader, if this is where it stands. */
static bool
reaches(const struct cursor_part *parts, unsigned n, const struct place *at)
{
	unsigned i = 0;

	while (i < n && parts[i].shard != at->shard)
		i++;
	return i < n && parts[i].epoch == at->epoch &&
	       parts[i].offset >= at->offset;
}

bool
basket_covered(const struct basket *b, const struct conn *c)
{
	struct cursor_part parts[CURSOR_PARTS];
	unsigned n;

	if (!reader_placed(c->hub->subs, &c->reader) || !cut_is_placed(b, c))
		return false;
	n = place_of(b, c, parts);
	for (size_t i = 0; i < b->n; i++)
		if (!reaches(parts, n, &b->items[i].place))
			return false;
	return true;
}

void
basket_hand(struct basket *b, struct conn *c)
{
	struct cursor_part parts[CURSOR_PARTS];
	bool all = reader_settled(c->hub->subs, &c->reader);
	unsigned n = all ? 0 : reader_position(&c->reader, parts);
	size_t kept = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct basket_item item = b->items[i];

		if (!all && !reaches(parts, n, &item.place)) {
			b->items[kept++] = item;
			continue;
		}
		stats_sub(STAT_messages_pending, piece_messages(&item.piece));
		b->bytes -= item.piece.to - item.piece.from;
		conn_send_asked(c, item.piece);
		run_unref(&item.piece.run);
	}
	b->n = kept;
}

void
basket_send(struct basket *b, struct conn *c, struct slice answer)
{
	struct run *run = run_new(c->hub->runs);

	buf_put(&run->bytes, answer);
	for (size_t i = 0; i < b->n; i++) {
		struct piece *p = &b->items[i].piece;

		stats_sub(STAT_messages_pending, piece_messages(p));
		run_end_all(run, p);
		run_unref(&p->run);
	}
	b->n = 0;
	conn_send(c, (struct piece){run, 0, (uint32_t)answer.n});
	run_unref(&run);
}

void
basket_free(struct basket *b)
{
	for (size_t i = 0; i < b->n; i++)
		part_with(b, &b->items[i], STAT_drop_closed);
	free(b->items);
	free(b->cut);
	*b = (struct basket){.n = 0};
}
