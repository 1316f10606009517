/*
 * upgrade.h - the server's side of a WebSocket handshake (RFC 6455 4.2).
 *
 * Reads header values, borrows them, and keeps nothing: what was chosen is
 * returned.  The caller has seen to it that the request is a GET of HTTP/1.1
 * with one Host, and joins headers that came several times by commas (only
 * Connection, Upgrade, -Protocol and -Extensions may).
 */
#ifndef HUB_UPGRADE_H
#define HUB_UPGRADE_H

#include "common/buf.h"
#include "common/slice.h"
#include "hub/deflate.h"

#include <stdbool.h>
#include <stddef.h>

struct upgrade {
	/* Values as they stand in the request; p is NULL without the header. */
	struct slice upgrade, connection, key, version, protocols, extensions;

	/* Ours.  Of the protocols both know, the one the client named first
	 * is chosen; with none in common the answer names none and the client
	 * decides whether it wants to go on. */
	const struct slice *known; /* subprotocols, case-sensitive */
	size_t known_n;
	bool compress;      /* accept permessage-deflate if offered */
	bool any_key;       /* one that is not 16 bytes will do, too */
	struct slice extra; /* header lines, each ending in CRLF */
};

struct upgrade_answer {
	unsigned status; /* 101, or 400 or 426 */
	const char *why; /* what was wrong with the request, or NULL */
	int protocol;    /* index in known, -1 for none */
	struct deflate_terms deflate;
};

/* The header lines a 426 must carry (RFC 6455 4.4, RFC 9110 15.5.22). */
#define UPGRADE_426 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"

/* Judge the request and, if it is good, append the 101 response, head and
 * empty line.  On any other status nothing is written; the error page is the
 * caller's, and 426 wants UPGRADE_426 in its head. */
struct upgrade_answer upgrade_answer(const struct upgrade *, struct buf *);

#endif
