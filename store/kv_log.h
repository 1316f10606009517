/*
 * kv_log.h - where the LOG goes that RocksDB writes for people: nowhere.
 *
 * Whoever opens a database must let it begin one, and a line of it that the
 * disk does not take ends the process: an assertion in Debian's build, instead
 * of a status.  So it is given a folder in memory, which is taken away as soon
 * as the database is open; RocksDB writes on into a file without a name.  The
 * folder has the same name for the same database, so that who dies again and
 * again while opening leaves one.
 */
#ifndef STORE_KV_LOG_H
#define STORE_KV_LOG_H

#include <stdbool.h>

struct kv_log {
	char folder[64];
};

/* For the database in that directory.  False: no memory holds files for us,
 * and RocksDB's LOG may stand where its data does. */
bool kv_log_begin(struct kv_log *, const char *path);
void kv_log_end(struct kv_log *);

#endif
