/*
 * daemon.h - one life of a program, from its arguments to its exit status.
 *
 * A stage is a table.  Its own struct begins with a struct daemon, found
 * again with container_of(); daemon_main() allocates and frees it.  All
 * functions may be NULL.  They run on the loop's thread and never block.
 *
 * Signals: SIGTERM and SIGINT drain, SIGHUP reloads, SIGUSR1 reopens the logs.
 * Exit: 0 after a drain (a tool may count what failed), 100 the settings are
 * wrong, 111 the world was.
 */
#ifndef COMMON_DAEMON_H
#define COMMON_DAEMON_H

#include "common/access.h"
#include "common/bus.h"
#include "common/loop.h"
#include "common/msg.h"
#include "common/options.h"

struct daemon;

struct stage {
	const char *name;             /* "hub" */
	const char *about;            /* one line, for --help */
	const struct option *options; /* its own, ended by an empty row */
	const struct option *shared;  /* likewise, but also POSTHORN_<NAME> */
	size_t size;          /* of the struct that begins with struct daemon */
	bool no_bus;          /* the store: it binds, others connect */
	const char *letters;  /* "eecho": -e is --echo; may be NULL */
	const char *operands; /* for --help; NULL: none are taken */
	bool tool; /* for shells: says warnings only, makes no folders, and
	            * many of one name run at a time */

	/* Settings are read and nothing is open: say (log_err) what start
	 * would find wrong in them, and touch nothing else.  0, or
	 * EXIT_SETTINGS.  It runs before start, and alone with -t; what it
	 * keeps in the stage's struct, stop frees. */
	int (*check)(struct daemon *);
	/* Settings are checked, loop and bus are open.  0, or an exit status. */
	int (*start)(struct daemon *);
	/* A link to a store is up, down, has room again (bus.h). */
	void (*up)(struct daemon *, struct bus_link *);
	void (*down)(struct daemon *, struct bus_link *);
	void (*room)(struct daemon *, struct bus_link *);
	/* A shard has another owner, or the same one anew (bus.h). */
	void (*owner)(struct daemon *, unsigned shard);
	void (*publishable)(struct daemon *);
	/* Frames by id; one without a handler is counted and dropped. */
	void (*on[MSG_IDS])(
	    struct daemon *, struct bus_link *, const struct msg *);
	/* These frames are about to come; see bus_frames.h.  May be NULL. */
	void (*ahead)(struct daemon *, const struct msg *, unsigned);
	/* SIGHUP, settings are read again: take over the `live` ones, and files
	 * they name, without losing a client.  0; or EXIT_SETTINGS, said why, and
	 * all is as it was, except that d->options are the older ones again. */
	int (*reload)(struct daemon *);
	const char *live; /* names of those settings, by spaces; may be NULL */
	/* Take leave of clients; daemon_drained() when done.  NULL: at once. */
	void (*drain)(struct daemon *);
	/* The drain took too long: say what is left undone; the exit status.
	 * NULL: the log says that it did, and the status is 0. */
	int (*late)(struct daemon *);
	/* Undo start; copes with half of it. */
	void (*stop)(struct daemon *);
};

struct daemon {
	const struct stage *stage;
	struct options *options;
	struct loop *loop;
	struct bus *bus;       /* NULL for the store */
	struct access *access; /* NULL: access_log is not set */
	struct bus_face face;
	const char *name; /* of this instance: hub.1 */
	const char *run;  /* directory of sockets, mode 0700 */
	bool draining;
	bool ready;   /* told */
	int ready_fd; /* that is waited on for a newline; 0: none */
	struct signal_watch signals[4];
	struct timer drain_deadline, every_second;
};

int daemon_main(const struct stage *, int argc, char *argv[]);

/* The stage can serve: tell READY_FD and systemd, once. */
void daemon_ready(struct daemon *);

/* The last client has left: end the loop with status 0. */
void daemon_drained(struct daemon *);

/* What SIGHUP does. */
void daemon_reload(struct daemon *);

/* Something needed is gone for good: end the loop with this status. */
void daemon_fail(struct daemon *, int status);

#endif
