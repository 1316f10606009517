/*
 * crew.c - the supervisor's loop.
 *
 * Decisions are made in supervise.c; here are the descriptors and signals
 * that feed it.  Nothing in the loop waits for one child or for the reader of
 * our output: a reader that stalls makes us stop reading from the children,
 * never stop watching them.
 */
#include "common/crew.h"

#include "common/envfile.h"
#include "common/must.h"
#include "common/output.h"
#include "common/prefix.h"
#include "common/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	READ_CHUNK = 16384,
	READ_LAST =
	    65536,    /* what a pipe holds: read after its writer's death */
	REFUSED = 100 /* exit status of one whose settings are wrong */
};

struct process {
	struct supervise life;
	struct spawn spawn;
	struct child child;
	struct prefix prefix;
	struct buf before; /* what the prefix points to */
	char name[PROCFILE_NAME + 8];
	size_t line; /* of the Procfile */
};

struct crew {
	const struct crew_settings *settings;
	struct process *all;
	size_t n;
	struct output out;
	struct pollfd *polls; /* signals, output, then two of each process */
	uint64_t now;         /* ms */
	int signals, ready_fd;
	int status;
	bool stopping, told, all_ready;
};

static uint64_t
clock_ms(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Signal the group, or the child itself before it made one. */
static void
send_signal(const struct process *p, int number)
{
	if (p->child.pid > 0 && kill(-p->child.pid, number) != 0)
		kill(p->child.pid, number);
}

static void step(struct crew *, struct process *, enum supervise_event);

static void
start(struct crew *c, struct process *p)
{
	if (spawn(&p->spawn, &p->child) == 0)
		return;
	p->child = (struct child){0, -1, -1};
	output_say(
	    &c->out, "%s cannot be started: %s", p->name, strerror(errno));
	step(c, p, SUPERVISE_DIED);
}

static void
step(struct crew *c, struct process *p, enum supervise_event event)
{
	bool stopping = p->life.state == SUPERVISE_STOPPING;

	switch (supervise_step(&p->life, event, c->now)) {
	case SUPERVISE_NOTHING:
		break;
	case SUPERVISE_START:
		start(c, p);
		break;
	case SUPERVISE_TERMINATE:
		send_signal(p, SIGTERM);
		break;
	case SUPERVISE_KILL:
		if (stopping && event == SUPERVISE_TICK)
			output_say(
			    &c->out, "%s did not end in time: killed", p->name);
		send_signal(p, SIGKILL);
		break;
	}
}

static void
stop(struct crew *c, int status)
{
	if (!c->stopping)
		c->status = status;
	c->stopping = true;
}

/* Read what is there, at most `most` bytes. */
static void
read_output(struct crew *c, struct process *p, size_t most)
{
	char chunk[READ_CHUNK];
	ssize_t n = 1;

	while (most != 0 && n > 0 && p->child.output >= 0) {
		n = read(p->child.output, chunk,
		    most < sizeof(chunk) ? most : sizeof(chunk));
		if (n > 0) {
			struct slice in = {chunk, (size_t)n};

			prefix_feed(&p->prefix, in, &c->out.pending);
			most -= (size_t)n;
		} else if (n == 0 || errno != EAGAIN) {
			close(p->child.output);
			p->child.output = -1;
		}
	}
}

static void
read_ready(struct crew *c, struct process *p)
{
	char told[64];
	ssize_t n = read(p->child.ready, told, sizeof(told));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && memchr(told, '\n', (size_t)n) == NULL)
		return;
	if (n > 0)
		step(c, p, SUPERVISE_IS_READY);
	close(p->child.ready);
	p->child.ready = -1;
}

static void
tell_death(struct crew *c, struct process *p, const siginfo_t *how)
{
	char what[64];

	if (how->si_code == CLD_EXITED)
		snprintf(what, sizeof(what), "ended with %d", how->si_status);
	else
		snprintf(what, sizeof(what), "was killed by signal %d (%s)",
		    how->si_status, strsignal(how->si_status));
	switch (p->life.state) {
	case SUPERVISE_WAITING:
		output_say(&c->out, "%s %s, again in %u ms", p->name, what,
		    (unsigned)(p->life.due - c->now));
		break;
	case SUPERVISE_FAILED:
		output_shout(&c->out,
		    "%s %s: its settings are wrong. It is not started again "
		    "until they are mended and SIGHUP is sent.",
		    p->name, what);
		break;
	default:
		output_say(&c->out, "%s %s", p->name, what);
	}
}

