/*
 * message.c - one shape of a message for every way out.
 */
#include "common/message.h"

#include "common/base64.h"
#include "common/cursor.h"
#include "common/http.h"
#include "common/json_write.h"
#include "common/utf8.h"

enum message_shape
message_shape(struct slice type, struct slice body)
{
	struct slice rest = type, name = type;

	if (type.n == 0)
		return SHAPE_JSON;
	if (slice_eq(type, SLICE(MESSAGE_PRESENCE)))
		return SHAPE_PRESENCE;
	slice_cut(&rest, ';', &name);
	if (http_same(slice_trim(name), SLICE("application/json")))
		return SHAPE_JSON;
	return utf8_valid(body) ? SHAPE_TEXT : SHAPE_BYTES;
}

bool
message_cursor(struct buf *out, unsigned shard, uint64_t epoch, uint64_t offset)
{
	struct cursor_part part = {shard, epoch, offset};

	return cursor_put(out, &part, 1);
}

void
message_body(struct buf *out, struct slice type, struct slice body)
{
	enum message_shape what = message_shape(type, body);

	if (what == SHAPE_TEXT || what == SHAPE_BYTES) {
		buf_put(out, SLICE(",\"type\":"));
		json_escape(out, type);
	}
	if (what == SHAPE_JSON || what == SHAPE_PRESENCE) {
		buf_put(out, what == SHAPE_JSON ? SLICE(",\"data\":")
						: SLICE(",\"presence\":"));
		buf_put(out, body);
	} else if (what == SHAPE_TEXT) {
		buf_put(out, SLICE(",\"text\":"));
		json_escape(out, body);
	} else {
		buf_put(out, SLICE(",\"base64\":\""));
		base64_encode(out, body, BASE64_STD);
		buf_chr(out, '"');
	}
}

bool
message_put(struct buf *out, const struct message *m)
{
	buf_put(out, SLICE("{\"channel\":\""));
	buf_put(out, m->channel); /* path characters: nothing to escape */
	buf_put(out, SLICE("\",\"cursor\":\""));
	message_cursor(out, m->shard, m->epoch, m->offset);
	buf_chr(out, '"');
	if (m->id.n != 0) {
		buf_put(out, SLICE(",\"id\":"));
		json_escape(out, m->id);
	}
	message_body(out, m->type, m->body);
	return buf_chr(out, '}') && !out->full;
}

void
kept_put(struct buf *out, unsigned kept)
{
	static const char *const names[] = {
	    [KEPT_MEMORY] = "memory",
	    [KEPT_FSYNC] = "fsync",
	    [KEPT_REPLICAS] = "replicas",
	};

	if (kept == KEPT_NOT)
		return;
	buf_put(out, SLICE(",\"stored\":\""));
	buf_str(out, names[kept < KEPT_REPLICAS ? kept : KEPT_REPLICAS]);
	buf_chr(out, '"');
	if (kept < KEPT_REPLICAS)
		return;
	buf_put(out, SLICE(",\"replicas\":"));
	buf_num(out, kept - KEPT_REPLICAS + 1);
}
