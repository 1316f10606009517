/*
 * bulk.c - many messages of one request.
 *
 * The limit is ours before it is the store's: a publisher that does not read
 * its answers, or outruns the store, finds its connection not read any more
 * and so waits without anybody keeping what it has not sent.
 */
#include "ingress/bulk.h"

#include "common/json.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/line.h"

struct bulk {
	struct request *r;
	struct credential *who;
	struct list lines; /* struct line, in order, from the first unsaid */
	unsigned count;    /* of them */
	struct buf rest;   /* not published yet; of an array, all of it */
	struct buf out;    /* an array's answer so far */
	bool array;
	bool stuck;    /* there is more, which has to wait */
	bool last;     /* nothing more will come */
	bool ended;    /* and all of it was published */
	bool skipping; /* the rest of a line that is too long */
	bool failed;
	struct failure failure;
	struct native_fault fault; /* of an array; code 0 is none */
	struct json_walk walk;     /* of an array, in rest */
};

struct item {
	struct line line;
	struct bulk *bulk;
};

struct bulk *
bulk_new(struct request *r, struct credential *who)
{
	struct bulk *b = xcalloc(1, sizeof(*b));

	b->r = r;
	b->who = credential_ref(who);
	list_init(&b->lines);
	return b;
}

static void
line_free(struct bulk *b, struct line *l)
{
	line_forget(l);
	list_remove(&l->node);
	b->count--;
	free(container_of(l, struct item, line));
}

void
bulk_free(struct bulk **bp)
{
	struct bulk *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	while (!list_empty(&b->lines))
		line_free(b, container_of(b->lines.next, struct line, node));
	credential_unref(&b->who);
	buf_free(&b->rest);
	buf_free(&b->out);
	free(b);
}

static void
done(struct line *l)
{
	request_ready(container_of(l, struct item, line)->bulk->r);
}

static struct line *
line_add(struct bulk *b, size_t text)
{
	struct item *item = xmalloc(sizeof(*item) + text);
	struct line *l = &item->line;

	item->bulk = b;
	l->done = done;
	l->text = (char *)(item + 1);
	l->ticket.item = NULL;
	list_append(&b->lines, &l->node);
	b->count++;
	return l;
}

static void
refuse(struct bulk *b, const struct native_fault *f)
{
	line_refuse(line_add(b, 0), f);
	request_ready(b->r);
}

/* False: there is no room for it. */
static bool
publish(struct bulk *b, struct slice json)
{
	struct front *front = request_front(b->r);
	struct native *n = &front->native;
	const struct msg_publish *m = &n->msg.publish;
	struct line *l;

	if (line_read(front, json) != CODE_ok) {
		refuse(b, &n->fault);
		return true;
	}
	if (!front_has_room(front, m->channel))
		return false;
	l = line_add(b, m->channel.n + m->id.n);
	line_publish(l, front, &(struct line_publish){&n->msg, &b->who->grant});
	if (l->answered)
		request_ready(b->r);
	return true;
}

static bool
may_go_on(const struct bulk *b)
{
	return !b->failed && front_can_publish(request_front(b->r)) &&
	       (b->array || b->count < BULK_LINES);
}

void
bulk_array(struct bulk *b, struct slice json)
{
	b->array = b->last = true;
	b->fault.why = json_check(json, NULL, &b->fault.at);
	if (b->fault.why != NULL) {
		b->fault.code = CODE_bad_json;
		b->ended = true;
		return;
	}
	buf_put(&b->rest, json);
	buf_chr(&b->out, '[');
	json_array(&b->walk, buf_slice(&b->rest), NULL);
	b->stuck = true;
	bulk_resume(b);
}

static void
walk_array(struct bulk *b)
{
	struct json_value v;

	while (may_go_on(b)) {
		struct json_walk before = b->walk;

		if (!json_array_next(&b->walk, &v)) {
			must(b->walk.why == NULL); /* it was checked */
			b->stuck = false;
			b->ended = true;
			buf_free(&b->rest);
			return;
		}
		if (!publish(b, v.raw)) {
			b->walk = before;
			return;
		}
	}
}

/* A line longer than any body may be is refused once, when that is clear,
 * and read over. */
