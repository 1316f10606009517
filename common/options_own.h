/*
 * options_own.h - what options.c, options_vars.c and options_print.c share; for
 * nobody else.
 */
#ifndef COMMON_OPTIONS_OWN_H
#define COMMON_OPTIONS_OWN_H

#include "common/buf.h"
#include "common/options.h"

struct option_state {
	const struct option *row;
	char *text;          /* what was said; the default if nothing was */
	char *source;        /* who said it; NULL: nobody */
	uint64_t num;        /* what option_parse() made of it */
	bool given;          /* not the default */
	bool by_file;        /* .env decides it, not the environment */
	char env[96];        /* POSTHORN_HUB_BACKLOG */
	char env_common[96]; /* POSTHORN_BACKLOG; "" unless common */
};

struct option_line { /* of .env */
	char *key, *value;
	unsigned line;
};

struct options {
	struct options_from from;
	struct options *older;       /* of options_again(), or NULL */
	struct option_state *states; /* n of them, one per row */
	struct option_line *lines;   /* nlines of them */
	unsigned n, nlines;
	int operands; /* index of the first in from.argv */
	bool help, check_only;
};

void options_help(const struct options *);

/* One line on err.  False, so that it can be returned. */
bool options_complain(struct options *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Both are copied. */
void options_set(struct option_state *, const char *source, const char *text);

/* The text of a secret is what its file holds, but for one line end.  False:
 * complained. */
bool options_set_from_file(struct options *, struct option_state *,
    const char *source, const char *path);

/* What the file holds, terminated.  -1 with errno. */
int options_read_file(const char *path, struct buf *out);

/* Remember the lines of .env.  False: complained. */
bool options_dotenv(struct options *);

/* The name of a setting's variable. */
void options_variable(char *out, size_t n, const char *stage, const char *name);

/* Look for a setting in environment and .env.  False: complained. */
bool options_variables(struct options *, struct option_state *);

#endif
