/*
 * up - runs what a Procfile names, restarts what dies, owns the listening
 * sockets.  Here are its arguments; the work is in common/crew.c and its
 * manual in up(1).
 */
#include "common/crew.h"
#include "common/envfile.h"
#include "common/file.h"
#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

enum {
	FILE_MAX = 1 << 20, /* a Procfile is a page of text */
	GRACE_MAX = 3600    /* s */
};

struct up {
	const char *procfile, *env_path, *formation, *listen;
	struct buf text, env, formation_text, listen_text;
	struct procfile commands;
	struct listeners listeners;
	uint64_t grace; /* s */
	bool exit_on_fatal, list, env_given;
};

static const struct option options[] = {
    {"exit-on-fatal", no_argument, NULL, 'x'},
    {"list", no_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: up [-nx] [-c formation] [-e envfile] [-f procfile]\n"
    "          [-g seconds] [-l listeners]\n"
    "  -c hub=4,ingress=2  how many of each, 1 if not mentioned; all=1 too\n"
    "                      (POSTHORN_FORMATION)\n"
    "  -e .env             settings for the children\n"
    "  -f Procfile         what to run\n"
    "  -g 10               seconds from SIGTERM to SIGKILL\n"
    "  -l 4000             listening sockets, passed to `ingress`: a list of\n"
    "                      [ADDRESS:]PORT[=PERSONA][+tls] (POSTHORN_LISTEN)\n"
    "  -n, --list          print what would run, and leave\n"
    "  -x, --exit-on-fatal stop all when one ends with 100\n";

/* Whatever the reader is promised to be told, in one line; then 100. */
static int
wrong(const char *where, struct slice culprit, const char *why)
{
	fprintf(stderr, "up: %s: %.*s%s%s\n", where, SLICE_ARGS(culprit),
	    culprit.n != 0 ? ": " : "", why);
	return -1;
}

static int
wrong_line(const char *path, unsigned line, const char *why)
{
	if (line == 0)
		return wrong(path, SLICE(""), why);
	fprintf(stderr, "up: %s:%u: %s\n", path, line, why);
	return -1;
}

/* 0 to go on, -1 when they are wrong, 1 when all was said. */
static int
read_arguments(struct up *u, int argc, char *argv[])
{
	int c;

	while ((c = getopt_long(argc, argv, "c:e:f:g:hl:nx", options, NULL)) !=
	       -1) {
		switch (c) {
		case 'c':
			u->formation = optarg;
			break;
		case 'e':
			u->env_path = optarg;
			u->env_given = true;
			break;
		case 'f':
			u->procfile = optarg;
			break;
		case 'g':
			if (!slice_num(slice_of(optarg), &u->grace) ||
			    u->grace > GRACE_MAX)
				return wrong(
				    "-g", slice_of(optarg), "0 to 3600 s");
			break;
		case 'l':
			u->listen = optarg;
			break;
		case 'n':
			u->list = true;
			break;
		case 'x':
			u->exit_on_fatal = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs(usage, stderr);
			return -1;
		}
	}
	if (optind < argc)
		return wrong("arguments", slice_of(argv[optind]), "not known");
	return 0;
}

/* Flag over environment over .env over default. */
static struct slice
setting(struct up *u, const char *flag, const char *name, struct buf *room)
{
	const char *set = flag != NULL ? flag : getenv(name);

	if (set != NULL)
		return slice_of(set);
	if (envfile_get(buf_slice(&u->env), name, room))
		return buf_slice(room);
	return (struct slice){NULL, 0};
}

static bool
has_ingress(const struct procfile *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (slice_is(f->lines[i].name, "ingress"))
			return f->lines[i].count != 0;
	}
	return false;
}

static int
read_files(struct up *u)
{
	struct slice formation, wanted;
	const char *error;
	unsigned line;

	if (file_read(u->procfile, FILE_MAX, &u->text) != 0)
		return wrong(u->procfile, SLICE(""), strerror(errno));
	if (u->env_given && setenv("POSTHORN_ENV", u->env_path, 1) != 0)
		return wrong("-e", SLICE(""), strerror(errno));
	error = procfile_parse(&u->commands, buf_slice(&u->text));
	if (error != NULL)
		return wrong_line(u->procfile, u->commands.at, error);
	if ((error = envfile_read(u->env_path, &u->env, &line)) != NULL)
		return wrong_line(u->env_path, line, error);
	formation =
	    setting(u, u->formation, "POSTHORN_FORMATION", &u->formation_text);
	error = procfile_form(&u->commands, formation);
	if (error != NULL)
		return wrong("formation", u->commands.culprit, error);
	wanted = setting(u, u->listen, "POSTHORN_LISTEN", &u->listen_text);
	if (wanted.p == NULL)
		wanted = SLICE("4000");
	if ((error = listeners_parse(&u->listeners, wanted)) != NULL)
		return wrong(u->listen != NULL ? "-l" : "POSTHORN_LISTEN",
		    u->listeners.culprit, error);
	if (!has_ingress(&u->commands))
		u->listeners.n = 0;
	return 0;
}

static int
list(const struct up *u)
{
	for (size_t i = 0; i < u->commands.n; i++) {
		const struct procfile_line *l = &u->commands.lines[i];

		for (unsigned k = 1; k <= l->count; k++)
			printf("%.*s.%u: %.*s\n", SLICE_ARGS(l->name), k,
			    SLICE_ARGS(l->command));
	}
	for (size_t i = 0; i < u->listeners.n; i++)
		printf("listen: %.*s\n", SLICE_ARGS(u->listeners.at[i].word));
	return CREW_OK;
}

/* The descriptor on which our own starter waits for a newline. */
static int
ready_fd(void)
{
	const char *text = getenv("READY_FD");
	uint64_t fd;

	if (text == NULL || !slice_num(slice_of(text), &fd) || fd > INT32_MAX ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0)
		return -1;
	return (int)fd;
}

static int
run(struct up *u)
{
	struct crew_settings s = {
	    .procfile = &u->commands,
	    .listeners = &u->listeners,
	    .env_path = u->env_path,
	    .env = &u->env,
	    .times = {.first = 100,
		.last = 10000,
		.healthy = 10000,
		.grace = u->grace * 1000},
	    .ready_fd = ready_fd(),
	    .exit_on_fatal = u->exit_on_fatal,
	};
	int status;

	if (listeners_open(&u->listeners) != 0) {
		wrong(
		    "cannot listen on", u->listeners.culprit, strerror(errno));
		return CREW_WORLD;
	}
	status = crew_run(&s);
	listeners_close(&u->listeners);
	return status;
}

int
main(int argc, char *argv[])
{
	struct up u = {.procfile = "Procfile", .env_path = ".env", .grace = 10};
	int status = CREW_SETTINGS, fd, rc;

	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		continue; /* somebody closed our 0, 1 or 2 */
	close(fd);
	rc = read_arguments(&u, argc, argv);
	if (rc == 1)
		return CREW_OK;
	if (rc == 0 && read_files(&u) == 0)
		status = u.list ? list(&u) : run(&u);
	buf_free(&u.text);
	buf_free(&u.env);
	buf_free(&u.formation_text);
	buf_free(&u.listen_text);
	return status;
}
