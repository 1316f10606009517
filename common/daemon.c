/*
 * daemon.c - one life of a program.
 *
 * What every stage has in common is here once: settings, log, loop, bus,
 * signals, readiness, drain, exit status.
 */
#include "common/daemon.h"

#include "common/bus_check.h"
#include "common/daemon_face.h"
#include "common/log.h"
#include "common/must.h"
#include "common/net.h"
#include "common/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

/* clang-format off */
static const struct option common_options[] = {
	{"run", "run", OPT_STR, 1, 80, "directory of our sockets, mode 0700"},
	{"name", "", OPT_STR, 0, 63, "of this instance; else $PS, else STAGE.1"},
	{"store", "", OPT_STR, 0, 4096, "the stores, [name@]endpoint ..., default ipc://RUN/store"},
	{"bus", "", OPT_STR, 0, 1, "-: frames on stdin and stdout instead of stores"},
	{"bus_server_key", "", OPT_STR, 0, 40, "CURVE: the stores' public key, Z85"},
	{"bus_public_key", "", OPT_STR, 0, 40, "CURVE: one's own public key, Z85"},
	{"bus_secret_key", "", OPT_SECRET, 0, 40, "CURVE: one's own secret key, Z85"},
	{"log", "stderr", OPT_STR, 1, 4096, "stderr, stdout or a file"},
	{"log_level", "info", OPT_STR, 3, 5, "err, warn, info or debug"},
	{"log_layout", "logfmt", OPT_STR, 2, 6, "or go: date, time and text, as Incus logged"},
	{"access_log", "", OPT_STR, 0, 4096, "a file that gets one line for each request; empty is none"},
	{"drain", "30s", OPT_TIME, 0, 3600000, "how long a drain may take"},
	{"batch", "1", OPT_BOOL, 0, 0, "let busy stages of one core finish their turns: more per second, same latency while a core is free"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

/* systemd's protocol is one datagram; a library for it is not needed. */
static void
tell_systemd(const char *what)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path != NULL ? strlen(path) : 0;
	int fd;

	if (n == 0 || n >= sizeof(to.sun_path))
		return;
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	(void)!sendto(fd, what, strlen(what), MSG_NOSIGNAL,
	    (struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

/* Read before we open anything: a program that is started by one which was
 * given READY_FD may have the name of it and not the descriptor, and the
 * number would be one of our own later. */
static int
ready_inherited(void)
{
	const char *text = getenv("READY_FD");
	struct stat st;
	uint64_t n;
	int mode;

	if (text == NULL || !slice_num(slice_of(text), &n) ||
	    n <= STDERR_FILENO || n > 65535 ||
	    (mode = fcntl((int)n, F_GETFL)) < 0 ||
	    (mode & O_ACCMODE) == O_RDONLY || fstat((int)n, &st) != 0 ||
	    !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return 0;
	fcntl((int)n, F_SETFD, FD_CLOEXEC);
	return (int)n;
}

void
daemon_ready(struct daemon *d)
{
	if (d->ready)
		return;
	d->ready = true;
	log_info("ready", "pid=%d", (int)getpid());
	tell_systemd("READY=1");
	if (d->ready_fd == 0)
		return;
	if (write(d->ready_fd, "\n", 1) != 1)
		log_warn("ready_fd", "error=\"%s\"", strerror(errno));
	close(d->ready_fd);
	d->ready_fd = 0;
}

void
daemon_drained(struct daemon *d)
{
	loop_stop(d->loop, EXIT_OK);
}

void
daemon_fail(struct daemon *d, int status)
{
	loop_stop(d->loop, status);
}

static void
drain_too_long(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, drain_deadline);
	int status = EXIT_OK;

	if (d->stage->late != NULL)
		status = d->stage->late(d);
	else
		log_warn("drain_deadline", "leaving=now");
	daemon_fail(d, status);
}

static void
terminated(struct signal_watch *w, int signo)
{
	struct daemon *d = container_of(w, struct daemon, signals[0]);

	if (signo == SIGINT)
		d = container_of(w, struct daemon, signals[1]);
	if (d->draining)
		return;
	d->draining = true;
	log_info("draining", "signal=%d", signo);
	tell_systemd("STOPPING=1");
	timer_init(&d->drain_deadline, drain_too_long);
	loop_arm(d->loop, &d->drain_deadline, opt_num(d->options, "drain"));
	if (d->stage->drain != NULL)
		d->stage->drain(d);
	else
		daemon_drained(d);
}

static void
reload(struct signal_watch *w, int signo)
{
	struct daemon *d = container_of(w, struct daemon, signals[2]);

	(void)signo;
	daemon_reload(d);
}

static void
reopen_logs(struct signal_watch *w, int signo)
{
	struct daemon *d = container_of(w, struct daemon, signals[3]);

	(void)signo;
	if (log_reopen() != 0)
		log_err("log_reopen", "error=\"%s\"", strerror(errno));
	if (d->access != NULL && access_reopen(d->access) != 0)
		log_err("access_log", "error=\"%s\"", strerror(errno));
}

static void
watch_signals(struct daemon *d)
{
	static const struct {
		int signo;
		void (*caught)(struct signal_watch *, int);
	} rows[] = {
	    {SIGTERM, terminated},
	    {SIGINT, terminated},
	    {SIGHUP, reload},
	    {SIGUSR1, reopen_logs},
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* ulimit -f: as a full disk */
	for (size_t i = 0; i < LENGTH(rows); i++) {
		d->signals[i].caught = rows[i].caught;
		loop_signal(d->loop, &d->signals[i], rows[i].signo);
	}
}

static void
each_second(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, every_second);
	struct loop_busy busy = loop_busy(d->loop);

	stats_add(STAT_loop_turns, busy.turns);
	stats_set(STAT_loop_longest_us, busy.longest_us);
	log_tick();
	loop_arm(d->loop, &d->every_second, 1000);
}

/* The name is $PS where a supervisor set it, else the stage's first. */
static const char *
instance_name(struct daemon *d, char *room, size_t size)
{
	const char *given = opt_str(d->options, "name"), *ps = getenv("PS");

	if (given[0] != '\0')
		return given;
	if (ps != NULL && ps[0] != '\0' && strlen(ps) < 64)
		return ps;
	snprintf(room, size, "%s.%d", d->stage->name,
	    d->stage->tool ? (int)getpid() : 1);
	return room;
}

static const char *
stores_of(const struct daemon *d, char local[128])
{
	const char *stores = opt_str(d->options, "store");

	if (opt_str(d->options, "bus")[0] != '\0')
		return opt_str(d->options, "bus");
	if (stores[0] != '\0')
		return stores;
	snprintf(local, 128, "ipc://%s/store", d->run);
	return local;
}

static struct bus_keys
keys_of(const struct daemon *d)
{
	return (struct bus_keys){
	    .server = opt_str(d->options, "bus_server_key"),
	    .public = opt_str(d->options, "bus_public_key"),
	    .secret = opt_str(d->options, "bus_secret_key")};
}

static const char *
check_common(const struct daemon *d, const char **name)
{
	const char *pipe = opt_str(d->options, "bus");
	struct bus_keys keys = keys_of(d);
	enum log_layout layout;
	enum log_level level;
	char local[128];

	*name = "log_level";
	if (!log_level_named(opt_str(d->options, "log_level"), &level))
		return "err, warn, info or debug";
	*name = "log_layout";
	if (!log_layout_named(opt_str(d->options, "log_layout"), &layout))
		return "logfmt or go";
	*name = "bus";
	if (d->stage->no_bus || strcmp(pipe, "-") == 0)
		return NULL;
	if (pipe[0] != '\0')
		return "is - or not given";
	return bus_check_stage(stores_of(d, local), &keys, name);
}

/* What is wrong before anything is touched. */
static int
check(struct daemon *d)
{
	const char *name, *why = check_common(d, &name);

	if (why != NULL) {
		log_err("setting", "name=%s why=\"%s\"", name, why);
		return EXIT_SETTINGS;
	}
	return d->stage->check != NULL ? d->stage->check(d) : 0;
}

static int
open_log(struct daemon *d)
{
	const char *dest = opt_str(d->options, "log");
	enum log_layout layout;
	enum log_level level;

	if (!log_level_named(opt_str(d->options, "log_level"), &level)) {
		fprintf(stderr, "%s: log_level: err, warn, info or debug\n",
		    d->stage->name);
		return EXIT_SETTINGS;
	}
	if (d->stage->tool && !opt_given(d->options, "log_level"))
		level = LEVEL_WARN;
	if (log_layout_named(opt_str(d->options, "log_layout"), &layout))
		log_set_layout(layout);
	if (log_open(d->name, dest, level) != 0) {
		fprintf(stderr, "%s: log: cannot open %s: %s\n", d->stage->name,
		    dest, strerror(errno));
		return EXIT_SETTINGS;
	}
	return 0;
}

static int
open_access(struct daemon *d)
{
	const char *path = opt_str(d->options, "access_log");

	if (path[0] == '\0' || d->stage->tool)
		return 0;
	d->access = access_open(d->loop, d->name, path);
	if (d->access != NULL)
		return 0;
	log_err("access_log", "path=%s error=\"%s\"", path, strerror(errno));
	return EXIT_SETTINGS;
}

static int
open_run(struct daemon *d)
{
	if (!d->stage->tool && mkdir(d->run, 0700) != 0 && errno != EEXIST) {
		log_err("run", "dir=%s error=\"%s\"", d->run, strerror(errno));
		return EXIT_WORLD;
	}
	return 0;
}

static int
open_bus(struct daemon *d)
{
	const char *why;
	char local[128];

	daemon_face_init(d);
	d->bus = bus_open(
	    &(struct bus_setup){
		.loop = d->loop,
		.face = &d->face,
		.stores = stores_of(d, local),
		.stage = d->stage->name,
		.name = d->name,
		.keys = keys_of(d),
	    },
	    &why);
	if (d->bus != NULL)
		return 0;
	log_err("bus", "why=\"%s\"", why);
	return EXIT_SETTINGS;
}

/* A stage that is woken for each frame takes the core from the one that is
 * just sending it more, and all of them work in turns of a few frames.  As
 * batch tasks they do not preempt each other, and turns grow with the load.
 * Nor do they preempt anybody else, so beside a busy stranger a message waits
 * for his slice to end: what it costs stands in hub(8).
 * ZeroMQ's threads inherit it. */
static void
be_patient(const struct daemon *d)
{
	struct sched_param none = {0};

	if (opt_bool(d->options, "batch") &&
	    sched_setscheduler(0, SCHED_BATCH, &none) != 0)
		log_warn("batch", "error=\"%s\"", strerror(errno));
}

/* From settings to the end of the loop. */
static int
live(struct daemon *d)
{
	int status;

	if ((status = open_log(d)) != 0 || (status = check(d)) != 0 ||
	    (status = open_run(d)) != 0)
		return status;
	options_warn(d->options);
	be_patient(d);
	log_info("start", "pid=%d descriptors=%llu", (int)getpid(),
	    (unsigned long long)net_raise_limit());
	d->loop = loop_new();
	watch_signals(d);
	timer_init(&d->every_second, each_second);
	loop_arm(d->loop, &d->every_second, 1000);
	status = open_access(d);
	if (status == 0 && !d->stage->no_bus)
		status = open_bus(d);
	if (status == 0 && d->stage->start != NULL)
		status = d->stage->start(d);
	if (status == 0)
		status = loop_run(d->loop);
	if (d->stage->stop != NULL)
		d->stage->stop(d);
	if (d->bus != NULL)
		bus_leave(d->bus);
	bus_close(&d->bus);
	access_close(&d->access);
	log_info("stop", "status=%d", status);
	loop_free(&d->loop);
	return status;
}

/* -t: nothing is opened, not even the log. */
static int
check_only(struct daemon *d)
{
	int status = check(d);

	if (status == EXIT_OK)
		options_print(d->options);
	return status;
}

int
daemon_main(const struct stage *stage, int argc, char *argv[])
{
	const char *env_file = getenv("POSTHORN_ENV");
	struct daemon *d;
	int status = EXIT_SETTINGS;
	char name[64];

	must(stage->size >= sizeof(*d));
	d = xcalloc(1, stage->size);
	d->stage = stage;
	d->ready_fd = ready_inherited();
	unsetenv("READY_FD");
	d->options = options_read(
	    &(struct options_from){
		.stage = stage->name,
		.about = stage->about,
		.own = stage->options,
		.common = {common_options, stage->shared},
		.letters = stage->letters,
		.argc = argc,
		.argv = argv,
		.env = environ,
		.dotenv = env_file != NULL ? env_file : ".env",
		.operands = stage->operands,
		.out = stdout,
		.err = stderr,
	    },
	    &status);
	if (d->options != NULL) {
		d->name = instance_name(d, name, sizeof(name));
		d->run = opt_str(d->options, "run");
		status =
		    options_check_only(d->options) ? check_only(d) : live(d);
	}
	options_free(&d->options);
	log_close();
	free(d);
	return status;
}
