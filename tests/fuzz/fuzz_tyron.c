/*
 * fuzz_tyron.c - whatever Tyron is told, what comes out fits a frame.
 *
 * For any bytes: a path names UTF-8 or nothing, a name is a channel, an item
 * is a message or has a fault within it, and a body of any type is answered
 * with a type that fits a header.
 */
#include "common/tyron.h"

#include "common/channel.h"
#include "common/incus.h"
#include "common/json.h"
#include "common/must.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
names(struct slice prefix, struct slice s)
{
	struct buf name = {0}, channel = {0};

	if (tyron_name(&name, s)) {
		must(name.n == 0 || utf8_valid(buf_slice(&name)));
		tyron_channel(&channel, prefix, buf_slice(&name));
		must(channel_check(buf_slice(&channel)) == NULL);
	}
	must(name.n <= s.n);
	buf_free(&name);
	buf_free(&channel);
}

static void
items(struct slice s)
{
	struct native n = {0};
	const struct msg_publish *p = &n.msg.publish;

	if (tyron_read(&n, SLICE(TYRON_CHANNEL), s) == CODE_ok) {
		must(channel_check(p->channel) == NULL);
		must(json_check(p->body, NULL, NULL) == NULL);
		must(p->body.p >= s.p && p->body.p + p->body.n <= s.p + s.n);
	} else {
		must(n.fault.at <= s.n);
	}
	native_free(&n);
}

/* The type is what stands before the first line's end. */
static void
bodies(struct slice s)
{
	struct buf room = {0};
	struct slice rest = s, type = {NULL, 0};
	struct tyron_body t;

	t = tyron_body(type, s, &room);
	must(t.body.n <= s.n);
	if (slice_cut(&rest, '\n', &type) && rest.p != NULL) {
		t = tyron_body(type, rest, &room);
		must(t.type.n == 0 || memchr(t.type.p, '\r', t.type.n) == NULL);
	}
	buf_free(&room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice s = {(const char *)p, n};

	names(SLICE(TYRON_CHANNEL), s);
	names(SLICE(INCUS_PAGE_PREFIX), s);
	items(s);
	bodies(s);
	return 0;
}
