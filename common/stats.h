/*
 * stats.h - counters and gauges, one row each in stats.def.
 *
 * Counting costs one addition.  One thread owns them all, the one of the
 * loop; another thread hands its numbers to the loop.
 */
#ifndef COMMON_STATS_H
#define COMMON_STATS_H

#include "common/buf.h"
#include "common/slice.h"

enum stat_id {
#define STAT(name, kind, help) STAT_##name,
#include "common/stats.def"
	STATS /* how many there are */
};

enum stat_kind { STAT_KIND_counter, STAT_KIND_gauge };

struct stat_row {
	struct slice name;
	enum stat_kind kind;
	const char *help;
};

extern const struct stat_row stat_rows[STATS];
extern uint64_t stat_values[STATS];

static inline void
stats_add(enum stat_id id, uint64_t n)
{
	stat_values[id] += n;
}

static inline void
stats_sub(enum stat_id id, uint64_t n)
{
	stat_values[id] -= n;
}

static inline void
stats_set(enum stat_id id, uint64_t n)
{
	stat_values[id] = n;
}

static inline uint64_t
stats_get(enum stat_id id)
{
	return stat_values[id];
}

/* The row of a name; STATS when this version knows none such. */
enum stat_id stats_named(struct slice name);

/* A value of some stage, as it came with a beat.  All slices are borrowed. */
struct stat_sample {
	struct slice stage, instance, name;
	uint64_t value;
};

/* Append n samples in Prometheus' text format (version 0.0.4), sorting them
 * in place by name, stage and instance: HELP and TYPE once per metric, all
 * its samples together.  A name of a newer version becomes an untyped metric;
 * one with other characters than a-z, 0-9 and _ is left out.
 * O(n log n).  False: the buf is full. */
bool stats_prometheus(struct buf *, struct stat_sample *, size_t n);

#endif
