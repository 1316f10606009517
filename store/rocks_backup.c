/*
 * rocks_backup.c - a copy of the directory while it is written to.
 *
 * Whoever starts from a copy would give out numbers again that the original
 * gave after it, so the copy holds a file that says what it is: a store that
 * finds it begins new epochs.
 */
#include "store/rocks_own.h"

#include "common/log.h"
#include "store/folder.h"

#include <errno.h>

enum { PATH = 4096 };

static bool
mark(const char *folder)
{
	char path[PATH];

	return snprintf(path, sizeof(path), "%s/" ROCKS_IS_COPY, folder) <
	           (int)sizeof(path) &&
	       folder_mark(path);
}

static void *
copy(void *arg)
{
	struct rocks *r = arg;
	char part[PATH];
	struct kv_why why = {KV_FAILED, "closed, or its name is too long"};
	enum kv_status status = KV_FAILED;
	int n = snprintf(part, sizeof(part), "%s.part", r->backup.path);

	pthread_rwlock_rdlock(&r->open);
	if (r->kv != NULL && n < (int)sizeof(part))
		status = kv_checkpoint(r->kv, part, &why);
	pthread_rwlock_unlock(&r->open);
	if (status != KV_OK)
		log_err("backup", "path=%s why=\"%s\"", part, why.text);
	else if (!mark(part) || rename(part, r->backup.path) != 0 ||
		 !folder_sync_above(r->backup.path))
		log_err("backup", "path=%s error=\"%s\"", r->backup.path,
		    strerror(errno));
	else
		log_info("backup", "path=%s", r->backup.path);
	atomic_store(&r->backup.runs, false);
	return NULL;
}

void
rocks_backup_end(struct rocks *r)
{
	if (r->backup.begun)
		pthread_join(r->backup.thread, NULL);
	r->backup.begun = false;
	free(r->backup.path);
	r->backup.path = NULL;
}

bool
engine_rocks_backup(struct engine *e, const char *folder)
{
	struct rocks *r = rocks_of(e);
	char path[PATH - 16];
	int error;

	if (atomic_load(&r->backup.runs))
		return false;
	rocks_backup_end(r);
	snprintf(path, sizeof(path), "%s/%llu", folder,
	    (unsigned long long)atomic_load(&r->now));
	if (!folder_make(folder)) {
		log_err(
		    "backup", "path=%s error=\"%s\"", folder, strerror(errno));
		return true;
	}
	r->backup.path = xstrdup(path);
	atomic_store(&r->backup.runs, true);
	error = pthread_create(&r->backup.thread, NULL, copy, r);
	r->backup.begun = error == 0;
	if (error != 0) { /* too many threads: as if the disk were full */
		log_err(
		    "backup", "path=%s error=\"%s\"", path, strerror(error));
		atomic_store(&r->backup.runs, false);
	}
	return true;
}
