/*
 * listeners.h - the addresses strangers may connect to.
 *
 * Words between blanks or commas, each ADDRESS[=PERSONA][+tls][+proxy], where an
 * address is one of net.h: `4000 127.0.0.1:8080=tyron [::1]:8443+tls`.  Behind
 * +proxy each connection begins with a PROXY header (proxy.h).  No two may
 * want the same port of one address.
 * Everything but the address borrows from the text.
 */
#ifndef COMMON_LISTENERS_H
#define COMMON_LISTENERS_H

#include "common/slice.h"

enum {
	LISTENERS_MAX = 16,     /* each has to be passed on as a descriptor */
	LISTENERS_ADDRESS = 128 /* bytes; the longest is a path of 107 */
};

struct listener {
	struct slice word; /* as it was written */
	struct slice name; /* the word without all up to its last colon */
	struct slice persona;
	char address[LISTENERS_ADDRESS];
	bool tls, proxy;
	int fd; /* -1 while closed */
};

struct listeners {
	struct listener at[LISTENERS_MAX];
	size_t n;
	struct slice culprit; /* the word that is wrong or cannot be opened */
};

/* NULL, or a static string: what is wrong with `culprit`. */
const char *listeners_parse(struct listeners *, struct slice text);

/* Listen on all of them.  -1 and errno: `culprit` cannot be had, and none is
 * left open. */
int listeners_open(struct listeners *);
void listeners_close(struct listeners *);

#endif
