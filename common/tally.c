/*
 * tally.c - one row per reason, in the order of code.def.
 */
#include "common/tally.h"

#include "common/must.h"

#define CODE(name, number, status, text)                                       \
	_Static_assert(STAT_refused_##name == STAT_refused_ok + number,        \
	    "rows of stats.def follow the numbers");
#include "common/code.def"

#define CODE(name, number, status, text) CODES_##name,
enum {
#include "common/code.def"
	CODES
};

void
tally_refused(enum code code)
{
	if ((size_t)code >= CODES || code == CODE_ok)
		code = CODE_internal;
	if (code != CODE_moved) /* its publisher asks another store */
		stats_add(code == CODE_busy ? STAT_publishes_busy
					    : STAT_publishes_refused,
		    1);
	stats_add((enum stat_id)(STAT_refused_ok + code), 1);
	stats_sub(STAT_publishes_pending, 1);
}

void
tally_write_answered(enum code code)
{
	stats_add(STAT_bus_moved, code == CODE_moved);
	stats_add(code == CODE_ok      ? STAT_writes_accepted
		  : code == CODE_moved ? STAT_writes_moved
		  : code == CODE_busy  ? STAT_writes_busy
				       : STAT_writes_refused,
	    1);
	stats_sub(STAT_writes_pending, 1);
}

void
tally_abandoned(void)
{
	stats_add(STAT_publishes_abandoned, 1);
	stats_sub(STAT_publishes_pending, 1);
}

void
tally_answered(enum code code)
{
	if (code == CODE_ok)
		tally_accepted();
	else
		tally_refused(code);
}
