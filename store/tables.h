/*
 * tables.h - rows of tables: applications, keys, devices, rejected tokens.
 *
 * A row has a table, a home and a key; rows of one home are of one shard.
 * Nothing is in memory: a set is written, a scan reads, after all that was
 * accepted before it.  There is no limit to the rows of a home but who sets
 * them.  Costs what the engine does.
 */
#ifndef STORE_TABLES_H
#define STORE_TABLES_H

#include "store/pages.h"
#include "store/sequence.h"

struct tables;

struct tables_setup { /* what is pointed to is borrowed */
	struct engine *engine;
	struct writes *writes;
	struct sequence *sequence;
	struct pages *pages;
	/* A row is safe: a set or unset frame; borrowed for the call. */
	void (*changed)(struct tables_setup *, const struct msg *);
};

struct tables *tables_new(struct tables_setup *); /* borrows */
void tables_free(struct tables **);               /* after the committer */

/* A set or an unset came.  Refuse it if `code` is not ok. */
struct tables_write {
	struct publisher *from;
	const struct msg *msg;
	uint64_t unix_ms;
	enum code code;
};
void tables_write(struct tables *, const struct tables_write *);

void tables_scan(struct tables *, struct pages_peer *, const struct msg_scan *);

/* The row of a table as a frame; false: it is none.  Borrows. */
bool tables_row(uint64_t ref, const struct rows_row *, struct msg *);

#endif
