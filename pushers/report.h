/*
 * report.h - what is to stand in a list of Redis, by way of a bridge.
 *
 * It is told again until Redis has it, or until its time is over: then it is
 * dropped and counted.  It may stand there twice, where an answer was lost.  A
 * report is embedded in what it is about, and owns its words.
 */
#ifndef PUSHERS_REPORT_H
#define PUSHERS_REPORT_H

#include "common/bus.h"
#include "common/table.h"

enum { REPORT_MS = 600000 }; /* then Redis is not coming back soon */

/* Zeroed it may be closed. */
struct reports {
	struct bus *bus; /* both borrowed */
	struct loop *loop;
	struct table *by_ref;
	uint64_t ref;
};

struct report {
	/* It stands there, or its time is over.  Never inside report_tell(). */
	void (*told)(struct report *);
	struct buf list, value;

	struct table_entry entry; /* the rest is report.c's business */
	struct reports *all;      /* NULL: it is not on its way */
	uint64_t ref, end;
	struct timer again;
	unsigned tries;
	bool answered; /* the timer tells */
};

void reports_open(struct reports *, struct bus *, struct loop *);
void reports_close(struct reports *);
void reports_frame(struct reports *, const struct msg_told_redis *);

/* Its words and `told` are filled in. */
void report_tell(struct reports *, struct report *);
void report_end(struct report *); /* leave off; frees its words */

#endif