static void
skip_long(struct bulk *b, struct slice *rest)
{
	const struct native_fault f = {.code = CODE_too_large};
	const char *end;

	if (!b->skipping) {
		refuse(b, &f);
		stats_add(STAT_drop_too_big, 1);
	}
	end = rest->n != 0 ? memchr(rest->p, '\n', rest->n) : NULL;
	b->skipping = end == NULL && !b->last;
	*rest = slice_from(
	    *rest, end != NULL ? (size_t)(end - rest->p) + 1 : rest->n);
}

/* Publish whole lines off the front; what has to wait stays. */
static void
walk_lines(struct bulk *b, struct slice *rest)
{
	size_t max = request_front(b->r)->limits.body_max;
	struct slice line;

	b->stuck = false;
	if (b->skipping)
		skip_long(b, rest);
	while (rest->n != 0) {
		struct slice before = *rest;

		if (!may_go_on(b)) {
			b->stuck = true;
			return;
		}
		if (!ndjson_next(rest, &line, b->last))
			break;
		if (line.n > max)
			refuse(
			    b, &(struct native_fault){.code = CODE_too_large});
		else if (!publish(b, line)) {
			*rest = before;
			b->stuck = true;
			return;
		}
	}
	if (rest->n > max)
		skip_long(b, rest);
	b->ended = b->last;
	if (b->ended)
		request_ready(b->r);
}

void
bulk_feed(struct bulk *b, struct slice piece, bool last)
{
	struct slice rest = piece;

	b->last = last;
	if (b->failed)
		return;
	if (b->rest.n != 0) {
		buf_put(&b->rest, piece);
		bulk_resume(b);
		return;
	}
	walk_lines(b, &rest);
	buf_put(&b->rest, rest);
}

void
bulk_resume(struct bulk *b)
{
	struct slice rest = buf_slice(&b->rest);

	if (b->ended || b->failed)
		return;
	if (b->array) {
		walk_array(b);
		return;
	}
	walk_lines(b, &rest);
	buf_drop(&b->rest, b->rest.n - rest.n);
	if (b->rest.n == 0)
		buf_free(&b->rest);
}

bool
bulk_full(const struct bulk *b)
{
	return b->stuck && !b->failed;
}

/* The answered lines at the front, each followed by this character. */
static void
put_lines(struct bulk *b, struct buf *out, char separator)
{
	while (!list_empty(&b->lines)) {
		struct line *l = container_of(b->lines.next, struct line, node);

		if (!l->answered)
			return;
		line_put(l, out);
		buf_chr(out, separator);
		line_free(b, l);
	}
}

bool
bulk_array_done(struct bulk *b, struct slice *json)
{
	put_lines(b, &b->out, ',');
	if (!b->ended || b->count != 0)
		return false;
	if (b->out.p[b->out.n - 1] == ',')
		b->out.n--;
	buf_chr(&b->out, ']');
	*json = buf_slice(&b->out);
	return true;
}

const struct native_fault *
bulk_array_fault(const struct bulk *b)
{
	return b->fault.code != CODE_ok ? &b->fault : NULL;
}

bool
bulk_put(struct bulk *b, struct buf *out)
{
	put_lines(b, out, '\n');
	if (b->failed && b->count == 0) {
		http_error_body(out, &b->failure.fault);
		buf_chr(out, '\n');
		return true;
	}
	return b->ended && !b->failed && b->count == 0;
}

/* Whoever asks is told now, though the store may have taken some of them. */
static void
fail_array(struct bulk *b)
{
	const struct native_fault f = {.code = CODE_timeout};
	struct json_value v;

	list_each (at, &b->lines) {
		struct line *l = container_of(at, struct line, node);

		if (l->answered)
			continue;
		line_fail(l, &f);
	}
	while (!b->ended && json_array_next(&b->walk, &v))
		refuse(b, &f);
	b->ended = true;
	b->stuck = false;
}

void
bulk_fail(struct bulk *b, const struct failure *f)
{
	if (b->array) {
		fail_array(b);
		return;
	}
	b->failed = true;
	b->failure = *f;
	request_ready(b->r);
}
