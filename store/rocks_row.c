/*
 * rocks_row.c - keys and rows, byte by byte.
 */
#include "store/rocks_row.h"

#include "common/must.h"

#include <endian.h>

enum { APPEND = 1, SAME_BOOT = 2, BOOT = 4, HASH = 8 };
enum {
	NUM_MOST = 10,                        /* bytes of a number */
	LOG_HEAD = 8 + 9 * NUM_MOST,          /* a row without its bytes */
	ENTRY_MOST = 1 + 4 * NUM_MOST + 3 * 8 /* of the journal */
};

/* Added to the length of a filter: that of an envelope is next.  More than a
 * row has bytes, so a store that knows of none finds the row unreadable. */
enum { ENVELOPED = 1 << 28 };

void
rocks_key_shard(struct rocks_key *k, uint16_t shard)
{
	k->p[0] = (char)(shard >> 8);
	k->p[1] = (char)shard;
	k->n = ROCKS_SHARD;
}

static void
put_fixed(char *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

/* Appends. */
static void
key_num(struct rocks_key *k, uint64_t v)
{
	must(k->n + 8 <= sizeof(k->p));
	put_fixed(k->p + k->n, v);
	k->n += 8;
}

void
rocks_key_bytes(struct rocks_key *k, struct slice s)
{
	must(s.n <= sizeof(k->p) - k->n);
	if (s.n != 0)
		memcpy(k->p + k->n, s.p, s.n);
	k->n += s.n;
}

void
rocks_key_id(struct rocks_key *k, uint16_t shard, uint64_t id)
{
	rocks_key_shard(k, shard);
	key_num(k, id);
}

void
rocks_key_place(struct rocks_key *k, uint16_t shard, uint64_t a, uint64_t b)
{
	rocks_key_id(k, shard, a);
	key_num(k, b);
}

uint64_t
rocks_num_at(struct slice key, size_t at)
{
	uint64_t v;

	must(key.n >= at + 8);
	memcpy(&v, key.p + at, sizeof(v));
	return be64toh(v);
}

uint16_t
rocks_shard_at(struct slice key)
{
	must(key.n >= ROCKS_SHARD);
	return (
	    uint16_t)((unsigned char)key.p[0] << 8 | (unsigned char)key.p[1]);
}

/* Where it ends; room for it is there. */
static char *
num_put(char *p, uint64_t v)
{
	for (; v > 127; v >>= 7)
		*p++ = (char)(v | 128);
	*p++ = (char)v;
	return p;
}

static char *
bytes_put(char *p, struct slice s)
{
	if (s.n != 0)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

void
rocks_put_num(struct buf *b, uint64_t v)
{
	char *p = buf_room(b, NUM_MOST);

	b->n += (size_t)(num_put(p, v) - p);
}

bool
rocks_get_num(struct slice *rest, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < rest->n && i < NUM_MOST; i++) {
		unsigned char c = (unsigned char)rest->p[i];

		v |= (uint64_t)(c & 127) << (7 * i);
		if (c > 127)
			continue;
		*rest = slice_from(*rest, i + 1);
		*out = v;
		return true;
	}
	return false;
}

static bool
get_nums(struct slice *rest, uint64_t *const *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!rocks_get_num(rest, out[i]))
			return false;
	return true;
}

static bool
get_bytes(struct slice *rest, size_t n, struct slice *out)
{
	if (n > rest->n)
		return false;
	*out = (struct slice){rest->p, n};
	*rest = slice_from(*rest, n);
	return true;
}

/* Differences both ways, the small ones short. */
static uint64_t
fold(uint64_t d)
{
	return d << 1 ^ (0 - (d >> 63));
}

static uint64_t
unfold(uint64_t z)
{
	return z >> 1 ^ (0 - (z & 1));
}

void
rocks_put_state(struct buf *b, const struct rocks_state *s, struct slice name)
{
	rocks_put_num(b, s->last);
	rocks_put_num(b, s->nth);
	rocks_put_num(b, s->total);
	rocks_put_num(b, s->at);
	rocks_put_num(b, s->policy.count);
	rocks_put_num(b, s->policy.age_ms);
	rocks_put_num(b, s->policy.bytes);
	buf_put(b, name);
}

