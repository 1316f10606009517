/*
 * websocket_log.h - a client's bytes, and what the reader made of them.
 *
 * Events are written down as "text[Hello] ping[] error[1002] ", so that two
 * ways of feeding the same bytes are compared as two strings.
 */
#ifndef TESTS_UNIT_WEBSOCKET_LOG_H
#define TESTS_UNIT_WEBSOCKET_LOG_H

#include "common/must.h"
#include "hub/websocket.h"

/* A client's frame; first is its first byte, flags and opcode. */
static inline void
client_frame(struct buf *b, unsigned first, struct slice payload)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	char head[WEBSOCKET_HEAD_MAX];
	size_t n = websocket_head(
	    head, (struct websocket_frame){.more = true}, payload.n);

	head[0] = (char)first;
	head[1] = (char)((unsigned char)head[1] | 0x80);
	buf_add(b, head, n);
	buf_add(b, (const char *)mask, 4);
	for (size_t i = 0; i < payload.n; i++)
		buf_chr(b, (char)((unsigned char)payload.p[i] ^ mask[i % 4]));
}

static inline void
log_event(struct buf *log, const struct websocket_event *e)
{
	switch (e->kind) {
	case WEBSOCKET_TEXT:
		buf_str(log, "text[");
		break;
	case WEBSOCKET_BINARY:
		buf_str(log, "binary[");
		break;
	case WEBSOCKET_PING:
		buf_str(log, "ping[");
		break;
	case WEBSOCKET_PONG:
		buf_str(log, "pong[");
		break;
	case WEBSOCKET_CLOSE:
		buf_printf(log, "close[%d", e->code);
		if (e->data.n != 0)
			buf_chr(log, ' ');
		break;
	case WEBSOCKET_ERROR:
		must(e->why != NULL && e->data.n == 0);
		must(strlen(e->why) <= WEBSOCKET_REASON_MAX);
		buf_printf(log, "error[%d", e->code);
		break;
	default:
		must(!"a kind of event there is");
	}
	buf_put(log, e->data);
	buf_str(log, "] ");
}

/* Feed one piece, from a block of exactly its size. */
static inline void
feed(struct websocket *ws, const struct websocket_rules *rules,
    struct slice piece, struct buf *log)
{
	struct websocket_event e;
	char *copy = xmalloc(piece.n);
	struct websocket_input in = {copy, piece.n};

	if (piece.n != 0)
		memcpy(copy, piece.p, piece.n);
	while (websocket_next(ws, rules, &in, &e))
		log_event(log, &e);
	must(in.n == 0);
	free(copy);
}

/* How a stream is cut: `first` bytes, then `step` at a time. */
struct cut {
	size_t first, step;
};

static inline void
feed_cut(const struct websocket_rules *rules, struct slice all, struct cut cut,
    struct buf *log)
{
	struct websocket ws = {
	    .deflate.window = rules->deflate != NULL ? 15 : 0};
	size_t n = cut.first < all.n ? cut.first : all.n;

	for (;;) {
		feed(&ws, rules, (struct slice){all.p, n}, log);
		all = slice_from(all, n);
		if (all.n == 0)
			break;
		n = cut.step < all.n ? cut.step : all.n;
	}
	websocket_free(&ws);
}

#endif
