/*
 * box.c - a sorted array, and the form of a row.
 *
 * A row's key is the box, a zero byte, and the item's key: names of boxes
 * have no zero byte, so none is the beginning of another.  Its value is a
 * format byte, version and time in little endian, the length of the type in
 * one byte, the type, and the body to the end.
 */
#include "store/box.h"

#include "common/must.h"

enum { FORMAT = 1, HEAD = 1 + 8 + 8 + 1, ITEMS = 4 };

/* The place of a key, or where it would stand. */
static size_t
place(const struct box_dir *d, struct slice key)
{
	size_t low = 0, high = d->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (slice_order(box_item_key(d->items[mid]), key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
is_at(const struct box_dir *d, size_t at, struct slice key)
{
	return at < d->count && slice_eq(box_item_key(d->items[at]), key);
}

const struct box_item *
box_dir_find(const struct box_dir *d, struct slice key)
{
	size_t at = place(d, key);

	return is_at(d, at, key) ? d->items[at] : NULL;
}

static size_t
memory_of(const struct box_item *i)
{
	return sizeof(*i) + i->key_n + sizeof(i);
}

static void
take(struct box_dir *d, const struct box_item *i)
{
	d->bytes -= i->size;
	d->memory -= memory_of(i);
}

static void
insert(struct box_dir *d, size_t at, struct slice key)
{
	struct box_item *i = xmalloc(sizeof(*i) + key.n);

	if (d->count == d->room) {
		d->room = d->room != 0 ? d->room * 2 : ITEMS;
		d->items = xrealloc(d->items, d->room * sizeof(*d->items));
	}
	memmove(&d->items[at + 1], &d->items[at],
	    (d->count - at) * sizeof(*d->items));
	memcpy(i->key, key.p, key.n);
	i->key_n = (uint32_t)key.n;
	d->items[at] = i;
	d->count++;
}

void
box_dir_put(struct box_dir *d, const struct box_entry *e)
{
	size_t at = place(d, e->key);
	struct box_item *i;

	if (is_at(d, at, e->key))
		take(d, d->items[at]);
	else
		insert(d, at, e->key);
	i = d->items[at];
	i->version = e->version;
	i->expires = e->expires;
	i->size = e->size;
	d->bytes += i->size;
	d->memory += memory_of(i);
	if (i->expires != 0 && (d->soonest == 0 || i->expires < d->soonest))
		d->soonest = i->expires;
}

void
box_dir_remove(struct box_dir *d, struct slice key)
{
	size_t at = place(d, key);

	if (!is_at(d, at, key))
		return;
	take(d, d->items[at]);
	free(d->items[at]);
	d->count--;
	memmove(&d->items[at], &d->items[at + 1],
	    (d->count - at) * sizeof(*d->items));
}

size_t
box_dir_expire(struct box_dir *d, uint64_t unix_ms)
{
	size_t left = 0, before = d->count;

	if (d->soonest == 0 || d->soonest > unix_ms)
		return 0;
	d->soonest = 0;
	for (size_t k = 0; k < before; k++) {
		struct box_item *i = d->items[k];

		if (i->expires != 0 && i->expires <= unix_ms) {
			take(d, i);
			free(i);
			continue;
		}
		if (i->expires != 0 &&
		    (d->soonest == 0 || i->expires < d->soonest))
			d->soonest = i->expires;
		d->items[left++] = i;
	}
	d->count = left;
	return before - left;
}

void
box_dir_clear(struct box_dir *d)
{
	for (size_t k = 0; k < d->count; k++)
		free(d->items[k]);
	free(d->items);
	*d = (struct box_dir){0};
}

struct slice
box_key(char room[ROW_KEY], struct slice box, struct slice key)
{
	must(box.n + 1 + key.n <= ROW_KEY);
	memcpy(room, box.p, box.n);
	room[box.n] = '\0';
	if (key.n != 0)
		memcpy(room + box.n + 1, key.p, key.n);
	return (struct slice){room, box.n + 1 + key.n};
}

static void
put_number(struct buf *b, uint64_t n)
{
	for (unsigned i = 0; i < 64; i += 8)
		buf_chr(b, (char)(n >> i));
}

static uint64_t
number(const char *p)
{
	uint64_t n = 0;

	for (unsigned i = 8; i-- != 0;)
		n = n << 8 | (unsigned char)p[i];
	return n;
}

void
box_value_write(struct buf *b, const struct box_value *v)
{
	must(v->type.n <= 255);
	buf_chr(b, FORMAT);
	put_number(b, v->version);
	put_number(b, v->at);
	buf_chr(b, (char)v->type.n);
	buf_put(b, v->type);
	buf_put(b, v->body);
}

bool
box_value_read(struct slice s, struct box_value *v)
{
	size_t type;

	if (s.n < HEAD || s.p[0] != FORMAT)
		return false;
	type = (unsigned char)s.p[HEAD - 1];
	if (s.n < HEAD + type)
		return false;
	v->version = number(s.p + 1);
	v->at = number(s.p + 9);
	v->type = (struct slice){s.p + HEAD, type};
	v->body = slice_from(s, HEAD + type);
	return true;
}

uint32_t
box_size(struct slice key, const struct box_value *v)
{
	return (uint32_t)(key.n + v->type.n + v->body.n);
}
