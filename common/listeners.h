/*
 * listeners.h - the addresses strangers may connect to.
 *
 * Words between blanks or commas, each [ADDRESS:]PORT[=PERSONA][+tls]:
 * `4000 127.0.0.1:8080=tyron [::1]:8443+tls`.  Without an address it is
 * every one, IPv6 and IPv4 alike.  Port 0 is one the kernel chooses.
 * Everything borrows from the text.
 */
#ifndef COMMON_LISTENERS_H
#define COMMON_LISTENERS_H

#include "common/slice.h"

enum {
	LISTENERS_MAX = 16,    /* each has to be passed on as a descriptor */
	LISTENERS_ADDRESS = 48 /* the longest IPv6 address in text, and a NUL */
};

struct listener {
	struct slice name; /* the word without its address */
	struct slice persona;
	char address[LISTENERS_ADDRESS]; /* "" is every one */
	uint16_t port;
	bool tls;
	int fd; /* -1 while closed */
};

struct listeners {
	struct listener at[LISTENERS_MAX];
	size_t n;
	struct slice culprit; /* the word that is wrong or cannot be opened */
};

/* NULL, or a static string: what is wrong with `culprit`. */
const char *listeners_parse(struct listeners *, struct slice text);

/* One word, as LISTEN_FDNAMES carries it or with an address. */
const char *listener_parse(struct listener *, struct slice word);

/* Bind and listen, non-blocking.  -1 and errno: `culprit` cannot be had, and
 * none is left open.  A port 0 is replaced by the one the kernel chose. */
int listeners_open(struct listeners *);
void listeners_close(struct listeners *);

#endif
