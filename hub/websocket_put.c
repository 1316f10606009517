/*
 * websocket_put.c - what we send: frames without a mask, heads as short as
 * they can be.
 */
#include "hub/websocket.h"

#include "common/must.h"

enum {
	FIN = 0x80,
	RSV1 = 0x40,
	MASKED = 0x80,
	MASK = 4,
	LENGTH_16 = 126,
	LENGTH_64 = 127
};

size_t
websocket_head(
    char head[WEBSOCKET_HEAD_MAX], struct websocket_frame f, uint64_t n)
{
	size_t wide = n < LENGTH_16 ? 0 : n <= UINT16_MAX ? 2 : 8;

	head[0] = (char)(f.kind | (f.more ? 0 : FIN) | (f.packed ? RSV1 : 0));
	head[1] = (char)(wide == 0 ? n : wide == 2 ? LENGTH_16 : LENGTH_64);
	for (size_t i = 0; i < wide; i++)
		head[2 + i] = (char)(n >> 8 * (wide - 1 - i));
	return 2 + wide;
}

bool
websocket_put(struct buf *b, struct websocket_frame f)
{
	char head[WEBSOCKET_HEAD_MAX], *room;
	size_t n = websocket_head(head, f, f.payload.n);

	must(f.kind < WEBSOCKET_CLOSE ||
	     (f.payload.n <= WEBSOCKET_CONTROL_MAX && !f.more && !f.packed));
	if (f.payload.n > SIZE_MAX - n ||
	    (room = buf_room(b, n + f.payload.n)) == NULL)
		return false;
	memcpy(room, head, n);
	if (f.payload.n != 0)
		memcpy(room + n, f.payload.p, f.payload.n);
	b->n += n + f.payload.n;
	return true;
}

bool
websocket_put_client(
    struct buf *b, enum websocket_kind kind, struct slice payload)
{
	char head[WEBSOCKET_HEAD_MAX + MASK] = {0};
	size_t n = websocket_head(
	    head, (struct websocket_frame){.kind = kind}, payload.n);

	head[1] = (char)(head[1] | MASKED);
	memset(head + n, 0, MASK);
	n += MASK;
	if (payload.n > SIZE_MAX - n || buf_room(b, n + payload.n) == NULL)
		return false;
	buf_add(b, head, n);
	buf_put(b, payload);
	return true;
}

bool
websocket_put_close(struct buf *b, unsigned code, struct slice reason)
{
	char payload[WEBSOCKET_CONTROL_MAX];
	size_t n = 0;

	if (code != WEBSOCKET_NO_CODE) {
		must(websocket_code_good(code));
		if (reason.n > WEBSOCKET_REASON_MAX) {
			reason.n = WEBSOCKET_REASON_MAX;
			while (reason.n != 0 &&
			       (reason.p[reason.n] & 0xc0) == 0x80)
				reason.n--;
		}
		payload[n++] = (char)(code >> 8);
		payload[n++] = (char)code;
		if (reason.n != 0)
			memcpy(payload + n, reason.p, reason.n);
		n += reason.n;
	}
	return websocket_put(
	    b, (struct websocket_frame){
		   .kind = WEBSOCKET_CLOSE, .payload = {payload, n}});
}

bool
websocket_code_good(unsigned code)
{
	if (code >= WEBSOCKET_OWN_FIRST)
		return code <= WEBSOCKET_OWN_LAST;
	if (code < WEBSOCKET_NORMAL || code > WEBSOCKET_BAD_GATEWAY)
		return false;
	return code != WEBSOCKET_LOST && code != WEBSOCKET_NO_CODE &&
	       code != 1004; /* reserved, without a meaning */
}
