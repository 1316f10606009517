/*
 * upgrade.c - from an HTTP request to a WebSocket.
 *
 * The checks stand in the order of RFC 6455 4.2.1 but for the version, which
 * comes before the key: a client of another version should hear that first.
 */
#include "hub/upgrade.h"

#include "common/base64.h"
#include "common/crypto.h"

#include <strings.h>

enum {
	KEY_LETTERS = 22, /* of 16 bytes in base64, before the == */
	DIGEST = 20,      /* bytes of SHA-1 */
};

/* Is this word one of the comma-separated list, in any case? */
static bool
lists(struct slice list, struct slice word)
{
	struct slice part;

	while (slice_cut(&list, ',', &part)) {
		part = slice_trim(part);
		if (part.n == word.n &&
		    strncasecmp(part.p, word.p, word.n) == 0)
			return true;
	}
	return false;
}

static bool
key_good(struct slice key)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789+/";

	if (key.n != KEY_LETTERS + 2)
		return false;
	for (size_t i = 0; i < KEY_LETTERS; i++)
		if (memchr(letters, key.p[i], sizeof(letters) - 1) == NULL)
			return false;
	return key.p[KEY_LETTERS] == '=' && key.p[KEY_LETTERS + 1] == '=';
}

/* RFC 6455 4.1: tokens.  Empty elements are let pass, as in any list. */
static bool
protocols_good(struct slice list)
{
	static const char marks[] = "()<>@,;:\\\"/[]?={}";
	struct slice part;

	while (slice_cut(&list, ',', &part)) {
		part = slice_trim(part);
		for (size_t i = 0; i < part.n; i++)
			if (part.p[i] <= ' ' || part.p[i] > '~' ||
			    strchr(marks, part.p[i]) != NULL)
				return false;
	}
	return true;
}

static int
protocol_choose(const struct upgrade *u)
{
	struct slice list = u->protocols, part;

	while (slice_cut(&list, ',', &part)) {
		part = slice_trim(part);
		for (size_t i = 0; i < u->known_n; i++)
			if (slice_eq(part, u->known[i]))
				return (int)i;
	}
	return -1;
}

static struct upgrade_answer
judge(const struct upgrade *u)
{
	struct upgrade_answer a = {.status = 400, .protocol = -1};

	if (!lists(u->upgrade, SLICE("websocket"))) {
		a.why = "Upgrade is not websocket";
	} else if (!lists(u->connection, SLICE("upgrade"))) {
		a.why = "Connection is not Upgrade";
	} else if (!slice_is(slice_trim(u->version), "13")) {
		a.status = 426;
		a.why = "Sec-WebSocket-Version is not 13";
	} else if (u->any_key ? slice_trim(u->key).n == 0
			      : !key_good(slice_trim(u->key))) {
		a.why = "Sec-WebSocket-Key is not 16 bytes in base64";
	} else if (!protocols_good(u->protocols)) {
		a.why = "malformed Sec-WebSocket-Protocol";
	} else if ((a.why = deflate_choose(u->extensions, &a.deflate)) ==
		   NULL) {
		a.status = 101;
		a.protocol = protocol_choose(u);
		if (!u->compress)
			a.deflate = (struct deflate_terms){0};
	}
	return a;
}

/* RFC 6455 4.2.2 5.4: the key as it stands, not what it decodes to. */
static void
put_accept(struct buf *b, struct slice key)
{
	unsigned char digest[DIGEST];
	struct buf text = {0};

	buf_put(&text, key);
	buf_str(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	crypto_sha1(buf_slice(&text), digest);
	buf_free(&text);
	base64_encode(b, (struct slice){(char *)digest, DIGEST}, BASE64_STD);
}

struct upgrade_answer
upgrade_answer(const struct upgrade *u, struct buf *b)
{
	struct upgrade_answer a = judge(u);

	if (a.status != 101)
		return a;
	buf_str(b, "HTTP/1.1 101 Switching Protocols\r\n"
		   "Upgrade: websocket\r\n"
		   "Connection: Upgrade\r\n"
		   "Sec-WebSocket-Accept: ");
	put_accept(b, slice_trim(u->key));
	if (a.protocol >= 0) {
		buf_str(b, "\r\nSec-WebSocket-Protocol: ");
		buf_put(b, u->known[a.protocol]);
	}
	if (a.deflate.window != 0) {
		buf_str(b, "\r\nSec-WebSocket-Extensions: ");
		deflate_answer(b, a.deflate);
	}
	buf_str(b, "\r\n");
	buf_put(b, u->extra);
	buf_str(b, "\r\n");
	return a;
}
