/*
 * access.h - the access log: one line for each request, in logfmt.
 *
 *	ts=2026-11-20T19:07:00.123Z stage=ingress.1 method=GET
 *	path=/v1/history status=200 bytes=512 us=830 address=192.0.2.1
 *
 * Never more than the path of a target: tokens may stand behind it.  Lines are
 * gathered and written at the end of a turn, whole, by O_APPEND: stages may
 * share a file.  What cannot be written is lost and counted.  Who is not given
 * one (NULL) pays nothing.
 */
#ifndef COMMON_ACCESS_H
#define COMMON_ACCESS_H

#include "common/address.h"
#include "common/loop.h"
#include "common/slice.h"

struct access;

/* Opens or makes the file; copies both texts.  NULL with errno. */
struct access *access_open(struct loop *, const char *stage, const char *path);
void access_close(struct access **); /* writes what is left; sets it to NULL */

/* The file may have been renamed.  -1 with errno: the old one goes on. */
int access_reopen(struct access *);

/* Borrowed for the call.  Without a method it was no request that could be
 * read; status 0 is told nowhere, neither are a hub or a count of 0. */
struct access_line {
	struct slice method, path;
	unsigned status;    /* as answered */
	uint64_t bytes, us; /* of the answer, and until its end */
	uint64_t requests;  /* of a whole connection */
	const char *hub;    /* the connection was handed to it */
	struct ip address;  /* of the client */
};

void access_add(struct access *, const struct access_line *);

#endif
