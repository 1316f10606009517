/*
 * data.c - written aside and linked or renamed into place, so that nobody
 * ever reads half a file.
 */
#include "store/data.h"

#include "common/crypto.h"
#include "common/file.h"
#include "common/log.h"
#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEMO = 5, SECRET = 32, PATH = 4096, SMALL = 256 };

/* False with errno: it is too long. */
static bool
path_of(char path[PATH], const char *folder, const char *file, const char *end)
{
	if (snprintf(path, PATH, "%s/%s%s", folder, file, end) < PATH)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

/* Without the blanks and line ends behind it. */
static bool
read_text(const char *path, size_t max, struct buf *out)
{
	size_t from = out->n;

	if (file_read(path, max, out) != 0)
		return false;
	while (out->n != from &&
	       (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == ' '))
		out->n--;
	return true;
}

static bool
make_folder(const char *folder)
{
	return mkdir(folder, 0700) == 0 || errno == EEXIST;
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
make_key(const char *folder, const char *path)
{
	char aside[PATH], file[32], secret[DEMO + SECRET + 1];
	bool ok;
	int why;

	snprintf(file, sizeof(file), "demo.key.%d", (int)getpid());
	if (!path_of(aside, folder, file, ""))
		return false;
	draw(secret);
	ok = write_small(aside, (struct slice){secret, sizeof(secret)}) &&
	     (link(aside, path) == 0 || errno == EEXIST);
	why = errno;
	unlink(aside);
	errno = why;
	return ok;
}

bool
data_demo_key(const char *folder, struct buf *secret)
{
	char path[PATH];
	struct buf have = {0};
	struct slice rest;
	bool ok;

	if (!path_of(path, folder, "demo.key", "") || !make_folder(folder))
		return false;
	ok = read_text(path, SMALL, &have) ||
	     (errno == ENOENT && make_key(folder, path) &&
		 read_text(path, SMALL, &have));
	rest = buf_slice(&have);
	if (ok && (rest.n <= DEMO || !slice_starts(rest, SLICE("demo:")))) {
		errno = EINVAL;
		ok = false;
	}
	ok = ok && buf_put(secret, slice_from(rest, DEMO));
	buf_free(&have);
	return ok;
}

uint64_t
data_epoch(const char *folder, const char *name, uint64_t unix_ms)
{
	char file[SMALL];
	struct buf text = {0};
	uint64_t last;

	snprintf(file, sizeof(file), "epoch.%s", name);
	if (data_read(folder, file, SMALL, &text) &&
	    slice_num(buf_slice(&text), &last) && last >= unix_ms)
		unix_ms = last + 1;
	buf_clear(&text);
	buf_num(&text, unix_ms);
	buf_chr(&text, '\n');
	data_write(folder, file, buf_slice(&text));
	buf_free(&text);
	return unix_ms;
}

bool
data_read(const char *folder, const char *file, size_t max, struct buf *out)
{
	char path[PATH];

	if (!path_of(path, folder, file, ""))
		return false;
	if (read_text(path, max, out))
		return true;
	if (errno != ENOENT)
		log_warn("data", "path=%s error=\"%s\"", path, strerror(errno));
	return false;
}

bool
data_write(const char *folder, const char *file, struct slice s)
{
	char path[PATH], aside[PATH];

	if (!path_of(path, folder, file, "") ||
	    !path_of(aside, folder, file, ".new"))
		return false;
	if (make_folder(folder) && write_small(aside, s) &&
	    rename(aside, path) == 0)
		return true;
	log_warn("data", "path=%s error=\"%s\"", path, strerror(errno));
	return false;
}
