/* upgrade_test.c - which handshakes are taken, and what the answer says. */
#include "common/must.h"
#include "hub/upgrade.h"
#include "tests/unit/test.h"

#define S   SLICE_INIT
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define GOOD                                                                   \
	.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S(KEY),  \
	.version = S("13")
#define HEAD                                                                   \
	"HTTP/1.1 101 Switching Protocols\r\n"                                 \
	"Upgrade: websocket\r\n"                                               \
	"Connection: Upgrade\r\n"                                              \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define PLAIN                                                                  \
	"permessage-deflate; server_no_context_takeover; "                     \
	"client_no_context_takeover"

static const struct slice known[] = {S("chat"), S("posthorn.v1.msgpack")};

/* clang-format off */
static const struct {
	struct upgrade u;
	const char *answer;
	int protocol;
	uint8_t window;
} taken[] = {
    /* the accept key is RFC 6455 1.3's */
    {{GOOD}, HEAD "\r\n", -1, 0},
    {{.upgrade = S("h2c, WebSocket"), .connection = S("keep-alive , upgrade"), .key = S(" " KEY "\t"), .version = S(" 13")},
     HEAD "\r\n", -1, 0},
    {{GOOD, .extra = S("Server: posthorn\r\n")}, HEAD "Server: posthorn\r\n\r\n", -1, 0},
    {{GOOD, .protocols = S("superchat, posthorn.v1.msgpack,chat")},
     HEAD "Sec-WebSocket-Protocol: posthorn.v1.msgpack\r\n\r\n", 1, 0},
    {{GOOD, .protocols = S("Chat")}, HEAD "\r\n", -1, 0},
    {{GOOD, .protocols = S("")}, HEAD "\r\n", -1, 0},
    {{GOOD, .extensions = S("permessage-deflate")}, HEAD "\r\n", -1, 0},
    {{GOOD, .compress = true}, HEAD "\r\n", -1, 0},
    {{GOOD, .compress = true, .extensions = S("x-webkit-deflate-frame")}, HEAD "\r\n", -1, 0},
    {{GOOD, .compress = true, .protocols = S("chat"), .extensions = S("permessage-deflate; client_max_window_bits"), .extra = S("A: b\r\n")},
     HEAD "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: " PLAIN "\r\nA: b\r\n\r\n", 0, 15},
};

static const struct {
	struct upgrade u;
	unsigned status;
	const char *why; /* a part of it */
} refused[] = {
    {{.known_n = 0}, 400, "Upgrade"},
    {{.upgrade = S("h2c"), .connection = S("Upgrade"), .key = S(KEY), .version = S("13")}, 400, "Upgrade"},
    {{.upgrade = S("websockets"), .connection = S("Upgrade"), .key = S(KEY), .version = S("13")}, 400, "Upgrade"},
    {{.upgrade = S("websocket"), .key = S(KEY), .version = S("13")}, 400, "Connection"},
    {{.upgrade = S("websocket"), .connection = S("keep-alive"), .key = S(KEY), .version = S("13")}, 400, "Connection"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S(KEY)}, 426, "Version"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S(KEY), .version = S("8")}, 426, "Version"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S(KEY), .version = S("13, 8")}, 426, "Version"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .version = S("13")}, 400, "Key"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S(""), .version = S("13")}, 400, "Key"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S("dGhlIHNhbXBsZSBub25jZQ="), .version = S("13")}, 400, "Key"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S("dGhlIHNhbXBsZSBub25jZQA="), .version = S("13")}, 400, "Key"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S("dGhlIHNhbXBsZSBub2*jZQ=="), .version = S("13")}, 400, "Key"},
    {{.upgrade = S("websocket"), .connection = S("Upgrade"), .key = S(KEY KEY), .version = S("13")}, 400, "Key"},
    {{GOOD, .protocols = S("chat, a b")}, 400, "Protocol"},
    {{GOOD, .protocols = S("\x01")}, 400, "Protocol"},
    {{GOOD, .protocols = S("chat;x")}, 400, "Protocol"},
    {{GOOD, .extensions = S("permessage-deflate;")}, 400, "Extensions"},
};
/* clang-format on */

static void
good_handshakes_are_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(taken); i++) {
		struct upgrade u = taken[i].u;
		struct upgrade_answer a;
		struct buf b = {0};

		u.known = known;
		u.known_n = LENGTH(known);
		buf_str(&b, "x");
		a = upgrade_answer(&u, &b);
		assert_int_equal(a.status, 101);
		assert_null(a.why);
		assert_int_equal(a.protocol, taken[i].protocol);
		assert_int_equal(a.deflate.window, taken[i].window);
		buf_chr(&b, '\0');
		assert_string_equal(b.p + 1, taken[i].answer);
		buf_free(&b);
	}
}

static void
others_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(refused); i++) {
		struct buf b = {0};
		struct upgrade_answer a = upgrade_answer(&refused[i].u, &b);

		assert_int_equal(a.status, refused[i].status);
		assert_non_null(a.why);
		assert_non_null(strstr(a.why, refused[i].why));
		assert_int_equal(a.deflate.window, 0);
		assert_int_equal(b.n, 0);
		buf_free(&b);
	}
}

/* The value from a block of its size, cut everywhere: only the whole key is
 * good, and nothing is read behind it. */
static void
no_part_of_a_key_will_do(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(KEY); n++) {
		struct upgrade u = {GOOD};
		struct buf b = {0};

		u.key = exact(KEY, n);
		assert_int_equal(upgrade_answer(&u, &b).status,
		    n == sizeof(KEY) - 1 ? 101 : 400);
		free((char *)u.key.p);
		buf_free(&b);
	}
}

TESTS(unit(good_handshakes_are_answered),
    unit(others_are_refused_with_a_reason), unit(no_part_of_a_key_will_do))
