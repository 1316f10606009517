/*
 * file.c - small files, read whole: settings, keys, certificates.
 *
 * The limit is there because a path may lead to a device that never ends.
 */
#include "common/file.h"

#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { CHUNK = 4096 };

int
file_read(const char *path, size_t max, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1, why;
	size_t total = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	do {
		char *room = buf_room(out, CHUNK);

		errno = EFBIG;
		if (room == NULL)
			goto out;
		n = read(fd, room, CHUNK);
		if (n < 0)
			goto out;
		out->n += (size_t)n;
		total += (size_t)n;
		errno = EFBIG;
		if (total > max)
			goto out;
	} while (n != 0);
	rc = 0;
out:
	why = errno;
	close(fd);
	errno = why;
	return rc;
}
