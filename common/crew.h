/*
 * crew.h - a set of supervised processes, from the first start to the last
 * death.
 *
 * Starts them in the order of the Procfile, merges their output on stdout,
 * restarts what dies, and on SIGTERM or SIGINT stops one Procfile line after
 * the other, the last first: who comes later may need who came before to
 * finish its work.
 */
#ifndef COMMON_CREW_H
#define COMMON_CREW_H

#include "common/buf.h"
#include "common/listeners.h"
#include "common/procfile.h"
#include "common/supervise.h"

enum { CREW_OK = 0, CREW_SETTINGS = 100, CREW_WORLD = 111 };

struct crew_settings { /* all borrowed */
	const struct procfile *procfile;
	const struct listeners *listeners; /* for processes named `ingress` */
	const char *env_path;              /* read again at each SIGHUP */
	struct buf *env;                   /* its text, replaced then */
	struct supervise_times times;
	int ready_fd; /* told a newline when all are ready; -1 is nobody */
	bool exit_on_fatal; /* stop everything when one ends with 100 */
};

/* Runs until all is over.  An exit status: CREW_OK after a stop,
 * CREW_SETTINGS when a child ended with 100 and nothing is left to run or
 * exit_on_fatal is set, CREW_WORLD when the output cannot be written. */
int crew_run(const struct crew_settings *);

#endif
