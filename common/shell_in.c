/*
 * shell_in.c - lines of standard input.
 */
#include "common/shell_in.h"

#include "common/must.h"

struct slice
shell_in_rest(const struct shell_in *in)
{
	return slice_from(buf_slice(&in->bytes), in->at);
}

bool
shell_in_line(struct shell_in *in, struct slice *line)
{
	struct slice rest = shell_in_rest(in);
	const char *end = NULL;
	size_t known = in->searched > in->at ? in->searched - in->at : 0;

	if (rest.n > known)
		end = memchr(rest.p + known, '\n', rest.n - known);
	in->searched = in->bytes.n;
	if (end != NULL)
		rest.n = (size_t)(end - rest.p);
	*line = rest;
	if (end == NULL && (!in->ended || rest.n == 0))
		return false;
	in->at += rest.n + (end != NULL);
	in->searched = in->at;
	if (rest.n != 0 && rest.p[rest.n - 1] == '\r')
		line->n--;
	return true;
}

void
shell_in_drop(struct shell_in *in)
{
	buf_drop(&in->bytes, in->at);
	in->searched = in->searched > in->at ? in->searched - in->at : 0;
	in->at = 0;
}
