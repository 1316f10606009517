/*
 * redis_row.c - bytes there and back.
 */
#include "store/redis_row.h"

#include "common/must.h"
#include "common/table.h"

enum { VERSION = 1, ENVELOPED = 2, NUMBER = 8 };

static void
put_num(struct buf *b, uint64_t n)
{
	char bytes[NUMBER];

	for (unsigned i = 0; i < NUMBER; i++)
		bytes[i] = (char)(n >> i * 8 & 255);
	buf_add(b, bytes, NUMBER);
}

static bool
get_num(struct slice *s, uint64_t *n)
{
	if (s->n < NUMBER)
		return false;
	*n = 0;
	for (unsigned i = 0; i < NUMBER; i++)
		*n |= (uint64_t)(unsigned char)s->p[i] << i * 8;
	*s = slice_from(*s, NUMBER);
	return true;
}

static void
put_bytes(struct buf *b, struct slice s)
{
	put_num(b, s.n);
	buf_put(b, s);
}

static bool
get_bytes(struct slice *s, struct slice *out)
{
	uint64_t n;

	if (!get_num(s, &n) || n > s->n)
		return false;
	*out = (struct slice){s->p, (size_t)n};
	*s = slice_from(*s, (size_t)n);
	return true;
}

void
redis_row_put(struct buf *b, const struct record *r)
{
	buf_chr(b, r->envelope_n == 0 ? VERSION : ENVELOPED);
	put_num(b, r->expires);
	put_bytes(b, r->type);
	put_bytes(b, r->id);
	put_bytes(b, r->filter);
	if (r->envelope_n != 0)
		put_bytes(b, record_envelope(r));
	buf_put(b, r->body);
}

/* prev, bytes of the channel, its own, when it came, when it is too old. */
static bool
get_head(struct slice head, struct record *r)
{
	struct slice prev, skip, at;

	return slice_cut(&head, ' ', &prev) && slice_cut(&head, ' ', &skip) &&
	       slice_cut(&head, ' ', &skip) && slice_cut(&head, ' ', &at) &&
	       slice_num(prev, &r->prev) && slice_num(at, &r->at);
}

struct record *
redis_row_get(const struct redis_row *row)
{
	struct msg_deliver m = {.channel = row->channel, .epoch = row->epoch};
	struct slice id = row->id, offset, rest = row->blob;
	bool enveloped = rest.n != 0 && rest.p[0] == ENVELOPED;
	struct record *r;

	if (!slice_cut(&id, '-', &offset) || !slice_num(offset, &m.offset) ||
	    rest.n == 0 || (rest.p[0] != VERSION && !enveloped))
		return NULL;
	rest = slice_from(rest, 1);
	if (!get_num(&rest, &m.expires) || !get_bytes(&rest, &m.type) ||
	    !get_bytes(&rest, &m.id) || !get_bytes(&rest, &m.filter) ||
	    (enveloped && !get_bytes(&rest, &m.envelope)) ||
	    m.envelope.n > UINT16_MAX)
		return NULL;
	m.body = rest;
	r = record_new(&m);
	r->hash = table_hash(row->channel);
	r->shard = row->shard;
	r->kept = true;
	if (!get_head(row->head, r))
		record_unref(&r);
	return r;
}

void
redis_journal_put(struct buf *b, const struct redis_entry *e)
{
	put_num(b, e->offset);
	put_num(b, e->at);
	put_num(b, e->mark.boot);
	put_num(b, e->mark.seq);
	put_num(b, e->mark.id[0]);
	put_num(b, e->mark.id[1]);
	put_bytes(b, e->channel);
}

bool
redis_journal_get(struct slice *s, struct redis_entry *e)
{
	return get_num(s, &e->offset) && get_num(s, &e->at) &&
	       get_num(s, &e->mark.boot) && get_num(s, &e->mark.seq) &&
	       get_num(s, &e->mark.id[0]) && get_num(s, &e->mark.id[1]) &&
	       get_bytes(s, &e->channel);
}
