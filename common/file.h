/*
 * file.h - small files, read whole.
 */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/buf.h"

/* Add the bytes of a file, at most max, to *out, where room for max and one is
 * taken at once: so a secret leaves no copies behind by growing.  -1 and errno
 * (EFBIG: it has more, or there is no such room), and nothing is added. */
int file_read(const char *path, size_t max, struct buf *out);

#endif
