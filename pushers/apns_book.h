/*
 * apns_book.h - all connections that the settings speak of, and who uses them.
 *
 * Applications that show the same certificate or key to the same host share a
 * connection, and those with the same key its token.  A book is read whole, and
 * replaced whole at a reload; one that is retired lives until the last push
 * over it has ended.  Nothing is connected before the first push.
 */
#ifndef PUSHERS_APNS_BOOK_H
#define PUSHERS_APNS_BOOK_H

#include "common/backoff.h"
#include "common/loop.h"
#include "common/options.h"
#include "common/tls.h"
#include "pushers/apns_apps.h"
#include "pushers/apns_token.h"
#include "pushers/h2_client.h"

/* clang-format off */
#define APNS_BUILD(build, where)                                               \
	{build "_cert", "myapnsappcert.pem", OPT_STR, 0, 255, "PEM file: certificate for pushes of Incus' build " build}, \
	{build "_private_key", "myapnsappprivatekey.pem", OPT_STR, 0, 255, "PEM file: its key"}, \
	{build "_url", where, OPT_STR, 1, 255, "production, development or host[:port], for that build"}
#define APNS_BOOK_OPTIONS                                                      \
	{"apps", "", OPT_STR, 0, 255, "file of connections to Apple, by application; empty: none"}, \
	{"ca", "", OPT_STR, 0, 255, "PEM file of authorities; empty: the system's"}, \
	APNS_BUILD("store", "api.push.apple.com:443"),                         \
	APNS_BUILD("enterprise", "api.push.apple.com:443"),                    \
	APNS_BUILD("beta", "api.push.apple.com:443"),                          \
	APNS_BUILD("development", "api.sandbox.push.apple.com:443"),           \
	{"connect", "10s", OPT_TIME, 100, 60000, "until a connection to Apple is of use"}, \
	{"ping", "60s", OPT_TIME, 100, 3600000, "a silent connection is asked whether it is there"}, \
	{"pong", "10s", OPT_TIME, 100, 60000, "for the answer; then it is given up"}, \
	{"wait", "1s", OPT_TIME, 10, 3600000, "a host that cannot be had is left alone; doubles with each failure"}, \
	{"wait_max", "60s", OPT_TIME, 10, 3600000, "at most so long"},         \
	{"stop", "60s", OPT_TIME, 100, 3600000, "likewise where Apple does not like our certificate or key; up to 1h"}
/* clang-format on */

struct pusher;

/* A connection.  The stage uses what stands first, and sets owner. */
struct apns_link {
	struct pusher *owner;
	struct apns_book *book;
	struct h2_client *client;
	struct h2_client_face face;
	struct apns_token *token; /* NULL: a certificate */
	uint64_t stopped;         /* until then, ms of the loop */
	struct backoff stops;
	const struct apns_app *like; /* the first app that uses it */

	struct list node;
	struct tls_context *tls;
};

struct apns_book {
	struct apns_apps apps;
	struct apns_link **links; /* one for each of apps */
	struct list all;          /* struct apns_link */
	unsigned pushes;          /* not ended; the stage's */
	struct list node;         /* likewise */

	struct list tokens;
};

/* All files are read and checked.  NULL: the log says what is wrong. */
struct apns_book *apns_book_new(const struct options *);

/* Have clients, whose face is copied into each link. */
void apns_book_start(struct apns_book *, const struct options *, struct loop *,
    const struct h2_client_face *);
void apns_book_free(struct apns_book **);

/* The settings of an application's connection, NULL: none; and its link. */
const struct apns_app *apns_book_app(
    const struct apns_book *, struct slice app, struct slice which);
struct apns_link *apns_book_link(
    const struct apns_book *, const struct apns_app *);

#endif
