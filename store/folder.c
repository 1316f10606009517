/*
 * folder.c - fsync, and the folder above.
 */
#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096 };

static bool
sync_end(int fd)
{
	bool ok = fd >= 0 && fsync(fd) == 0;
	int why = errno;

	if (fd >= 0)
		close(fd);
	errno = why;
	return ok;
}

bool
folder_sync_above(const char *path)
{
	const char *end = strrchr(path, '/');
	char above[PATH];

	snprintf(above, sizeof(above), "%.*s",
	    end != NULL && end != path ? (int)(end - path) : 1,
	    end != NULL ? path : ".");
	return sync_end(open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool
folder_make(const char *path)
{
	if (mkdir(path, 0700) != 0)
		return errno == EEXIST;
	return folder_sync_above(path);
}

bool
folder_mark(const char *path)
{
	return sync_end(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) &&
	       folder_sync_above(path);
}
