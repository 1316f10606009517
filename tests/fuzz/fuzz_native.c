/*
 * fuzz_native.c - whatever publishers send, what comes out fits a frame.
 *
 * For any bytes, as an object, as a query and as a body: what is taken keeps
 * the bus's limits, crosses it unchanged, and JSON data is a piece of the
 * input; what is refused is told with a place within the input.
 */
#include "common/channel.h"
#include "common/must.h"
#include "common/native.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { NOW = 1000 };

static void
fits_a_frame(const struct native *n)
{
	const struct msg_publish *p = &n->msg.publish, *q;
	struct buf b = {0};
	struct msg back;
	const char *why;

	must(n->msg.id == MSG_publish && n->fault.code == CODE_ok);
	must(channel_check(p->channel) == NULL);
	must(channel_kind(p->channel) != CHANNEL_META);
	must(p->expires == 0 || p->expires >= NOW + 1000);
	msg_encode(&b, &n->msg);
	must(msg_decode(buf_slice(&b), &back, &why) == (long)b.n);
	q = &back.publish;
	must(slice_eq(p->channel, q->channel) && slice_eq(p->type, q->type) &&
	     slice_eq(p->body, q->body) && slice_eq(p->id, q->id) &&
	     p->expires == q->expires && p->receipt == q->receipt);
	buf_free(&b);
}

static void
is_told(const struct native_fault *f, size_t n)
{
	char room[NATIVE_WHY];
	const char *why = native_why(f, room);

	must(f->code != CODE_ok && *why != '\0');
	must(strlen(why) < NATIVE_WHY - 1); /* all of it */
	must(f->at <= n);
	must(f->at == 0 || f->code == CODE_bad_json);
}

static void
object(struct native *n, struct slice s)
{
	const struct msg_publish *p = &n->msg.publish;

	if (native_read(n, s, NOW) != CODE_ok) {
		is_told(&n->fault, s.n);
		must(json_check(s, NULL, NULL) == NULL ||
		     n->fault.code == CODE_bad_json);
		return;
	}
	fits_a_frame(n);
	must(json_check(s, NULL, NULL) == NULL);
	if (p->type.n != 0)
		return;
	must(p->body.p > s.p && p->body.p + p->body.n < s.p + s.n);
	must(json_check(p->body, NULL, NULL) == NULL);
}

/* The first line is the query, the second the type, the rest the body. */
static void
raw(struct native *n, struct slice s)
{
	struct slice query = SLICE(""), type = SLICE("");

	if (!slice_cut(&s, '\n', &query) || !slice_cut(&s, '\n', &type))
		return;
	if (native_query(n, query, NOW) != CODE_ok)
		is_told(&n->fault, 0);
	else if (native_body(n, type, s) != CODE_ok)
		is_told(&n->fault, s.n);
	else
		fits_a_frame(n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = {(const char *)data, size};
	struct native n = {0};

	object(&n, s);
	raw(&n, s);
	object(&n, s); /* what was before leaves no trace */
	native_free(&n);
	return 0;
}
