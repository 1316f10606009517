/*
 * kv_log.c - where RocksDB's LOG goes.
 */
#include "store/kv_log.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Anybody may make a folder of any name there. */
static bool
is_ours(const char *folder)
{
	struct stat s;

	return lstat(folder, &s) == 0 && S_ISDIR(s.st_mode) &&
	       s.st_uid == geteuid();
}

static void
clear(const char *folder)
{
	DIR *d = opendir(folder);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0); /* but for . and .. */
	if (d != NULL)
		closedir(d);
}

bool
kv_log_begin(struct kv_log *l, const char *path)
{
	struct stat s;

	if (stat(path, &s) != 0)
		return false;
	snprintf(l->folder, sizeof(l->folder), "/dev/shm/posthorn-%llx-%llx",
	    (unsigned long long)s.st_dev, (unsigned long long)s.st_ino);
	mkdir(l->folder, 0700);
	if (!is_ours(l->folder))
		return false;
	clear(l->folder);
	return true;
}

void
kv_log_end(struct kv_log *l)
{
	clear(l->folder);
	rmdir(l->folder);
}
