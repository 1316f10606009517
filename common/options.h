/*
 * options.h - settings: one row each, from which all else follows.
 *
 *	{ "backlog", "64k", OPT_BYTES, 4096, 1 << 24, "what a client may owe" }
 *
 * of stage hub is --backlog 32k, --backlog=32k or -o backlog=32k; else
 * POSTHORN_HUB_BACKLOG in the environment; else the same in the .env file of
 * the working directory (or the one $POSTHORN_ENV names); else its default.  A
 * row of a common table is also read from POSTHORN_BACKLOG, where the one with
 * the stage's name wins.  In names - and _ are the same.  A secret is never an
 * argument; it may be the content of a file named by POSTHORN_HUB_<NAME>_FILE
 * or --<name>-file.
 *
 * Looking a setting up walks the table: do it at start and keep the result.
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include "common/slice.h"

#include <stdio.h>

enum option_kind {
	OPT_STR,    /* min and max are its length in bytes */
	OPT_NUM,    /* decimal */
	OPT_BOOL,   /* 1 0 true false yes no on off; --name alone is true */
	OPT_BYTES,  /* 64k 4m 1g, of 1024 */
	OPT_TIME,   /* 500ms 5s 2m 1h 7d; read in ms, so are min and max */
	OPT_LIST,   /* words between spaces or commas; min and max count them */
	OPT_SECRET, /* a string that is shown nowhere */
};

struct option {
	const char *name, *value; /* value: the default, as a user writes it */
	enum option_kind kind;
	uint64_t min, max; /* both included; a max of 0 is no bound */
	const char *help;  /* one line; what, and why one would change it */
};

/* All of it is borrowed until options_free(). */
struct options_from {
	const char *stage, *about;
	const struct option *own,
	    *common[3];      /* each ends in a row without name */
	const char *letters; /* "mmsgpack eecho" is -m and -e; not h, t, o */
	int argc;
	char *const *argv;
	char *const *env;
	const char *dotenv;   /* a path; no file there is no error; or NULL */
	const char *operands; /* "[file ...]" for the help; NULL: refused */
	FILE *out, *err;
};

struct options;

enum { EXIT_OK = 0, EXIT_SETTINGS = 100, EXIT_WORLD = 111 };

/* NULL: exit with *status, all is said (help, or one line on err). */
struct options *options_read(const struct options_from *, int *status);
void options_free(struct options **);

/* All of it once more, as at start: for SIGHUP.  The new set, which owns the
 * old one, so what was borrowed of that stays good; or NULL, with a line on
 * err, and nothing has happened.  A variable of the environment that had the
 * same value in .env at start is the file's: a supervisor reads it for its
 * children, but cannot change their environment later. */
struct options *options_again(struct options *, FILE *err);

/* Undo that: frees the new set, returns the old. */
struct options *options_back(struct options *);

/* Names of what differs from the older set, one per call, beginning with
 * *from = 0; NULL at the end. */
const char *options_changed(const struct options *, unsigned *from);

/* -t was given: check what can be checked, options_print() and leave. */
bool options_check_only(const struct options *);
void options_print(const struct options *); /* as lines of an .env file */

/* Log a warning for each POSTHORN_<STAGE>_* that no row explains. */
void options_warn(const struct options *);

/* Asking for a name or kind that is not in the table is our bug: must(). */
uint64_t opt_num(const struct options *, const char *name); /* BYTES TIME too */
bool opt_bool(const struct options *, const char *name);
const char *opt_str(const struct options *, const char *name); /* SECRET too */
bool opt_given(const struct options *, const char *name); /* not by default */

/* for (struct slice rest = opt_list(o, "listen"), word;
 *     opt_word(&rest, &word);) */
struct slice opt_list(const struct options *, const char *name);
bool opt_word(struct slice *rest, struct slice *word);

/* What followed the flags; NULL behind the last. */
const char *options_operand(const struct options *, unsigned i);

#endif