/* While the dead leader is not reaped nobody else can get its number, so the
 * rest of its group is killed first. */
static void
bury(struct crew *c, struct process *p, const siginfo_t *how)
{
	bool refused = how->si_code == CLD_EXITED && how->si_status == REFUSED;
	siginfo_t ignored;

	kill(-p->child.pid, SIGKILL);
	waitid(P_PID, (id_t)how->si_pid, &ignored, WEXITED);
	read_output(c, p, READ_LAST);
	prefix_flush(&p->prefix, &c->out.pending);
	if (p->child.output >= 0)
		close(p->child.output);
	if (p->child.ready >= 0)
		close(p->child.ready);
	p->child = (struct child){0, -1, -1};
	step(c, p, refused ? SUPERVISE_REFUSED : SUPERVISE_DIED);
	tell_death(c, p, how);
	if (refused && c->settings->exit_on_fatal)
		stop(c, CREW_SETTINGS);
}

static void
reap(struct crew *c)
{
	for (;;) {
		siginfo_t how = {0};
		struct process *p = NULL;

		if (waitid(P_ALL, 0, &how, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    how.si_pid == 0)
			return;
		for (size_t i = 0; i < c->n && p == NULL; i++) {
			if (c->all[i].child.pid == how.si_pid)
				p = &c->all[i];
		}
		if (p != NULL)
			bury(c, p, &how);
		else /* left to us by whoever became us through exec */
			waitid(P_PID, (id_t)how.si_pid, &how, WEXITED);
	}
}

static void
reload(struct crew *c)
{
	const struct crew_settings *s = c->settings;
	unsigned line;
	const char *error = envfile_read(s->env_path, s->env, &line);

	if (error != NULL)
		output_shout(&c->out,
		    "%s:%u: %s; the settings stay as they were", s->env_path,
		    line, error);
	for (size_t i = 0; i < c->n; i++) {
		c->all[i].spawn.env = buf_slice(s->env);
		step(c, &c->all[i], SUPERVISE_RETRY);
	}
}

static void
on_signal(struct crew *c, int number)
{
	switch (number) {
	case SIGCHLD:
		reap(c);
		break;
	case SIGHUP:
		reload(c);
		/* FALLTHROUGH */
	case SIGUSR1:
		for (size_t i = 0; i < c->n; i++)
			send_signal(&c->all[i], number);
		break;
	default: /* SIGTERM or SIGINT; a second one means at once */
		for (size_t i = 0; i < c->n && c->told; i++)
			step(c, &c->all[i], SUPERVISE_STOP_NOW);
		c->told = true;
		if (!c->stopping)
			output_say(&c->out, "stopping");
		stop(c, CREW_OK);
	}
}

static void
read_signals(struct crew *c)
{
	struct signalfd_siginfo got;

	while (read(c->signals, &got, sizeof(got)) == (ssize_t)sizeof(got))
		on_signal(c, (int)got.ssi_signo);
}

/* Stop the last line that still lives, and only when it is gone those before.
 * Asking again changes nothing. */
static void
stop_from_the_end(struct crew *c)
{
	size_t line = SIZE_MAX;

	for (size_t i = c->n; i-- != 0;) {
		struct process *p = &c->all[i];

		if (line != SIZE_MAX && p->line != line)
			return;
		step(c, p, SUPERVISE_STOP);
		if (p->life.state != SUPERVISE_STOPPED)
			line = p->line;
	}
}

static void
tell_ready(struct crew *c)
{
	bool all = c->n != 0;

	for (size_t i = 0; i < c->n; i++)
		all = all && c->all[i].life.state == SUPERVISE_READY;
	if (all && !c->all_ready)
		output_say(&c->out, "all ready");
	if (all && c->ready_fd >= 0) {
		ssize_t n = write(c->ready_fd, "\n", 1);

		(void)n; /* nobody waits any more: all the same */
		close(c->ready_fd);
		c->ready_fd = -1;
	}
	c->all_ready = all;
}

/* One round of decisions; false when nothing is left to wait for. */
static bool
decide(struct crew *c)
{
	bool over = true;

	c->now = clock_ms();
	for (size_t i = 0; i < c->n; i++)
		step(c, &c->all[i], SUPERVISE_TICK);
	if (c->stopping)
		stop_from_the_end(c);
	else
		tell_ready(c);
	for (size_t i = 0; i < c->n; i++)
		over = over && supervise_over(&c->all[i].life);
	if (over && !c->stopping) {
		output_shout(&c->out, "nothing is left to run");
		c->status = CREW_SETTINGS;
	}
	return !over;
}

static int
wait_ms(const struct crew *c)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < c->n; i++) {
		if (c->all[i].life.due < due)
			due = c->all[i].life.due;
	}
	if (due == UINT64_MAX)
		return -1;
	return due > c->now ? (int)(due - c->now) : 0;
}

