/*
 * folder.h - names on a disk that are there after the power went.
 *
 * What is in a file is safe when the file is synced, its name when the folder
 * is.  All block.  False: errno says why.
 */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include <stdbool.h>

/* Sync the names in the folder that a path stands in. */
bool folder_sync_above(const char *path);

/* Make a folder of mode 0700 that nobody can lose; it may be there. */
bool folder_make(const char *path);
/* The same for an empty file. */
bool folder_mark(const char *path);

#endif
