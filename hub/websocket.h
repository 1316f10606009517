/*
 * websocket.h - frames of RFC 6455, read and written; no I/O.
 *
 * The reader takes bytes in whatever pieces they arrive and yields whole
 * messages and control frames.  A message that lies whole and in one frame
 * within the bytes given is unmasked in place and yielded from there, without
 * a copy.  Only an incomplete frame or message owns memory, which grows with
 * what has arrived (not with what was announced) up to the limit.  Invalid
 * text is refused at its first wrong byte, in whichever fragment it stands.
 */
#ifndef HUB_WEBSOCKET_H
#define HUB_WEBSOCKET_H

#include "common/buf.h"
#include "common/slice.h"
#include "hub/deflate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opcodes (RFC 6455 5.2), and what else the reader has to tell. */
enum websocket_kind {
	WEBSOCKET_CONTINUATION = 0x0, /* the reader joins fragments */
	WEBSOCKET_TEXT = 0x1,
	WEBSOCKET_BINARY = 0x2,
	WEBSOCKET_CLOSE = 0x8,
	WEBSOCKET_PING = 0x9,
	WEBSOCKET_PONG = 0xa,
	WEBSOCKET_ERROR = 0x10, /* not an opcode */
};

/* Close codes (RFC 6455 7.4.1 and IANA's registry). */
enum websocket_code {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL_ERROR = 1002,
	WEBSOCKET_UNACCEPTABLE = 1003, /* a kind of data we cannot take */
	WEBSOCKET_NO_CODE = 1005,      /* never on the wire: an empty close */
	WEBSOCKET_LOST = 1006,         /* never on the wire: no close at all */
	WEBSOCKET_BAD_DATA = 1007,
	WEBSOCKET_POLICY = 1008,
	WEBSOCKET_TOO_BIG = 1009,
	WEBSOCKET_NO_EXTENSION = 1010,
	WEBSOCKET_INTERNAL = 1011,
	WEBSOCKET_RESTART = 1012,
	WEBSOCKET_TRY_LATER = 1013,
	WEBSOCKET_BAD_GATEWAY = 1014,
	WEBSOCKET_NO_TLS = 1015, /* never on the wire */
	WEBSOCKET_OWN_FIRST = 3000,
	WEBSOCKET_OWN_LAST = 4999,
};

enum {
	WEBSOCKET_CONTROL_MAX = 125, /* payload of a control frame (5.5) */
	WEBSOCKET_REASON_MAX = 123,  /* the same, without the close code */
	WEBSOCKET_HEAD_MAX = 10,     /* bytes of a head we write */
};

/* One client's reader.  Zeroed, with what the handshake agreed, is a start;
 * while the client is idle this is all it costs. */
struct websocket {
	struct websocket_part *part; /* NULL while nothing is incomplete */
	struct deflate_terms deflate;
	bool over; /* close or error was yielded: the rest is ignored */
};

/* What all readers of a hub share. */
struct websocket_rules {
	size_t max;              /* bytes of a message, unpacked; not 0 */
	struct deflate *deflate; /* borrowed; NULL: none was ever agreed */
};

/* What was read and not yet consumed; the reader moves and unmasks. */
struct websocket_input {
	char *p;
	size_t n;
};

struct websocket_event {
	enum websocket_kind kind;
	uint16_t code;     /* CLOSE: theirs or NO_CODE; ERROR: to be sent */
	uint8_t head;      /* ERROR in a head: its first byte */
	struct slice data; /* message, ping's or pong's payload, or reason */
	const char *why;   /* ERROR: static, short enough for a close frame */
};

/*
 * The next event.  False: the input is used up and there is none.  Call
 * until false, even if the input is empty: that call also gives back what
 * the last event borrowed.  Event data is borrowed from the input, the
 * reader or rules->deflate until the next call for any connection.
 * After CLOSE (answer it with the same code) or ERROR (send its code, then
 * hang up) there are no more events.
 */
bool websocket_next(struct websocket *, const struct websocket_rules *,
    struct websocket_input *, struct websocket_event *);

void websocket_free(struct websocket *); /* and is a fresh reader again */

/* A frame to be written, never masked: a server's. */
struct websocket_frame {
	enum websocket_kind kind;
	bool more;   /* not the last fragment */
	bool packed; /* payload by deflate_pack(); on a first fragment only */
	struct slice payload;
};

/* Append a whole frame.  False: past the buf's cap, nothing written. */
bool websocket_put(struct buf *, struct websocket_frame);

/* Write the head alone of a frame with n bytes of payload (.payload is not
 * looked at); the size of the head. */
size_t websocket_head(
    char head[WEBSOCKET_HEAD_MAX], struct websocket_frame, uint64_t n);

/* Append a whole message as a client writes it, under a mask of zeros: for a
 * hub that is to read it anew.  False: as above. */
bool websocket_put_client(
    struct buf *, enum websocket_kind, struct slice payload);

/* Append a close frame.  NO_CODE makes an empty one.  A reason longer than
 * 123 bytes is cut where a character ends; it must be UTF-8. */
bool websocket_put_close(struct buf *, unsigned code, struct slice reason);

/* May this code stand in a close frame (RFC 6455 7.4)? */
bool websocket_code_good(unsigned code);

#endif
