/*
 * redis_reader.c - hiredis's reader, and nothing else of hiredis.
 */
#include "common/redis_reader.h"

#include "common/must.h"

#include <stdbool.h>

#include <hiredis/hiredis.h>

struct redis_reader {
	redisReader *hiredis;
	redisReplyObjectFunctions makers;
};

/* Replies, as hiredis builds them from the root down.  Its reader refuses
 * arrays nested deeper than 7, which bounds release(). */
static void
release(struct redis_reply *r)
{
	for (size_t i = 0; i < r->n; i++)
		release(&r->items[i]);
	free(r->items);
	free((char *)(uintptr_t)r->text.p);
}

static void
free_object(void *root)
{
	release(root);
	free(root);
}

static struct redis_reply *
place(const redisReadTask *task)
{
	struct redis_reply *parent;

	if (task->parent == NULL)
		return xcalloc(1, sizeof(struct redis_reply));
	parent = task->parent->obj;
	return &parent->items[task->idx];
}

static void *
make_text(const redisReadTask *task, char *p, size_t n)
{
	struct redis_reply *r = place(task);

	r->kind = task->type == REDIS_REPLY_ERROR    ? REDIS_IS_ERROR
	          : task->type == REDIS_REPLY_STATUS ? REDIS_IS_STATUS
	                                             : REDIS_IS_STRING;
	r->text = (struct slice){memcpy(xmalloc(n), p, n), n};
	return r;
}

static void *
make_array(const redisReadTask *task, int n)
{
	struct redis_reply *r;

	if (n < 0 || n > REDIS_ELEMENTS)
		return NULL;
	r = place(task);
	r->kind = REDIS_IS_ARRAY;
	r->n = (size_t)n;
	r->items = xcalloc(r->n, sizeof(*r->items));
	return r;
}

static void *
make_number(const redisReadTask *task, long long number)
{
	struct redis_reply *r = place(task);

	r->kind = REDIS_IS_NUMBER;
	r->number = number;
	return r;
}

static void *
make_nil(const redisReadTask *task)
{
	return place(task);
}

static const redisReplyObjectFunctions makers = {
    .createString = make_text,
    .createArray = make_array,
    .createInteger = make_number,
    .createNil = make_nil,
    .freeObject = free_object,
};

struct redis_reader *
redis_reader_new(void)
{
	struct redis_reader *r = xcalloc(1, sizeof(*r));

	r->makers = makers;
	r->hiredis = redisReaderCreateWithFunctions(&r->makers);
	must(r->hiredis != NULL);
	return r;
}

void
redis_reader_free(struct redis_reader **rp)
{
	struct redis_reader *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	redisReaderFree(r->hiredis);
	free(r);
}

/* What it cannot take it says at the next reply. */
void
redis_reader_feed(struct redis_reader *r, struct slice s)
{
	(void)redisReaderFeed(r->hiredis, s.p, s.n);
}

const char *
redis_reader_next(struct redis_reader *r, struct redis_reply **out)
{
	void *reply = NULL;

	*out = NULL;
	if (redisReaderGetReply(r->hiredis, &reply) != REDIS_OK)
		return r->hiredis->errstr;
	*out = reply;
	if (reply == NULL &&
	    r->hiredis->len - r->hiredis->pos > REDIS_REPLY_BYTES)
		return "a reply is larger than the limit";
	return NULL;
}

void
redis_reply_free(struct redis_reply **rp)
{
	if (*rp != NULL)
		free_object(*rp);
	*rp = NULL;
}
