/*
 * data.h - the few small files a store keeps beside its engine.
 *
 * DATA/demo.key is the key of the development application, DATA/epoch.NAME
 * the last epoch of a store whose engine remembers none, DATA/hubs.NAME the
 * hubs it had.  The folder is made with mode 0700, the files with 0600.
 */
#ifndef STORE_DATA_H
#define STORE_DATA_H

#include "common/buf.h"

/* A small file of text: append it, of at most so many bytes, without line
 * ends behind it; write it anew, whole or not at all.  False with errno, and
 * logged unless it is not there. */
bool data_read(const char *folder, const char *file, size_t max, struct buf *);
bool data_write(const char *folder, const char *file, struct slice);

/* Append the secret of demo.key, which is made if it is not there; stores
 * that start at once in one folder agree on one.  False with errno. */
bool data_demo_key(const char *folder, struct buf *secret);

/* An epoch past the last one: the time, or one more than before where the
 * clock went back.  Where nothing can be written it is the time. */
uint64_t data_epoch(const char *folder, const char *name, uint64_t unix_ms);

#endif
