/*
 * redis_find.h - the nodes there are, and which has which slot.
 *
 * Nodes are known by address and stay; at most REDIS_NODES.  Blocks.
 */
#ifndef STORE_REDIS_FIND_H
#define STORE_REDIS_FIND_H

#include "store/redis_net.h"

enum { REDIS_NODES = 64, REDIS_NO_NODE = 255 };

struct redis_node {
	struct redis_conn conn;
	struct buf out;    /* of a round */
	unsigned replicas; /* connected, when last asked */
	uint64_t asked_at; /* ms; 0: never */
	unsigned waits;    /* of a round: WAIT is asked of so many */
	bool asks;         /* of a round: ROLE is asked */
};

struct redis_map {
	struct redis_node nodes[REDIS_NODES];
	unsigned count;
	uint8_t slots[REDIS_SLOTS]; /* number of the node, or REDIS_NO_NODE */
	bool known;                 /* false: find anew */
};

void redis_map_init(struct redis_map *);
void redis_map_free(struct redis_map *);

/* A MOVED or ASK came: the node it names.  NULL: it names none. */
struct redis_node *redis_map_told(
    struct redis_map *, struct redis_node *from, struct slice error);

/* Ask one after another until one knows.  False: *why says what the last one
 * said; static text. */
bool redis_map_find(struct redis_map *, const struct redis_net_setup *,
    uint64_t deadline, const char **why);

/* What ROLE answered. */
void redis_node_role(struct redis_node *, const struct redis_reply *);

#endif
