/*
 * body_wait.c - the body of a request that comes in pieces.
 */
#include "hub/body_wait.h"

bool
body_waits(struct body_wait *w, struct slice request)
{
	struct slice rest, piece;
	int got;

	if (request.n >= w->most)
		return false;
	if (w->at == 0)
		return true;
	rest = slice_from(request, w->at);
	w->at = request.n;
	do
		got = http_chunk_read(&w->chunk, &rest, &piece);
	while (got == HTTP_CHUNK_DATA);
	return got == HTTP_CHUNK_MORE;
}
