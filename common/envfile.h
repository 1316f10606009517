/*
 * envfile.h - a whole .env file, checked once and then used many times.
 */
#ifndef COMMON_ENVFILE_H
#define COMMON_ENVFILE_H

#include "common/buf.h"
#include "common/slice.h"

/* Read a .env file into *out, which is emptied before; no file is an empty
 * one.  NULL, or what is wrong (a static string) with line *line (0: with the
 * whole file); then *out is as it was. */
const char *envfile_read(const char *path, struct buf *out, unsigned *line);

/* Find one setting in the text; of two the last wins.  The value, terminated
 * by a NUL not counted, replaces what *out held. */
bool envfile_get(struct slice text, const char *name, struct buf *out);

/* Put those into our environment that are not in it yet.  -1 and errno. */
int envfile_apply(struct slice text);

#endif
