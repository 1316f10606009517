/*
 * keyring.h - applications' keys, as they are told to ingresses and hubs.
 *
 * They come from the settings and from the table `keys`: there a row's home
 * is the application, its key the key's id, its value an encoded key frame.
 * Copies; finding one costs O(1), telling all O(keys).
 */
#ifndef STORE_KEYRING_H
#define STORE_KEYRING_H

#include "store/snapshot.h"
#include "store/wire.h"

enum { KEYRING_ALL = 65535 };

struct keyring;

struct core_key {
	struct slice app, id, secret;
};

struct keyring *keyring_new(unsigned shards);
void keyring_free(struct keyring **);

/* One of the settings': it may do anything.  *out is what is to be told,
 * borrowed from the keyring. */
void keyring_add(struct keyring *, const struct core_key *, struct msg *out);

/* The settings are read again: their keys are in doubt until they are added
 * again.  Then those still in doubt go, one per call; false: none is left.
 * *out is what is to be told, borrowed until the next call. */
void keyring_doubt(struct keyring *);
bool keyring_drop(struct keyring *, struct msg *out);

/* All of a shard's table: what is to be read of it, and what was. */
struct snapshot keyring_rows(struct engine *, unsigned shard, uint64_t unix_ms);
void keyring_take(struct keyring *, const struct snapshot *);

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
