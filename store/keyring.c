/*
 * keyring.c - encoded key frames, by the key's id.
 *
 * What stands in a row is checked when it is read, not when it is set: a row
 * that is no key is told to nobody.
 */
#include "store/keyring.h"

#include "common/channel.h"
#include "common/keys.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/table.h"
#include "store/tables.h"

enum { LOAD_ROWS = 1000, LOAD_BYTES = 1 << 20, NO_SHARD = 65534 };

#define TABLE "keys"

struct ring_key {
	struct table_entry entry; /* by id, which is in the frame */
	uint16_t shard; /* of its application; NO_SHARD: from the settings */
	size_t n;
	char frame[];
};

struct keyring {
	unsigned shards;
	struct table *by_id;
};

struct keyring *
keyring_new(unsigned shards)
{
	struct keyring *k = xcalloc(1, sizeof(*k));

	k->shards = shards;
	k->by_id = table_new();
	return k;
}

static void
forget(struct keyring *ring, struct table_entry *e)
{
	struct ring_key *k = container_of(e, struct ring_key, entry);

	table_remove(ring->by_id, e);
	explicit_bzero(k->frame, k->n);
	free(k);
	stats_set(STAT_keys_known, table_count(ring->by_id));
}

void
keyring_free(struct keyring **kp)
{
	struct keyring *ring = *kp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*kp = NULL;
	if (ring == NULL)
		return;
	while ((e = table_next(ring->by_id, &at)) != NULL)
		forget(ring, e);
	table_free(&ring->by_id);
	free(ring);
}

static bool
decode(struct slice frame, struct msg *m)
{
	const char *why;

	return msg_decode(frame, m, &why) == (long)frame.n && m->id == MSG_key;
}

/* In place of the one of the same id; *m is the frame's. */
static struct ring_key *
keep(struct keyring *ring, struct slice frame, struct msg *m)
{
	struct table_entry *old = table_find(ring->by_id, m->key.id);
	struct ring_key *k = xmalloc(sizeof(*k) + frame.n);

	if (old != NULL)
		forget(ring, old);
	k->n = frame.n;
	memcpy(k->frame, frame.p, frame.n);
	must(decode((struct slice){k->frame, k->n}, m));
	k->shard = (uint16_t)channel_shard(m->key.app, ring->shards);
	table_insert(ring->by_id, &k->entry, m->key.id);
	stats_set(STAT_keys_known, table_count(ring->by_id));
	return k;
}

void
keyring_add(struct keyring *ring, const struct core_key *key)
{
	struct msg m = {.id = MSG_key,
	    .key = {
		.app = key->app,
		.id = key->id,
		.alg = SLICE("HS256"),
		.secret = key->secret,
		.rights = KEY_PUBLISH | KEY_LISTEN | KEY_PRESENCE,
	    }};
	struct buf frame = {0};

	msg_encode(&frame, &m);
	keep(ring, buf_slice(&frame), &m)->shard = NO_SHARD;
	explicit_bzero(frame.p, frame.n);
	buf_free(&frame);
}

/* A row is a key only under its own name: else one application's row could
 * stand for the key of another. */
static bool
take(struct keyring *ring, const struct msg_row *row, struct msg *out)
{
	if (decode(row->value, out) && slice_eq(out->key.app, row->home) &&
	    slice_eq(out->key.id, row->key)) {
		keep(ring, row->value, out);
		return true;
	}
	log_warn("key", "why=\"a row of the table of keys is none\"");
	return false;
}

static bool
is_of(const struct keyring *ring, struct slice id, struct slice app)
{
	struct table_entry *e = table_find(ring->by_id, id);
	struct ring_key *k;
	struct msg m;

	if (e == NULL)
		return false;
	k = container_of(e, struct ring_key, entry);
	must(decode((struct slice){k->frame, k->n}, &m));
	return slice_eq(m.key.app, app);
}

bool
keyring_changed(struct keyring *ring, const struct msg *row, struct msg *out)
{
	if (row->id == MSG_set && slice_is(row->set.table, TABLE))
		return take(ring,
		    &(struct msg_row){.home = row->set.home,
			.key = row->set.key,
			.value = row->set.value},
		    out);
	if (row->id != MSG_unset || !slice_is(row->unset.table, TABLE) ||
	    !is_of(ring, row->unset.key, row->unset.home))
		return false;
	forget(ring, table_find(ring->by_id, row->unset.key));
	*out = (struct msg){.id = MSG_key,
	    .key = {
		.app = row->unset.home, .id = row->unset.key, .revoked = 1}};
	return true;
}

/* A row as it was read: its head, its key, its value. */
struct head {
	uint32_t key_n, value_n;
};

struct load {
	struct scan scan;
	struct buf *rows;
	char after[ROW_KEY];
	size_t after_n;
};

static void
found(struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	struct load *l = container_of(q, struct load, scan);
	struct head h = {(uint32_t)key.n, (uint32_t)value.n};

	(void)expires;
	memcpy(l->after, key.p, key.n);
	l->after_n = key.n;
	buf_add(l->rows, (const char *)&h, sizeof(h));
	buf_put(l->rows, key);
	buf_put(l->rows, value);
}

void
keyring_read(struct keyring_load *load)
{
	struct load l = {.rows = &load->rows,
	    .scan = {
		.space = SPACE_TABLE,
		.shard = (uint16_t)load->shard,
		.prefix = SLICE(TABLE "\0"),
		.unix_ms = load->unix_ms,
		.most = LOAD_ROWS,
		.most_bytes = LOAD_BYTES,
		.found = found,
	    }};

	do {
		load->engine->scan(load->engine, &l.scan);
		l.scan.after = (struct slice){l.after, l.after_n};
	} while (l.scan.code == CODE_ok && l.scan.more && l.scan.count != 0);
	load->code = l.scan.code;
}

void
keyring_take(struct keyring *ring, struct keyring_load *load)
{
	struct buf *b = &load->rows;
	struct head h;

	for (size_t at = 0; load->code == CODE_ok && at < b->n;
	     at += h.key_n + h.value_n) {
		struct rows_row r = {.expires = 0};
		struct msg m, told;

		memcpy(&h, b->p + at, sizeof(h));
		at += sizeof(h);
		r.key = (struct slice){b->p + at, h.key_n};
		r.value = (struct slice){b->p + at + h.key_n, h.value_n};
		if (tables_row(0, &r, &m))
			take(ring, &m.row, &told);
	}
	if (b->n != 0)
		explicit_bzero(b->p, b->n);
	buf_free(b);
}

void
keyring_leave(struct keyring *ring, unsigned shard)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(ring->by_id, &at)) != NULL)
		if (container_of(e, struct ring_key, entry)->shard == shard)
			forget(ring, e);
}

bool
keyring_wants(const struct bus_peer *p)
{
	return strcmp(p->stage, "ingress") == 0 || strcmp(p->stage, "hub") == 0;
}

void
keyring_tell(struct keyring *ring, const struct keyring_told *t)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	if (!keyring_wants(t->to))
		return;
	while ((e = table_next(ring->by_id, &at)) != NULL) {
		struct ring_key *k = container_of(e, struct ring_key, entry);
		struct msg m;

		if (t->shard != KEYRING_ALL && t->shard != k->shard)
			continue;
		must(decode((struct slice){k->frame, k->n}, &m));
		if (m.key.expires != 0 && m.key.expires <= t->unix_ms / 1000)
			forget(ring, e);
		else
			t->wire->send(t->wire, t->to, &m);
	}
}
