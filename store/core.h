/*
 * core.h - a whole store on a loop, apart from the life of a process.
 *
 * It binds the bus, keeps one state per peer, and hands each frame to the
 * part that knows it.  Everything runs on the loop's thread and nothing
 * blocks; engines that must block have threads of their own (engine.h).
 */
#ifndef STORE_CORE_H
#define STORE_CORE_H

#include "common/bus_server.h"
#include "store/engine.h"
#include "store/jobs.h"
#include "store/keyring.h"
#include "store/owners.h"

struct core;

struct core_setup {
	struct loop *loop;
	const struct owners *owners; /* all borrowed */
	const struct policies *policies;
	struct engine *engine;
	const char *endpoint; /* to bind; NULL: the owner table's */
	struct bus_keys bus_keys;
	bool allow_plain;
	const char *data;  /* folder of small files; NULL: none */
	uint64_t epoch_ms; /* for an engine that remembers none */
	size_t pending_bytes, topics, ids;
	struct jobs_limits jobs;
	size_t box_items, box_bytes; /* of one box */
	uint64_t box_ttl_ms;
	size_t box_memory; /* of the directories of boxes */
	size_t tracks;     /* messages tracked; 0: none */
	uint64_t tracks_ms;
	struct core_presence {
		uint64_t linger_ms;
		size_t users, sessions, bytes; /* presence.h */
	} presence;
	unsigned errand_ms; /* a bridge may take; 0: 5000 */
	/* Everything that was accepted is told, after core_drain(). */
	void (*drained)(struct core_setup *);
};

/* NULL: *why says what is wrong. */
struct core *core_open(struct core_setup *, const char **why); /* borrows */
void core_close(struct core **);

/* A key of the settings to tell to ingresses and hubs; copies. */
void core_add_key(struct core *, const struct core_key *);

/* The settings are read again: between these two the keys they still have are
 * added again; the others are revoked. */
void core_keys_again(struct core *);
void core_keys_done(struct core *);

/* The keys that are let in; and what is wrong with such a list, or NULL. */
void core_bus_clients(struct core *, const char *clients);
const char *core_wrong_clients(const struct core *, const char *clients);

/* Take nothing more; finish what was accepted. */
void core_drain(struct core *);

#endif
