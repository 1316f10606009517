/*
 * apns_apps.h - which connections to Apple there are, and whose they are.
 *
 * A file of sections, each for an application, or for one of several
 * connections that it has; Incus' builds are connections of `incus`:
 *
 *	[demo]
 *	key = AuthKey_ABC123DEFG.p8
 *	key_id = ABC123DEFG
 *	team_id = DEF123GHIJ
 *	topic = com.example.demo
 *
 *	[incus/store]
 *	cert = store.pem		; and private_key, if it is not in there
 *
 * besides `host`: production (the default), development or host[:port]; and
 * `push_type`, of pushes that do not say and do not show.  Files are named and
 * not read here.  Copies; looking one up is a walk.
 */
#ifndef PUSHERS_APNS_APPS_H
#define PUSHERS_APNS_APPS_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	APNS_APPS = 1024,         /* sections; more is a mistake */
	APNS_APPS_FILE = 1 << 20, /* bytes of the file */
};

/* "" where nothing was said. */
struct apns_app {
	char name[128]; /* demo, incus/store */
	char cert[256], private_key[256];
	char key[256], key_id[32], team_id[32];
	char topic[256], push_type[32];
	char host[256], port[8];
};

struct apns_apps {
	struct apns_app *at;
	size_t n;
};

/* Where in a file, and why; line 0: in the section named. */
struct apns_wrong {
	unsigned line;
	const char *why;
	char what[128];
};

/* Add the sections of a file.  False: *wrong, and some may have been added. */
bool apns_apps_read(struct apns_apps *, struct slice text, struct apns_wrong *);

/* Add one of other settings, unless there is one of its name.  `host` is as
 * in a file.  NULL, or what is wrong. */
const char *apns_apps_add(struct apns_apps *, const struct apns_app *);

void apns_apps_free(struct apns_apps *);

/* The name is APP, or APP/WHICH if which is not empty; NULL: none. */
const struct apns_app *apns_apps_find(
    const struct apns_apps *, struct slice app, struct slice which);

/* Is it one of Apple's words? */
bool apns_push_type(struct slice);

#endif
