/*
 * fuzz_incus.c - whatever is said to Incus, what comes out fits a frame.
 *
 * For any bytes on each way in: a route is a valid channel, a message is a
 * body of its input's bytes, and a client reads valid JSON, whatever was
 * published.
 */
#include "common/incus.h"

#include "common/incus_body.h"
#include "common/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_body(const struct incus *c, struct buf *out, struct buf *room)
{
	struct incus_body b;

	if (c->message.p == NULL)
		return;
	must(json_check(c->message, NULL, NULL) == NULL);
	buf_clear(out);
	buf_clear(room);
	if (incus_body_read(&b, c->message)) {
		incus_body_put(out, &b);
		must(json_check(buf_slice(out), NULL, NULL) == NULL);
	}
	if (incus_body_flat(&b, c->message, room))
		must(
		    json_check(b.data, NULL, NULL) == NULL && *b.data.p == '{');
}

static void
check_route(struct incus *c)
{
	struct incus_route r = incus_route(c);

	must((r.to == INCUS_TO_NOBODY) == (r.channel.n == 0));
	must(r.channel.n == 0 || channel_check(r.channel) == NULL);
	must(r.filter.n <= INCUS_NAME_MAX);
}

static void
envelope(struct incus *c, struct slice s, enum incus_way way)
{
	struct buf out = {0}, room = {0};

	if (incus_read(c, s, way) == CODE_ok) {
		must(json_check(c->json, NULL, NULL) == NULL);
		must(c->command == INCUS_NOTHING || c->name[0] != '\0');
		check_route(c);
		check_body(c, &out, &room);
	} else {
		must(c->fault.at <= s.n);
	}
	must(strlen(c->name) < sizeof(c->name));
	buf_free(&out);
	buf_free(&room);
}

static void
told(struct slice s)
{
	static const char *const types[] = {"", "text/plain"};
	struct incus_control control;
	struct buf out = {0}, room = {0};

	for (unsigned i = 0; i < LENGTH(types); i++) {
		buf_clear(&out);
		incus_body_tell(
		    &out, &(struct incus_message){slice_of(types[i]), s, 1});
		/* what is wrapped is nested deeper */
		must(json_check(buf_slice(&out),
			 &(struct json_limits){.depth = JSON_DEPTH + 2},
			 NULL) == NULL);
	}
	incus_control_read(&control, s, &room);
	buf_free(&out);
	buf_free(&room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = {(const char *)data, size};
	struct incus c = {.command = INCUS_NOTHING};

	envelope(&c, s, INCUS_SOCKET);
	envelope(&c, s, INCUS_POLL);
	envelope(&c, s, INCUS_REDIS);
	told(s);
	incus_free(&c);
	return 0;
}
