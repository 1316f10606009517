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

#define TABLE "keys"

struct ring_key {
	struct table_entry entry; /* by id, which is in the frame */
	uint16_t shard;           /* of its application */
	bool set;                 /* by the settings */
	bool doubtful;
	size_t n;
	char frame[];
};

struct keyring {
	unsigned shards;
	struct table *by_id;
	struct buf dropped; /* frame of the last one */
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
	buf_free(&ring->dropped);
	free(ring);
}

static bool
decode(struct slice frame, struct msg *m)
{
	const char *why;

	return msg_decode(frame, m, &why) == (long)frame.n && m->id == MSG_key;
}

/* In place of the one of the same id; *m becomes the kept frame's. */
static struct ring_key *
keep(struct keyring *ring, struct slice frame, struct msg *m)
{
	struct table_entry *old = table_find(ring->by_id, m->key.id);
	struct ring_key *k = xmalloc(sizeof(*k) + frame.n);

	if (old != NULL)
		forget(ring, old);
	k->set = k->doubtful = false;
	k->n = frame.n;
	memcpy(k->frame, frame.p, frame.n);
	must(decode((struct slice){k->frame, k->n}, m));
	k->shard = (uint16_t)channel_shard(m->key.app, ring->shards);
	table_insert(ring->by_id, &k->entry, m->key.id);
	stats_set(STAT_keys_known, table_count(ring->by_id));
	return k;
}

void
keyring_add(struct keyring *ring, const struct core_key *key, struct msg *out)
{
	struct buf frame = {0};

	*out = (struct msg){.id = MSG_key,
	    .key = {
		.app = key->app,
		.id = key->id,
		.alg = SLICE("HS256"),
		.secret = key->secret,
		.rights = KEY_PUBLISH | KEY_LISTEN | KEY_PRESENCE,
	    }};
	msg_encode(&frame, out);
	keep(ring, buf_slice(&frame), out)->set = true;
	explicit_bzero(frame.p, frame.n);
	buf_free(&frame);
}

void
keyring_doubt(struct keyring *ring)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(ring->by_id, &at)) != NULL) {
		struct ring_key *k = container_of(e, struct ring_key, entry);

		k->doubtful = k->set;
	}
}

bool
keyring_drop(struct keyring *ring, struct msg *out)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(ring->by_id, &at)) != NULL) {
		struct ring_key *k = container_of(e, struct ring_key, entry);
		struct msg gone = {.id = MSG_key, .key = {.revoked = 1}};

		if (!k->doubtful)
			continue;
		must(decode((struct slice){k->frame, k->n}, out));
		gone.key.app = out->key.app;
		gone.key.id = out->key.id;
		buf_clear(&ring->dropped);
		msg_encode(&ring->dropped, &gone);
		forget(ring, e);
		must(decode(buf_slice(&ring->dropped), out));
		return true;
	}
	return false;
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

struct snapshot
keyring_rows(struct engine *e, unsigned shard, uint64_t unix_ms)
{
	return (struct snapshot){.engine = e,
	    .space = SPACE_TABLE,
	    .shard = shard,
	    .prefix = SLICE(TABLE "\0"),
	    .unix_ms = unix_ms};
}

void
keyring_take(struct keyring *ring, const struct snapshot *s)
{
	struct rows_row r;
	struct msg m, told;
	size_t at = 0;

	while (snapshot_next(s, &at, &r))
		if (tables_row(0, &r, &m))
			take(ring, &m.row, &told);
}

void
keyring_leave(struct keyring *ring, unsigned shard)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(ring->by_id, &at)) != NULL) {
		const struct ring_key *k =
		    container_of(e, struct ring_key, entry);

		if (k->shard == shard && !k->set)
			forget(ring, e);
	}
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
