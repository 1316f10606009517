/*
 * spawn.h - starts one child process under supervision.
 *
 * The child leads its own session and process group, reads nothing, writes
 * both its outputs to one pipe, and is killed when its parent dies.  It finds
 * in its environment PS (its name), READY_FD (where a newline says that it
 * can serve), LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES if it was given
 * sockets (from descriptor 3 on), and the settings of the .env text that
 * were not set before.
 */
#ifndef COMMON_SPAWN_H
#define COMMON_SPAWN_H

#include "common/listeners.h"
#include "common/slice.h"

#include <sys/types.h>

struct spawn { /* all borrowed */
	struct slice command;
	const char *name;
	struct slice env;                  /* text of a .env file */
	const struct listeners *listeners; /* or NULL */
};

struct child {
	pid_t pid;  /* and process group; 0 is none */
	int output; /* both descriptors are non-blocking, -1 when closed */
	int ready;
};

/* 0, or -1 and errno.  What fails after the fork is told on the output, and
 * the child ends with 111. */
int spawn(const struct spawn *, struct child *);

#endif
