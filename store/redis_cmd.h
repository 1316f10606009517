/*
 * redis_cmd.h - one command to Redis and what became of it.
 *
 * Copies its words.  It knows the hash slot of what it is about, so that it
 * finds its node of a Cluster; one without a slot goes to any.  A script is
 * sent by its digest, and whole where Redis does not know it.
 */
#ifndef STORE_REDIS_CMD_H
#define STORE_REDIS_CMD_H

#include "common/buf.h"
#include "common/redis_reader.h"

#include <stdbool.h>

enum { REDIS_SLOTS = 16384, REDIS_ANY_SLOT = REDIS_SLOTS };

struct redis_script {
	const char *text;
	char sha[41];
};
void redis_script_init(struct redis_script *, const char *text); /* borrows */

enum redis_outcome {
	REDIS_DONE,    /* `reply` is its answer, maybe an error */
	REDIS_NOT,     /* it was not carried out, nor will be */
	REDIS_UNKNOWN, /* sent, but nobody answered */
};

struct redis_cmd {
	const struct redis_script *script; /* NULL: a plain command; borrowed */
	unsigned slot;
	struct buf body; /* its words as Redis reads them */
	size_t words;
	enum redis_outcome outcome;
	struct redis_reply *reply; /* owned; NULL unless REDIS_DONE */
	int64_t replicas;          /* WAIT's answer behind it; -1: none */
	/* of redis_net.c */
	bool whole, done, asked, sent;
	int node;
};

void redis_cmd_free(struct redis_cmd *); /* zeroes it: it can be used anew */
void redis_cmd_word(struct redis_cmd *, struct slice);
void redis_cmd_str(struct redis_cmd *, const char *);
void redis_cmd_num(struct redis_cmd *, uint64_t);
/* All of it, as it is sent. */
void redis_cmd_put(const struct redis_cmd *, struct buf *out);

/* CRC16 of what is between the first braces, or of all. */
unsigned redis_slot(struct slice key);

/* The answer, or an item of it, as text; empty where there is none. */
struct slice redis_text(const struct redis_cmd *);
struct slice redis_item(const struct redis_reply *, size_t i);
uint64_t redis_item_num(const struct redis_reply *, size_t i); /* 0: none */
bool redis_failed(const struct redis_cmd *); /* not done, or an error */

#endif
