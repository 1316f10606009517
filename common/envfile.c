/*
 * envfile.c - settings for somebody else: the supervisor reads a .env file
 * for the children it starts.
 */
#include "common/envfile.h"

#include "common/dotenv.h"
#include "common/file.h"
#include "common/must.h"

#include <errno.h>

enum { ENV_MAX = 1 << 20 }; /* a page of settings, not a database */

const char *
envfile_read(const char *path, struct buf *out, unsigned *line)
{
	struct buf text = {0}, value = {0};
	struct dotenv d;
	struct slice key;

	*line = 0;
	if (file_read(path, ENV_MAX, &text) != 0 && errno != ENOENT) {
		buf_free(&text);
		return strerror(errno);
	}
	d = (struct dotenv){.rest = buf_slice(&text)};
	while (dotenv_next(&d, &key, &value))
		continue;
	buf_free(&value);
	if (d.error != NULL) {
		*line = d.line;
		buf_free(&text);
		return d.error;
	}
	buf_free(out);
	*out = text;
	return NULL;
}

static void
terminate(struct buf *b)
{
	if (buf_chr(b, '\0'))
		b->n--;
}

bool
envfile_get(struct slice text, const char *name, struct buf *out)
{
	struct dotenv d = {.rest = text};
	struct buf value = {0};
	struct slice key;
	bool found = false;

	while (dotenv_next(&d, &key, &value)) {
		if (!slice_is(key, name))
			continue;
		buf_clear(out);
		buf_put(out, buf_slice(&value));
		terminate(out);
		found = true;
	}
	buf_free(&value);
	return found;
}

/* Of two lines the last wins, so the first of them looks the last one up; a
 * page of settings is too short for that to matter. */
int
envfile_apply(struct slice text)
{
	struct dotenv d = {.rest = text};
	struct buf name = {0}, value = {0};
	struct slice key;
	int rc = 0;

	while (rc == 0 && dotenv_next(&d, &key, &value)) {
		buf_clear(&name);
		buf_put(&name, key);
		terminate(&name);
		if (getenv(name.p) == NULL && envfile_get(text, name.p, &value))
			rc = setenv(name.p, value.p, 0);
	}
	buf_free(&name);
	buf_free(&value);
	return rc;
}
