/*
 * hold.c - a disk that can be held, and lose what it did not sync; for flow
 * tests, preloaded into a store.
 *
 * While the file named by HOLD is there, a sync of a log waits before it
 * begins, and says so by making HOLD.held.  After each one HOLD.synced has
 * the log's inode and size: what lies behind that, a disk whose power went
 * may have lost.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool
is_log(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n > 4 && memcmp(path + n - 4, ".log", 4) == 0;
}

static int
beside(const char *hold, const char *end)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.%s", hold, end);
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void
wait_for(const char *hold)
{
	while (access(hold, F_OK) == 0) {
		close(beside(hold, "held"));
		poll(NULL, 0, 1);
	}
}

static void
note(const char *hold, int fd)
{
	int out = beside(hold, "synced");
	struct stat st;
	char row[64];

	if (fstat(fd, &st) == 0) {
		int n = snprintf(row, sizeof(row), "%020llu %020llu\n",
		    (unsigned long long)st.st_ino,
		    (unsigned long long)st.st_size);

		if (pwrite(out, row, (size_t)n, 0) != n)
			abort();
	}
	close(out);
}

int
fdatasync(int fd)
{
	const char *hold = getenv("HOLD");
	bool log = hold != NULL && is_log(fd);
	int rc;

	if (log)
		wait_for(hold);
	rc = (int)syscall(SYS_fdatasync, fd);
	if (log && rc == 0)
		note(hold, fd);
	return rc;
}
