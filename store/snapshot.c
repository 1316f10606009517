/*
 * snapshot.c - rows one behind the other: a head, the key, the value.
 */
#include "store/snapshot.h"

#include "common/must.h"

enum { PAGE = 4096, PAGE_BYTES = 4 << 20 };

struct head {
	uint32_t key_n, value_n;
	uint64_t expires;
};

struct reading {
	struct scan scan;
	struct snapshot *into;
	char last[ROW_KEY];
	size_t last_n;
};

static void
found(struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	struct reading *r = container_of(q, struct reading, scan);
	struct buf *b = &r->into->rows;
	struct head h = {(uint32_t)key.n, (uint32_t)value.n, expires};

	must(key.n <= ROW_KEY);
	memcpy(r->last, key.p, key.n);
	r->last_n = key.n;
	buf_add(b, (const char *)&h, sizeof(h));
	buf_put(b, key);
	buf_put(b, value);
}

void
snapshot_read(struct snapshot *s)
{
	struct reading r = {.into = s,
	    .scan = {
		.space = s->space,
		.shard = (uint16_t)s->shard,
		.prefix = s->prefix,
		.unix_ms = s->unix_ms,
		.most = PAGE,
		.most_bytes = PAGE_BYTES,
		.found = found,
	    }};
	char after[ROW_KEY];

	s->code = CODE_ok;
	if (s->engine->scan == NULL)
		return;
	do {
		memcpy(after, r.last, r.last_n);
		r.scan.after = (struct slice){after, r.last_n};
		s->engine->scan(s->engine, &r.scan);
	} while (r.scan.code == CODE_ok && r.scan.more && r.scan.count != 0);
	s->code = r.scan.code;
}

bool
snapshot_next(const struct snapshot *s, size_t *at, struct rows_row *row)
{
	struct head h;

	if (s->code != CODE_ok || *at >= s->rows.n)
		return false;
	memcpy(&h, s->rows.p + *at, sizeof(h));
	*at += sizeof(h);
	row->key = (struct slice){s->rows.p + *at, h.key_n};
	row->value = (struct slice){s->rows.p + *at + h.key_n, h.value_n};
	row->expires = h.expires;
	*at += h.key_n + h.value_n;
	return true;
}

void
snapshot_free(struct snapshot *s)
{
	if (s->rows.n != 0)
		explicit_bzero(s->rows.p, s->rows.n);
	buf_free(&s->rows);
}
