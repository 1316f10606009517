/*
 * spawn.c - between fork and exec.
 *
 * The supervisor has one thread, so the child may allocate and set its own
 * environment before it becomes something else.
 */
#include "common/spawn.h"

#include "common/buf.h"
#include "common/envfile.h"
#include "common/must.h"
#include "common/procfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	FIRST_FD = 3,                           /* as sd_listen_fds(3) has it */
	FREE_FD = FIRST_FD + LISTENERS_MAX + 1, /* above all that is passed */
	EXIT_TEMP = 111
};

/* What the child keeps of its parent's descriptors. */
struct ends {
	int output, ready;
	pid_t parent;
};

_Noreturn static void
give_up(const char *what)
{
	dprintf(STDERR_FILENO, "cannot %s: %s\n", what, strerror(errno));
	_exit(EXIT_TEMP);
}

static void
set(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		give_up("set the environment");
}

static void
set_number(const char *name, long n)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%ld", n);
	set(name, digits);
}

static void
set_environment(const struct spawn *s)
{
	static const char *const ours[] = {"LISTEN_FDS", "LISTEN_PID",
	    "LISTEN_FDNAMES", "NOTIFY_SOCKET", "READY_FD"};

	for (size_t i = 0; i < LENGTH(ours); i++)
		unsetenv(ours[i]);
	if (envfile_apply(s->env) != 0)
		give_up("set the environment");
	set("PS", s->name);
}

/* Descriptor fd becomes number `to`, and survives exec. */
static void
place(int fd, int to)
{
	if (dup2(fd, to) < 0)
		give_up("pass a descriptor");
}

static int
pass_listeners(const struct listeners *ls)
{
	struct buf names = {0};
	int fds[LISTENERS_MAX], next = FIRST_FD;

	for (size_t i = 0; i < ls->n; i++) {
		fds[i] = fcntl(ls->at[i].fd, F_DUPFD_CLOEXEC, FREE_FD);
		if (fds[i] < 0)
			give_up("pass a descriptor");
		if (i != 0)
			buf_chr(&names, ':');
		buf_put(&names, ls->at[i].name);
	}
	for (size_t i = 0; i < ls->n; i++)
		place(fds[i], next++);
	buf_chr(&names, '\0');
	set_number("LISTEN_FDS", (long)ls->n);
	set_number("LISTEN_PID", (long)getpid());
	set("LISTEN_FDNAMES", names.p);
	buf_free(&names);
	return next;
}

static void
pass_descriptors(const struct spawn *s, const struct ends *ends)
{
	int ready = fcntl(ends->ready, F_DUPFD_CLOEXEC, FREE_FD);
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int next = FIRST_FD;

	if (ready < 0 || nothing < 0)
		give_up("pass a descriptor");
	place(nothing, STDIN_FILENO);
	place(ends->output, STDOUT_FILENO);
	if (s->listeners != NULL && s->listeners->n != 0)
		next = pass_listeners(s->listeners);
	place(ready, next);
	set_number("READY_FD", next);
	close_range((unsigned)next + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static void
calm_signals(pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(EXIT_TEMP); /* the parent died meanwhile */
}

static char **
split(char *command)
{
	char **words = NULL;
	size_t n = 0;

	for (char *p = command + strspn(command, " \t"); *p != '\0';) {
		size_t end = strcspn(p, " \t");
		bool last = p[end] == '\0';

		words = xrealloc(words, (n + 2) * sizeof(*words));
		words[n++] = p;
		words[n] = NULL;
		p[end] = '\0';
		p += last ? end : end + 1 + strspn(p + end + 1, " \t");
	}
	return words;
}

/* A plain command is run by its name; what is not found may still be known
 * to the shell, such as `exit` and `exec`. */
_Noreturn static void
execute(char *command, bool plain)
{
	char *copy = xstrdup(command), **words = plain ? split(copy) : NULL;

	if (words != NULL) {
		execvp(words[0], words);
		if (errno != ENOENT || strchr(words[0], '/') != NULL)
			give_up(command);
	}
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	give_up("run /bin/sh");
}

_Noreturn static void
become(const struct spawn *s, const struct ends *ends)
{
	char *command = xmalloc(s->command.n + 1);

	memcpy(command, s->command.p, s->command.n);
	command[s->command.n] = '\0';
	if (dup2(ends->output, STDERR_FILENO) < 0)
		_exit(EXIT_TEMP);
	setsid();
	set_environment(s);
	pass_descriptors(s, ends);
	calm_signals(ends->parent);
	execute(command, procfile_plain(s->command));
}

int
spawn(const struct spawn *s, struct child *c)
{
	int out[2] = {-1, -1}, ready[2] = {-1, -1}, why;
	pid_t parent = getpid(), pid = -1;

	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0)
		goto out;
	if ((pid = fork()) == 0)
		become(s, &(struct ends){out[1], ready[1], parent});
	if (pid < 0)
		goto out;
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(ready[0], F_SETFL, O_NONBLOCK);
	*c = (struct child){pid, out[0], ready[0]};
	out[0] = ready[0] = -1;
out:
	why = errno;
	for (int i = 0; i < 2; i++) {
		if (out[i] >= 0)
			close(out[i]);
		if (ready[i] >= 0)
			close(ready[i]);
	}
	errno = why;
	return pid > 0 ? 0 : -1;
}
