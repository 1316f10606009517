/*
 * rocks_world.h - a durable engine in a folder of its own, for tests.
 */
#ifndef TESTS_UNIT_ROCKS_WORLD_H
#define TESTS_UNIT_ROCKS_WORLD_H

#include "common/must.h"
#include "store/rocks.h"
#include "tests/unit/test.h"

#include <ftw.h>
#include <unistd.h>

/* All of it may be changed. */
static inline struct rocks_setup
world_setup(const char *folder)
{
	return (struct rocks_setup){
	    .path = folder,
	    .shards = 2,
	    .channels = 1000,
	    .cache = 8 << 20,
	    .unix_ms = 1,
	};
}

static inline struct engine *
world_open(const struct rocks_setup *setup)
{
	int status;
	struct engine *e = engine_rocks_open(setup, &status);

	assert_non_null(e);
	assert_int_equal(status, 0);
	return e;
}

static inline int
world_remove_one(
    const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

/* A folder, and all below it. */
static inline void
world_remove(const char *folder)
{
	nftw(folder, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline char *
world_folder(char out[64])
{
	snprintf(out, 64, "/tmp/rocks_test.XXXXXX");
	assert_non_null(mkdtemp(out));
	return out;
}

#endif
