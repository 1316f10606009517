/*
 * procfile.h - which commands make the system, and how many of each.
 *
 * A Procfile has lines `name: command`; empty lines and those that begin
 * with # are skipped.  A formation, `hub=4,ingress=2`, says how many; `all`
 * stands for every name, later items win, a name not mentioned runs once.
 * Everything borrows from the text it was read from.
 */
#ifndef COMMON_PROCFILE_H
#define COMMON_PROCFILE_H

#include "common/slice.h"

enum {
	PROCFILE_LINES = 64, /* a host's worth of services, with room */
	PROCFILE_NAME = 32,  /* bytes; it stands before each line of output */
	PROCFILE_COUNT = 256 /* of one line; more cores than anybody has */
};

struct procfile_line {
	struct slice name, command;
	unsigned count;
};

struct procfile {
	struct procfile_line lines[PROCFILE_LINES];
	size_t n;
	unsigned at;          /* the number of the line last looked at */
	struct slice culprit; /* of a formation: the item that is wrong */
};

/* NULL, or a static string: what is wrong with line `at`. */
const char *procfile_parse(struct procfile *, struct slice text);

/* NULL, or a static string: what is wrong with `culprit`. */
const char *procfile_form(struct procfile *, struct slice formation);

/* Only words between blanks: such a command needs no shell. */
bool procfile_plain(struct slice command);

#endif
