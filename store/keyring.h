/*
 * keyring.h - applications' keys, as they are told to ingresses and hubs.
 *
 * They come from the settings and from the table `keys`: there a row's home
 * is the application, its key the key's id, its value an encoded key frame.
 * Copies; finding one costs O(1), telling all O(keys).
 */
#ifndef STORE_KEYRING_H
#define STORE_KEYRING_H

#include "store/engine.h"
#include "store/wire.h"

struct keyring;

struct core_key {
	struct slice app, id, secret;
};

struct keyring *keyring_new(void);
void keyring_free(struct keyring **);

/* One of the settings': it may do anything. */
void keyring_add(struct keyring *, const struct core_key *);

/* All of a shard's table.  Blocks: before the store serves. */
enum code keyring_load(
    struct keyring *, struct engine *, unsigned shard, uint64_t unix_ms);

/* A row is safe: a set or unset.  True: it was a key's, and *out is what is to
 * be told, borrowed from the keyring and the row. */
bool keyring_changed(struct keyring *, const struct msg *row, struct msg *out);

/* Does this peer need keys? */
bool keyring_wants(const struct bus_peer *);
void keyring_tell(
    struct keyring *, struct wire *, struct bus_peer *, uint64_t unix_ms);

#endif
