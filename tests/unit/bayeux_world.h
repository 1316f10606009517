/*
 * bayeux_world.h - clients of Bayeux in a hub's world.
 */
#ifndef TESTS_UNIT_BAYEUX_WORLD_H
#define TESTS_UNIT_BAYEUX_WORLD_H

#include "common/crypto.h"
#include "common/jwt.h"
#include "hub/bayeux.h"
#include "tests/unit/hub_world.h"

#define KEY "\"ext\":{\"auth\":{\"key\":\"kid\",\"secret\":\"secret\"}}"

/* A request with a JSON body. */
static inline void
post(int fd, const char *json)
{
	char text[8192];

	snprintf(text, sizeof(text),
	    "POST /push HTTP/1.1\r\nHost: a\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(json), json);
	say(fd, text);
}

/* The only session there is. */
static inline const char *
id_of(struct world *w)
{
	struct list *at = w->hub.bayeux->conns.prev;

	assert_ptr_not_equal(at, &w->hub.bayeux->conns);
	return container_of(at, struct conn, node)->bayeux->id;
}

static inline const char *
shake(struct world *w, int fd)
{
	post(fd, "{\"channel\":\"/meta/handshake\",\"version\":\"1.0\","
		 "\"supportedConnectionTypes\":[\"long-polling\"]}");
	hear(w, fd, "\"timeout\":30000}}]");
	return id_of(w);
}

static inline void
say_as(int fd, const char *id, const char *rest, bool socket)
{
	char text[4096];

	snprintf(text, sizeof(text), "[{\"clientId\":\"%s\",%s}]", id, rest);
	if (socket)
		say_text(fd, text);
	else
		post(fd, text);
}

#define SUBSCRIBE(c) "\"channel\":\"/meta/subscribe\",\"subscription\":" c
#define CONNECT(more)                                                          \
	"\"channel\":\"/meta/"                                                 \
	"connect\",\"connectionType\":\"long-polling\"" more

/* Subscribe where one may be present, with a token that says that of him. */
static inline void
come(struct world *w, struct buf *said, const char *channels, const char *who)
{
	struct msg_key key = {.app = SLICE("demo"),
	    .id = SLICE("kid"),
	    .alg = SLICE("HS256"),
	    .secret = SLICE("secret"),
	    .rights = KEY_LISTEN | KEY_PRESENCE};
	struct crypto_key *secret;
	struct buf claims = {0};

	assert_null(keys_told(w->hub.keys, &key));
	assert_null(crypto_key_secret(&secret, CRYPTO_HS256, SLICE("secret")));
	buf_printf(&claims,
	    "{\"keyId\":\"kid\",\"sub\":true,\"channel\":"
	    "\"/demo/presence/*\",\"presence\":%s}",
	    who);
	buf_printf(
	    said, SUBSCRIBE("%s") ",\"ext\":{\"auth\":{\"token\":\"", channels);
	assert_true(jwt_sign(
	    said, secret, &(struct jwt_draft){.claims = buf_slice(&claims)}));
	buf_str(said, "\"}}");
	buf_chr(said, '\0');
	said->n--; /* text, and more may follow */
	crypto_key_free(&secret);
	buf_free(&claims);
}

static inline bool
nobody_is_left(struct world *w)
{
	return table_count(w->hub.bayeux->sessions) == 0;
}

static inline bool
one_waits(struct world *w)
{
	return stats_get(STAT_messages_pending) >= w->wanted_joins;
}

#endif
