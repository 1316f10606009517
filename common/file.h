/*
 * file.h - small files, read whole.
 */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/buf.h"

/* Add the bytes of a file, at most max, to *out.  -1 and errno (EFBIG: it has
 * more); then *out may have got some of them. */
int file_read(const char *path, size_t max, struct buf *out);

#endif
