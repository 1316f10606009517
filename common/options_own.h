/*
 * options_own.h - what options.c and options_print.c share; for nobody else.
 */
#ifndef COMMON_OPTIONS_OWN_H
#define COMMON_OPTIONS_OWN_H

#include "common/options.h"

struct option_state {
	const struct option *row;
	char *text;          /* what was said; the default if nothing was */
	char *source;        /* who said it; NULL: nobody */
	uint64_t num;        /* what option_parse() made of it */
	bool given;          /* not the default */
	char env[96];        /* POSTHORN_HUB_BACKLOG */
	char env_common[96]; /* POSTHORN_BACKLOG; "" unless common */
};

struct option_line { /* of .env */
	char *key, *value;
	unsigned line;
};

struct options {
	struct options_from from;
	struct option_state *states; /* n of them, one per row */
	struct option_line *lines;   /* nlines of them */
	unsigned n, nlines;
	int operands; /* index of the first in from.argv */
	bool help, check_only;
};

void options_help(const struct options *);

#endif
