/*
 * api_devices.h - between api_devices.c, which reads and deletes, and
 * api_device.c, which puts.  Nobody else includes it.
 */
#ifndef INGRESS_API_DEVICES_H
#define INGRESS_API_DEVICES_H

#include "common/device.h"
#include "common/must.h"
#include "ingress/steps.h"

enum {
	DEVICES_MOST = 100, /* of a user: a push goes to each of them */
};

struct devices {
	struct steps s; /* first */
	enum http_method verb;
	bool first, known;
	unsigned count;
	struct buf value; /* of the row, PUT */
	char app[64];
	char user[DEVICE_USER + 1], token[DEVICE_TOKEN + 1];
	char owner[DEVICE_USER + 1]; /* of the token until now */
	char home[DEVICE_HOME], token_home[DEVICE_HOME];
	struct slice token_at; /* its home */
};

static inline struct devices *
devices_of(struct steps *s)
{
	return container_of(s, struct devices, s);
}

struct slice devices_home(struct devices *, const char *user);
void devices_set(
    struct devices *, struct msg_set, void (*next)(struct steps *));
void devices_unset(
    struct devices *, struct msg_unset, void (*next)(struct steps *));
/* The token's row of that user. */
void devices_unset_one(
    struct devices *, const char *user, void (*next)(struct steps *));
/* Whose the token is; `owner` is empty if it is nobody's. */
void devices_find_owner(struct devices *, void (*next)(struct steps *));
void devices_told(struct steps *); /* that was the last step */

/* The body of a PUT. */
void devices_put(struct devices *, struct slice body);

#endif