bool
rocks_get_state(struct slice v, struct rocks_state *s, struct slice *name)
{
	uint64_t *const out[] = {&s->last, &s->nth, &s->total, &s->at,
	    &s->policy.count, &s->policy.age_ms, &s->policy.bytes};

	if (!get_nums(&v, out, LENGTH(out)))
		return false;
	*name = v;
	return true;
}

void
rocks_put_log(struct buf *b, uint64_t offset, const struct rocks_log *r)
{
	size_t bytes =
	    r->type.n + r->id.n + r->filter.n + r->envelope.n + r->body.n;
	char *p = buf_room(b, LOG_HEAD + bytes), *from = p;

	put_fixed(p, r->deadline);
	p = num_put(p + 8, r->at);
	p = num_put(p, fold(offset - r->prev));
	p = num_put(p, r->nth);
	p = num_put(p, r->before);
	p = num_put(p, r->expires);
	p = num_put(p, r->type.n);
	p = num_put(p, r->id.n);
	p = num_put(p, r->filter.n + (r->envelope.n != 0 ? ENVELOPED : 0));
	if (r->envelope.n != 0)
		p = num_put(p, r->envelope.n);
	p = bytes_put(p, r->type);
	p = bytes_put(p, r->id);
	p = bytes_put(p, r->filter);
	p = bytes_put(p, r->envelope);
	p = bytes_put(p, r->body);
	b->n += (size_t)(p - from);
}

bool
rocks_get_log(struct slice v, uint64_t offset, struct rocks_log *r)
{
	uint64_t type, id, filter, envelope = 0;
	uint64_t *const out[] = {&r->at, &r->prev, &r->nth, &r->before,
	    &r->expires, &type, &id, &filter};

	if (v.n < 8)
		return false;
	r->deadline = rocks_num_at(v, 0);
	v = slice_from(v, 8);
	if (!get_nums(&v, out, LENGTH(out)))
		return false;
	if (filter >= ENVELOPED) {
		filter -= ENVELOPED;
		if (!rocks_get_num(&v, &envelope))
			return false;
	}
	if (!get_bytes(&v, type, &r->type) || !get_bytes(&v, id, &r->id) ||
	    !get_bytes(&v, filter, &r->filter) ||
	    !get_bytes(&v, envelope, &r->envelope))
		return false;
	r->prev = offset - unfold(r->prev);
	r->body = v;
	return true;
}

uint64_t
rocks_log_size(const struct rocks_log *r, size_t name)
{
	return sizeof(struct record) + name + r->type.n + r->id.n +
	       r->filter.n + r->envelope.n + r->body.n;
}

bool
rocks_dead(
    const struct rocks_log *r, const struct rocks_state *s, uint64_t unix_ms)
{
	const struct policy *p = &s->policy;

	if (r->deadline != 0 && r->deadline <= unix_ms)
		return true;
	if (p->age_ms != 0 && unix_ms >= r->at && unix_ms - r->at >= p->age_ms)
		return true;
	if (r->nth > s->nth) /* kept since the state was read */
		return false;
	return s->nth - r->nth >= p->count ||
	       (p->bytes != 0 && s->total - r->before > p->bytes);
}

static char *
put_mark(const struct rocks_journal *j, char *p, const struct mark *m,
    unsigned flags)
{
	if (flags & BOOT) {
		put_fixed(p, m->boot);
		p += 8;
	}
	if (flags & (BOOT | SAME_BOOT))
		p = num_put(p, fold(m->seq - j->past.mark.seq));
	if (!(flags & HASH))
		return p;
	put_fixed(p, m->id[0]);
	put_fixed(p + 8, m->id[1]);
	return p + 16;
}