static void
wait_for_something(struct crew *c)
{
	bool room = output_has_room(&c->out);
	nfds_t n = 0;

	c->polls[n++] = (struct pollfd){.fd = c->signals, .events = POLLIN};
	c->polls[n++] = output_poll(&c->out);
	for (size_t i = 0; i < c->n; i++) {
		struct child *child = &c->all[i].child;

		c->polls[n++] = (struct pollfd){
		    .fd = room ? child->output : -1, .events = POLLIN};
		c->polls[n++] =
		    (struct pollfd){.fd = child->ready, .events = POLLIN};
	}
	if (poll(c->polls, n, wait_ms(c)) < 0) {
		must(errno == EINTR);
		return;
	}
	c->now = clock_ms();
	/* Descriptors first: a signal may close them, and reuse the number. */
	for (size_t i = 0; i < c->n; i++) {
		if (c->polls[2 + 2 * i].revents != 0)
			read_output(c, &c->all[i], READ_CHUNK);
		if (c->polls[3 + 2 * i].revents != 0)
			read_ready(c, &c->all[i]);
	}
	if (output_event(&c->out, &c->polls[1]) != 0)
		stop(c, CREW_WORLD);
	if (c->polls[0].revents != 0)
		read_signals(c);
}

static void
add(struct crew *c, size_t line, unsigned number)
{
	const struct procfile_line *l = &c->settings->procfile->lines[line];
	struct process *p = &c->all[c->n];

	*p = (struct process){.line = line, .child = {0, -1, -1}};
	snprintf(
	    p->name, sizeof(p->name), "%.*s.%u", SLICE_ARGS(l->name), number);
	output_name(&c->out, &p->before, p->name, c->n);
	p->prefix.before = buf_slice(&p->before);
	p->spawn = (struct spawn){.command = l->command,
	    .name = p->name,
	    .env = buf_slice(c->settings->env)};
	if (slice_is(l->name, "ingress"))
		p->spawn.listeners = c->settings->listeners;
	supervise_init(&p->life, &c->settings->times, c->now);
	c->n++;
}

static void
muster(struct crew *c)
{
	const struct procfile *f = c->settings->procfile;
	size_t n = 0, width = 0;

	for (size_t i = 0; i < f->n; i++) {
		char digits[16];
		size_t w = f->lines[i].name.n;

		w += (size_t)snprintf(
		    digits, sizeof(digits), ".%u", f->lines[i].count);
		n += f->lines[i].count;
		if (f->lines[i].count != 0 && w > width)
			width = w;
	}
	output_init(&c->out, width);
	c->all = xcalloc(n, sizeof(*c->all));
	c->polls = xcalloc(2 + 2 * n, sizeof(*c->polls));
	for (size_t i = 0; i < f->n; i++) {
		for (unsigned k = 1; k <= f->lines[i].count; k++)
			add(c, i, k);
	}
}

static int
watch_signals(void)
{
	static const int ours[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < LENGTH(ours); i++)
		sigaddset(&set, ours[i]);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* ulimit -f: as a full disk */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
crew_run(const struct crew_settings *settings)
{
	struct crew c = {.settings = settings,
	    .ready_fd = settings->ready_fd,
	    .now = clock_ms()};

	if ((c.signals = watch_signals()) < 0)
		return CREW_WORLD;
	muster(&c);
	while (decide(&c))
		wait_for_something(&c);
	output_finish(&c.out);
	for (size_t i = 0; i < c.n; i++) {
		prefix_free(&c.all[i].prefix);
		buf_free(&c.all[i].before);
	}
	free(c.all);
	free(c.polls);
	close(c.signals);
	return c.status;
}
