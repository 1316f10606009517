/*
 * data.c - written aside and linked or renamed into place, so that nobody
 * ever reads half a file.
 */
#include "store/data.h"

#include "common/crypto.h"
#include "common/log.h"
#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEMO = 5, SECRET = 32, PATH = 4096, SMALL = 256 };

/* -1 with errno: not there, not readable, or too large to be ours. */
static ssize_t
read_small(const char *path, char out[SMALL])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, out, SMALL);
	close(fd);
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == ' '))
		n--;
	if (n == SMALL)
		errno = EFBIG;
	return n == SMALL ? -1 : n;
}

static bool
write_small(const char *path, struct slice s)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, s.p, s.n) == (ssize_t)s.n && fsync(fd) == 0;
	close(fd);
	return ok;
}

/* "demo:" and the secret, as curl -u takes it.  Each character is 5 bits;
 * neither of 0 and O, 1 and I. */
static void
draw(char out[DEMO + SECRET + 1])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";

	memcpy(out, "demo:", DEMO);
	crypto_random(out + DEMO, SECRET);
	for (unsigned i = 0; i < SECRET; i++)
		out[DEMO + i] = letters[(unsigned char)out[DEMO + i] % 32];
	out[DEMO + SECRET] = '\n';
}

/* Of several that link, the first wins, and all read what it wrote. */
static bool
make_key(const char *path)
{
	char aside[PATH], secret[DEMO + SECRET + 1];
	bool ok;

	if (snprintf(aside, sizeof(aside), "%s.%d", path, (int)getpid()) >=
	    (int)sizeof(aside)) {
		errno = ENAMETOOLONG;
		return false;
	}
	draw(secret);
	ok = write_small(aside, (struct slice){secret, sizeof(secret)}) &&
	     (link(aside, path) == 0 || errno == EEXIST);
	if (ok)
		unlink(aside);
	return ok;
}

bool
data_demo_key(const char *folder, struct buf *secret)
{
	char path[PATH], have[SMALL];
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/demo.key", folder) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return false;
	n = read_small(path, have);
	if (n < 0 && errno == ENOENT && make_key(path))
		n = read_small(path, have);
	if (n < 0)
		return false;
	errno = EINVAL;
	return n > DEMO && memcmp(have, "demo:", DEMO) == 0 &&
	       buf_add(secret, have + DEMO, (size_t)n - DEMO);
}

uint64_t
data_epoch(const char *folder, const char *name, uint64_t unix_ms)
{
	char path[PATH - 8], aside[PATH], text[SMALL];
	uint64_t last = 0;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/epoch.%s", folder, name) >=
	    (int)sizeof(path))
		return unix_ms;
	if ((n = read_small(path, text)) > 0 &&
	    slice_num((struct slice){text, (size_t)n}, &last) &&
	    last >= unix_ms)
		unix_ms = last + 1;
	n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)unix_ms);
	snprintf(aside, sizeof(aside), "%s.new", path);
	if ((mkdir(folder, 0700) != 0 && errno != EEXIST) ||
	    !write_small(aside, (struct slice){text, (size_t)n}) ||
	    rename(aside, path) != 0)
		log_warn(
		    "epoch", "path=%s error=\"%s\"", path, strerror(errno));
	return unix_ms;
}

bool
data_read(const char *folder, const char *file, struct buf *out)
{
	char path[PATH], bytes[4096];
	ssize_t n = -1;
	int fd = -1;

	errno = ENAMETOOLONG;
	if (snprintf(path, sizeof(path), "%s/%s", folder, file) >=
	    (int)sizeof(path))
		return false;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0)
		while ((n = read(fd, bytes, sizeof(bytes))) > 0)
			if (!buf_add(out, bytes, (size_t)n))
				break;
	if (n != 0 && errno != ENOENT)
		log_warn("data", "path=%s error=\"%s\"", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return n == 0;
}

bool
data_write(const char *folder, const char *file, struct slice s)
{
	char path[PATH - 8], aside[PATH];

	errno = ENAMETOOLONG;
	if (snprintf(path, sizeof(path), "%s/%s", folder, file) >=
	    (int)sizeof(path))
		return false;
	snprintf(aside, sizeof(aside), "%s.new", path);
	if ((mkdir(folder, 0700) == 0 || errno == EEXIST) &&
	    write_small(aside, s) && rename(aside, path) == 0)
		return true;
	log_warn("data", "path=%s error=\"%s\"", path, strerror(errno));
	return false;
}