void
rocks_journal_add(struct rocks_journal *j, const struct rocks_entry *e)
{
	unsigned flags = e->append ? APPEND : 0;
	char *p = buf_room(&j->entries, ENTRY_MOST), *from = p;

	if (e->mark.boot != 0)
		flags |= e->mark.boot == j->past.mark.boot ? SAME_BOOT : BOOT;
	if (e->mark.id[0] != 0 || e->mark.id[1] != 0)
		flags |= HASH;
	*p++ = (char)flags;
	p = num_put(p, fold(e->offset - j->past.offset));
	p = num_put(p, fold(e->at - j->past.at));
	if (e->append) {
		p = num_put(p, e->offset - e->id);
		if (j->first == 0)
			j->first = e->offset;
		j->top = e->offset;
	}
	p = put_mark(j, p, &e->mark, flags);
	j->entries.n += (size_t)(p - from);
	j->past.offset = e->offset;
	j->past.at = e->at;
	if (e->mark.boot != 0)
		j->past.mark = e->mark;
	j->count++;
}

void
rocks_journal_end(const struct rocks_journal *j, struct buf *value)
{
	rocks_put_num(value, j->past.at);
	rocks_put_num(value, j->count);
	rocks_put_num(value, j->top);
	buf_put(value, buf_slice(&j->entries));
}

void
rocks_journal_clear(struct rocks_journal *j)
{
	struct buf b = j->entries;

	buf_clear(&b);
	*j = (struct rocks_journal){.entries = b};
}

bool
rocks_commit_open(struct slice v, struct rocks_commit *c)
{
	uint64_t *const out[] = {&c->at, &c->count, &c->top};

	*c = (struct rocks_commit){0};
	if (!get_nums(&v, out, LENGTH(out)))
		return false;
	c->rest = v;
	return true;
}

static bool
get_mark(struct rocks_commit *c, unsigned flags, struct mark *m)
{
	struct slice bytes;
	uint64_t seq;

	*m = (struct mark){0};
	if (flags & BOOT) {
		if (!get_bytes(&c->rest, 8, &bytes))
			return false;
		m->boot = rocks_num_at(bytes, 0);
	} else if (flags & SAME_BOOT) {
		m->boot = c->past.mark.boot;
	}
	if (flags & (BOOT | SAME_BOOT)) {
		if (!rocks_get_num(&c->rest, &seq))
			return false;
		m->seq = c->past.mark.seq + unfold(seq);
	}
	if (!(flags & HASH))
		return true;
	if (!get_bytes(&c->rest, 16, &bytes))
		return false;
	m->id[0] = rocks_num_at(bytes, 0);
	m->id[1] = rocks_num_at(bytes, 8);
	return true;
}

bool
rocks_commit_next(struct rocks_commit *c, struct rocks_entry *e)
{
	uint64_t offset, at, id = 0;
	struct slice flags;

	if (c->count == 0 || !get_bytes(&c->rest, 1, &flags) ||
	    !rocks_get_num(&c->rest, &offset) || !rocks_get_num(&c->rest, &at))
		return false;
	e->append = (flags.p[0] & APPEND) != 0;
	if (e->append && !rocks_get_num(&c->rest, &id))
		return false;
	e->offset = c->past.offset + unfold(offset);
	e->at = c->past.at + unfold(at);
	e->id = e->offset - id;
	if (!get_mark(c, (unsigned char)flags.p[0], &e->mark))
		return false;
	c->past.offset = e->offset;
	c->past.at = e->at;
	if (e->mark.boot != 0)
		c->past.mark = e->mark;
	c->count--;
	return true;
}

void
rocks_put_meta(struct buf *b, const struct rocks_meta *m)
{
	rocks_put_num(b, m->epoch);
	rocks_put_num(b, m->top);
	rocks_put_num(b, m->reserved);
	rocks_put_num(b, m->floor[0]);
	rocks_put_num(b, m->floor[1]);
	rocks_put_num(b, m->floor_lost);
	rocks_put_num(b, m->noted);
	rocks_put_num(b, m->forgotten);
}

bool
rocks_get_meta(struct slice v, struct rocks_meta *m)
{
	uint64_t *const out[] = {&m->epoch, &m->top, &m->reserved, &m->floor[0],
	    &m->floor[1], &m->floor_lost, &m->noted, &m->forgotten};

	return get_nums(&v, out, LENGTH(out));
}
