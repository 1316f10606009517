/*
 * redis_writer.c - the half of RESP that hiredis would allocate for.
 */
#include "common/redis_writer.h"

#include "common/must.h"

enum { HEAD = 24 }; /* a sign, 20 digits, the line's end */

/* "$42\r\n", before the end of the room: where it begins. */
static char *
head_before(char *end, char sign, size_t n)
{
	*--end = '\n';
	*--end = '\r';
	do
		*--end = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	*--end = sign;
	return end;
}

void
redis_put_count(struct buf *b, size_t words)
{
	char room[HEAD], *end = room + HEAD;
	char *head = head_before(end, '*', words);

	buf_add(b, head, (size_t)(end - head));
}

void
redis_put_word(struct buf *b, struct slice word)
{
	char room[HEAD], *end = room + HEAD;
	char *head = head_before(end, '$', word.n), *to;
	size_t n = (size_t)(end - head);

	must(b->max == 0);
	to = buf_room(b, n + word.n + 2);
	memcpy(to, head, n);
	if (word.n != 0)
		memcpy(to + n, word.p, word.n);
	memcpy(to + n + word.n, "\r\n", 2);
	b->n += n + word.n + 2;
}
