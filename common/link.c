/*
 * link.c - numbers, windows and silence of one link.
 *
 * There is no repair of single losses.  The transport underneath is a byte
 * stream that either delivers everything in order or is gone; the numbers
 * are there to notice when it was replaced behind our back.
 */
#include "common/link.h"

#include "common/must.h"

enum {
	ACK_AFTER = LINK_WINDOW / 4, /* bytes owed that earn a message */
	CHARGE = 64,                 /* least bytes a message counts for */
};

void
link_init(struct link *l)
{
	*l = (struct link){0};
}

void
link_free(struct link *l)
{
	free(l->sizes);
	buf_free(&l->out);
	*l = (struct link){0};
}

/* The header is written last, into the room left for it here. */
static void
open_message(struct link *l)
{
	if (l->out.n != 0)
		return;
	must(buf_room(&l->out, 512) != NULL);
	l->out.n = MSG_HEADER;
}

void
link_add(struct link *l, const struct msg *m)
{
	open_message(l);
	msg_encode(&l->out, m);
	l->frames++;
}

void
link_add_encoded(struct link *l, struct slice s, unsigned frames)
{
	open_message(l);
	must(buf_put(&l->out, s));
	l->frames += frames;
}

bool
link_room(const struct link *l)
{
	return l->flight + l->out.n < LINK_WINDOW;
}

bool
link_ripe(const struct link *l)
{
	return l->frames >= LINK_MESSAGE_FRAMES ||
	       l->out.n >= LINK_MESSAGE_BYTES;
}

bool
link_due(const struct link *l)
{
	return l->frames != 0 || l->owed >= ACK_AFTER;
}

static void
remember_size(struct link *l, uint32_t size)
{
	uint64_t count = l->sent - l->acked;

	if (count > l->ring) {
		uint32_t ring = l->ring != 0 ? l->ring * 2 : 16;
		uint32_t *sizes = xmalloc(ring * sizeof(*sizes));

		for (uint64_t n = l->acked + 1; n < l->sent; n++)
			sizes[n & (ring - 1)] = l->sizes[n & (l->ring - 1)];
		free(l->sizes);
		l->sizes = sizes;
		l->ring = ring;
	}
	l->sizes[l->sent & (l->ring - 1)] = size;
	l->flight += size;
}

static uint32_t
charge(size_t size)
{
	return size < CHARGE ? CHARGE : (uint32_t)size;
}

struct slice
link_seal(struct link *l)
{
	struct slice message;

	open_message(l);
	l->sent++;
	remember_size(l, charge(l->out.n));
	l->told = l->seen - l->handling;
	msg_header_write(l->out.p, l->sent, l->told);
	l->owed = l->handling ? l->owed : 0;
	message = buf_slice(&l->out);
	l->out = (struct buf){0};
	l->frames = 0;
	return message;
}

enum link_verdict
link_heard(struct link *l, uint64_t n, uint64_t acked, size_t size)
{
	if (n != l->seen + 1)
		return LINK_HOLE;
	if (acked > l->sent || acked < l->acked)
		return LINK_BAD;
	while (l->acked < acked) {
		l->acked++;
		l->flight -= l->sizes[l->acked & (l->ring - 1)];
	}
	l->seen = n;
	l->owed += charge(size);
	l->silent = 0;
	return LINK_OK;
}

void
link_handle(struct link *l, bool begins)
{
	l->handling = begins;
}

bool
link_beat(struct link *l, bool drained)
{
	if (drained)
		l->silent++;
	return l->silent > LINK_SILENT_BEATS;
}
