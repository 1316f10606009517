/*
 * rocks_world.h - a durable engine in a folder of its own, for tests.
 */
#ifndef TESTS_UNIT_ROCKS_WORLD_H
#define TESTS_UNIT_ROCKS_WORLD_H

#include "common/must.h"
#include "store/rocks.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
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

/* A folder, and all below it. */
static inline void
world_remove(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *at;
	char path[512];

	while (d != NULL && (at = readdir(d)) != NULL) {
		if (strcmp(at->d_name, ".") == 0 ||
		    strcmp(at->d_name, "..") == 0)
			continue;
		snprintf(
		    path, sizeof(path), "%.200s/%.200s", folder, at->d_name);
		if (unlink(path) != 0)
			world_remove(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(folder);
}

/* In memory where there is plenty: what is tested is not the disk. */
static inline char *
world_folder(char out[64])
{
	struct statvfs v;
	bool plenty = statvfs("/dev/shm", &v) == 0 &&
	              v.f_bavail * v.f_frsize > (size_t)1 << 30;

	snprintf(out, 64, "%s/rocks_test.XXXXXX", plenty ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(out));
	return out;
}

/* RocksDB's threads do not survive a fork, so a test that forks opens
 * nothing itself: it has all done in children.  Gives the wait status. */
static inline int
world_child(void (*run)(void *), void *arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		run(arg);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* In a child, where cmocka cannot fail: says where and ends it. */
#define child_must(x)                                                          \
	((x) ? (void)0                                                         \
	     : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x),        \
		   _exit(1)))

/* The same numbers for the same seed. */
static inline uint64_t
world_random(uint64_t *seed, uint64_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % below;
}

#endif
