/*
 * ingress_test.c - the stage as a process: it starts without a store, says
 * that it is ready, leaves when told to, and says what is wrong with its
 * settings.
 */
#include "ingress/ingress.h"

#include "common/must.h"
#include "common/net.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct life {
	char dir[64];
	bool misled; /* by a READY_FD that it did not inherit */
	int ready;   /* the reading end */
	pid_t pid;
};

/* The number of the descriptor that is opened next. */
static int
next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	must(fd >= 0);
	close(fd);
	return fd;
}

/* Begin a life with these arguments besides the usual ones. */
static void
begin(struct life *l, const char *name, const char *value)
{
	char listen[96], number[16];
	char *argv[] = {"ingress", "--run", l->dir, "--log_level", "err",
	    "--listen", listen, (char *)name, (char *)value, NULL};
	int argc = name != NULL ? 9 : 7, pipe_fd[2];

	snprintf(l->dir, sizeof(l->dir), "/tmp/ingress_test.XXXXXX");
	must(mkdtemp(l->dir) != NULL);
	snprintf(listen, sizeof(listen), "unix:%s/http", l->dir);
	must(pipe(pipe_fd) == 0);
	if ((l->pid = fork()) == 0) {
		close(pipe_fd[0]);
		snprintf(number, sizeof(number), "%d",
		    l->misled ? next_descriptor() : pipe_fd[1]);
		setenv("READY_FD", number, 1);
		_exit(daemon_main(&ingress_stage, argc, argv));
	}
	close(pipe_fd[1]);
	l->ready = pipe_fd[0];
}

static bool
says_ready(struct life *l)
{
	char c;

	return read(l->ready, &c, 1) == 1 && c == '\n';
}

static int
status_of(struct life *l)
{
	char path[96];
	int status;

	must(waitpid(l->pid, &status, 0) == l->pid);
	close(l->ready);
	snprintf(path, sizeof(path), "%s/http", l->dir);
	unlink(path);
	rmdir(l->dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Programs inherit the name of READY_FD further than the descriptor; its number
 * is then one that we open ourselves. */
static void
a_ready_fd_that_was_not_inherited_is_left_alone(void **state)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/ready_test.XXXXXX", said[16] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct life l = {.misled = true};

	(void)state;
	must(mkdtemp(dir) != NULL);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/notify", dir);
	must(bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	setenv("NOTIFY_SOCKET", to.sun_path, 1);
	begin(&l, NULL, NULL);
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(recv(fd, said, sizeof(said), 0), strlen("READY=1"));
	kill(l.pid, SIGTERM);
	assert_int_equal(status_of(&l), 0);
	unlink(to.sun_path);
	rmdir(dir);
	close(fd);
}

static void
it_is_ready_and_leaves_when_told_to(void **state)
{
	struct life l = {0};

	(void)state;
	begin(&l, NULL, NULL);
	assert_true(says_ready(&l));
	kill(l.pid, SIGTERM);
	assert_int_equal(status_of(&l), EXIT_OK);
}

static void
it_serves_without_a_store(void **state)
{
	static const char ask[] = "GET /healthz HTTP/1.0\r\n\r\n";
	char address[96], got[256] = "";
	struct life l = {0};
	ssize_t n;
	int fd;

	(void)state;
	begin(&l, NULL, NULL);
	assert_true(says_ready(&l));
	snprintf(address, sizeof(address), "unix:%s/http", l.dir);
	fd = net_connect(address);
	assert_true(fd >= 0);
	fcntl(fd, F_SETFL, 0);
	assert_int_equal(write(fd, ask, sizeof(ask) - 1), sizeof(ask) - 1);
	n = read(fd, got, sizeof(got) - 1);
	assert_true(n > 0);
	assert_non_null(strstr(got, "200 OK"));
	close(fd);
	kill(l.pid, SIGTERM);
	assert_int_equal(status_of(&l), EXIT_OK);
}

static void
two_of_one_name_are_not_possible(void **state)
{
	char listen[96];
	struct life l = {0};
	char *argv[] = {"ingress", "--run", l.dir, "--log_level", "err",
	    "--listen", listen, NULL};
	pid_t pid;
	int status;

	(void)state;
	begin(&l, NULL, NULL);
	assert_true(says_ready(&l));
	snprintf(listen, sizeof(listen), "unix:%s/other", l.dir);
	if ((pid = fork()) == 0)
		_exit(daemon_main(&ingress_stage, 7, argv));
	must(waitpid(pid, &status, 0) == pid);
	assert_int_equal(WEXITSTATUS(status), EXIT_WORLD);
	unlink(listen + 5);
	kill(l.pid, SIGTERM);
	assert_int_equal(status_of(&l), EXIT_OK);
}

static void
wrong_settings_are_not_tried_again(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
	    {"--body_max", "5g"},
	    {"--trusted_proxies", "10.0.0.0/33"},
	    {"--trusted_proxies", "proxy.example"},
	    {"-o", "head_timeout=never"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct life l = {0};

		begin(&l, rows[i].name, rows[i].value);
		assert_int_equal(status_of(&l), EXIT_SETTINGS);
	}
}

static void
a_missing_certificate_does_not_stop_it(void **state)
{
	struct life l = {0};

	(void)state;
	begin(&l, "--tls_cert", "/nonexistent");
	assert_true(says_ready(&l));
	kill(l.pid, SIGTERM);
	assert_int_equal(status_of(&l), EXIT_OK);
}

TESTS(unit(a_ready_fd_that_was_not_inherited_is_left_alone),
    unit(it_is_ready_and_leaves_when_told_to), unit(it_serves_without_a_store),
    unit(two_of_one_name_are_not_possible),
    unit(wrong_settings_are_not_tried_again),
    unit(a_missing_certificate_does_not_stop_it))
