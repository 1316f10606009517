/*
 * file.c - small files, read whole: settings, keys, certificates.
 *
 * The limit is there because a path may lead to a device that never ends.
 */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
file_read(const char *path, size_t max, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), why = EFBIG;
	size_t total = 0;
	ssize_t n = 1;
	char *room;

	if (fd < 0)
		return -1;
	room = buf_room(out, max + 1);
	while (room != NULL && n > 0 && total <= max) {
		n = read(fd, room + total, max + 1 - total);
		if (n < 0)
			why = errno;
		else
			total += (size_t)n;
	}
	close(fd);
	errno = why;
	if (n != 0)
		return -1;
	out->n += total;
	return 0;
}
