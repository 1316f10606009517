/*
 * record.c - one message, one block of memory.
 */
#include "store/record.h"

#include "common/must.h"

struct record *
record_new(const struct msg_deliver *m)
{
	size_t n = m->channel.n + m->type.n + m->id.n + m->filter.n +
	           m->body.n + m->envelope.n;
	struct record *r = xmalloc(sizeof(*r) + n);
	char *at = r->bytes;

	*r = (struct record){
	    .refs = 1,
	    .envelope_n = (uint16_t)m->envelope.n,
	    .epoch = m->epoch,
	    .offset = m->offset,
	    .prev = m->prev,
	    .expires = m->expires,
	};
	list_init(&r->age);
	r->channel = slice_keep(&at, m->channel);
	r->type = slice_keep(&at, m->type);
	r->id = slice_keep(&at, m->id);
	r->filter = slice_keep(&at, m->filter);
	r->body = slice_keep(&at, m->body);
	slice_keep(&at, m->envelope);
	return r;
}

struct record *
record_ref(struct record *r)
{
	must(r->refs++ != 0);
	return r;
}

void
record_unref(struct record **rp)
{
	struct record *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	must(r->refs != 0);
	if (--r->refs == 0)
		free(r);
}

size_t
record_size(const struct record *r)
{
	return sizeof(*r) + r->channel.n + r->type.n + r->id.n + r->filter.n +
	       r->body.n + r->envelope_n;
}

struct msg_deliver
record_deliver(const struct record *r)
{
	return (struct msg_deliver){
	    .channel = r->channel,
	    .epoch = r->epoch,
	    .offset = r->offset,
	    .prev = r->prev,
	    .type = r->type,
	    .body = r->body,
	    .filter = r->filter,
	    .id = r->id,
	    .expires = r->expires,
	    .envelope = record_envelope(r),
	};
}
