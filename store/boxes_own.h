/*
 * boxes_own.h - between boxes.c, which holds the directories, boxes_write.c,
 * which changes them, and boxes_list.c.  Nobody else includes it.
 */
#ifndef STORE_BOXES_OWN_H
#define STORE_BOXES_OWN_H

#include "common/channel.h"
#include "common/table.h"
#include "store/box.h"
#include "store/boxes.h"
#include "store/sequence.h"

enum box_state { BOX_LOADING, BOX_READY, BOX_STALE };

struct box {
	struct table_entry entry; /* by name */
	struct list node;         /* of all, touched longest ago first */
	struct boxes *all;
	enum box_state state;
	unsigned pending;    /* deeds in the commit that changed it */
	unsigned held;       /* a caller is at work on it */
	bool left;           /* while LOADING: it is another store's now */
	struct list waiting; /* struct deed */
	struct list lists;   /* struct walk, behind them */
	struct box_dir dir;  /* the reader's while LOADING */
	size_t memory;       /* as counted in boxes */
	struct work work;
	struct scan scan;
	char from[ROW_KEY]; /* key of the last row that was found */
	size_t from_n;
	uint16_t shard;
	uint16_t name_n;
	char name[];
};

/* A put or a drop on its way; its strings follow in one block. */
struct deed {
	struct write write;
	struct list node; /* of its box's waiting, or of all that are pending */
	struct boxes *all;
	struct box *box; /* it changed; NULL: none */
	struct msg msg;
	uint64_t unix_ms; /* it came */
	size_t bytes;
	struct op *ops;
	struct buf rows; /* what the ops borrow */
};

struct boxes {
	struct boxes_setup setup;
	struct table *by_name;
	struct list touched; /* struct box */
	struct list pending; /* struct deed */
	size_t memory, waiting;
};

/* It is known and was touched; who puts something on its waiting list then
 * lets it go. */
struct box *box_touch(struct boxes *, struct slice name);
/* Somebody has done with it: go on with what waits, read it, or forget it. */
void box_let_go(struct box *, uint64_t unix_ms);
/* Nobody holds on to it, and what it holds is known and safe. */
bool box_idle(const struct box *);

/* What a deed does to a box that is READY and held. */
void deed_decide(struct box *, struct deed *);
void deed_free(struct deed *);

#endif
