/*
 * keyring.h - applications' keys, as they are told to ingresses and hubs.
 *
 * They come from the settings and from the table `keys`: there a row's home
 * is the application, its key the key's id, its value an encoded key frame.
 * Copies; finding one costs O(1), telling all O(keys).
 */
#ifndef STORE_KEYRING_H
#define STORE_KEYRING_H

#include "common/buf.h"
#include "store/engine.h"
#include "store/wire.h"

enum { KEYRING_ALL = 65535 };

struct keyring;

struct core_key {
	struct slice app, id, secret;
};

struct keyring *keyring_new(unsigned shards);
void keyring_free(struct keyring **);

/* One of the settings': it may do anything. */
void keyring_add(struct keyring *, const struct core_key *);

/* All of a shard's table, in two steps: the reading may block, on whatever
 * thread; then what was read is taken.  Frees the rows, whatever the code. */
struct keyring_load {
	struct engine *engine;
	unsigned shard;
	uint64_t unix_ms;
	enum code code;  /* of the reading */
	struct buf rows; /* read, and not taken yet */
};
void keyring_read(struct keyring_load *);
void keyring_take(struct keyring *, struct keyring_load *);

/* The shard is another store's: so are its keys. */
void keyring_leave(struct keyring *, unsigned shard);

/* A row is safe: a set or unset.  True: it was a key's, and *out is what is to
 * be told, borrowed from the keyring and the row. */
bool keyring_changed(struct keyring *, const struct msg *row, struct msg *out);

/* Does this peer need keys? */
bool keyring_wants(const struct bus_peer *);
/* Those of a shard, or KEYRING_ALL. */
struct keyring_told {
	struct wire *wire;
	struct bus_peer *to;
	unsigned shard;
	uint64_t unix_ms;
};
void keyring_tell(struct keyring *, const struct keyring_told *);

#endif
