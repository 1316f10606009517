/* net_test.c - sockets are opened, refused, passed and never leaked. */
#include "common/address.h"
#include "common/must.h"
#include "common/net.h"
#include "common/passing.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "net_test.sock";

/* How many descriptors are open: what a test leaks shows here. */
static int
descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int
count_before(void **state)
{
	static int before;

	before = descriptors();
	*state = &before;
	return 0;
}

static int
count_after(void **state)
{
	unlink(path);
	return *(int *)*state == descriptors() ? 0 : -1;
}

static bool
ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 5000) == 1;
}

static void
address_of(int fd, char *text, size_t n)
{
	struct sockaddr_in in = {.sin_port = 0};
	socklen_t len = sizeof(in);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	snprintf(text, n, "127.0.0.1:%u", ntohs(in.sin_port));
}

static void
a_connection_is_made_over_each_kind_of_address(void **state)
{
	static const char *const addresses[] = {
	    "127.0.0.1:0", "localhost:0", "unix:net_test.sock"};
	char text[64];

	(void)state;
	for (unsigned i = 0; i < LENGTH(addresses); i++) {
		struct net_listener l;
		int fd, client, one = 0;
		socklen_t n = sizeof(one);
		unsigned port;
		struct ip ip;

		net_listener_init(&l, net_listen(addresses[i]));
		assert_true(l.fd >= 0);
		snprintf(text, sizeof(text), "%s", addresses[i]);
		if (i < 2)
			address_of(l.fd, text, sizeof(text));
		assert_int_equal(net_accept(&l, &fd), NET_NONE);
		client = net_connect(text);
		assert_true(client >= 0);
		assert_true(ready(client, POLLOUT) && ready(l.fd, POLLIN));
		assert_int_equal(net_connected(client), 0);
		assert_int_equal(net_accept(&l, &fd), NET_ACCEPTED);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(ip_peer(fd, &ip, &port) == (i < 2));
		assert_true(ip_loopback(&ip));
		if (i < 2) {
			getsockopt(fd, IPPROTO_TCP, 1, &one, &n);
			assert_true(one != 0); /* TCP_NODELAY */
		}
		close(fd);
		close(client);
		net_listener_close(&l);
	}
}

/* 127.1 is no address here, but one to the resolver, which asks nobody. */
static void
a_name_is_looked_up_only_where_that_is_asked_for(void **state)
{
	int listener = net_listen("127.0.0.1:0"), fd;
	char text[64], name[64];

	(void)state;
	address_of(listener, text, sizeof(text));
	snprintf(name, sizeof(name), "127.1%s", strchr(text, ':'));
	assert_int_equal(net_connect(name), -1);
	assert_int_equal(errno, EINVAL);
	fd = net_connect_named(name);
	assert_true(fd >= 0 && ready(fd, POLLOUT));
	assert_int_equal(net_connected(fd), 0);
	close(fd);
	fd = net_connect_named(text);
	assert_true(fd >= 0 && ready(fd, POLLOUT));
	assert_int_equal(net_connected(fd), 0);
	close(fd);
	close(listener);
	assert_int_equal(net_connect_named("127.1"), -1);
	assert_int_equal(errno, EHOSTUNREACH);
	assert_int_equal(net_connect_named("no host:1"), -1);
	assert_int_equal(errno, EHOSTUNREACH);
}

static void
a_dead_unix_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	int first = net_listen("unix:net_test.sock"), second;

	(void)state;
	assert_true(first >= 0);
	assert_int_equal(net_listen("unix:net_test.sock"), -1);
	assert_int_equal(errno, EADDRINUSE);
	close(first);
	second = net_listen("unix:net_test.sock");
	assert_true(second >= 0);
	close(second);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(net_listen("unix:net_test.sock"), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
}

static void
without_a_descriptor_a_connection_is_still_answered(void **state)
{
	struct net_listener l;
	struct rlimit was, tight;
	struct address a;
	char text[64], got[32];
	int client, fd;

	(void)state;
	net_listener_init(&l, net_listen("127.0.0.1:0"));
	address_of(l.fd, text, sizeof(text));
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	getrlimit(RLIMIT_NOFILE, &was);
	tight = was;
	/* No number below the limit is free: all are taken up to client. */
	for (fd = dup(client); fd < client; fd = dup(client))
		must(fd >= 0);
	close(fd);
	tight.rlim_cur = (rlim_t)fd;
	setrlimit(RLIMIT_NOFILE, &tight);
	/* Looking while nobody is there does not cost the reserve. */
	assert_int_equal(net_accept(&l, &fd), NET_NONE);
	assert_true(l.reserve >= 0);
	assert_true(address_parse(slice_of(text), &a));
	assert_int_equal(connect(client, &a.sa, a.len), 0);
	assert_true(ready(l.fd, POLLIN));
	assert_int_equal(net_accept(&l, &fd), NET_EXHAUSTED);
	assert_true(fd >= 0);
	assert_int_equal(l.reserve, -1);
	net_refuse(&l, fd, SLICE("HTTP/1.1 503 \r\n\r\n"));
	assert_true(l.reserve >= 0);
	assert_int_equal(net_accept(&l, &fd), NET_NONE);
	setrlimit(RLIMIT_NOFILE, &was);
	assert_true(ready(client, POLLIN));
	assert_int_equal(recv(client, got, sizeof(got), 0), 17);
	assert_memory_equal(got, "HTTP/1.1 503", 12);
	assert_int_equal(recv(client, got, sizeof(got), 0), 0);
	close(client);
	net_listener_close(&l);
}

/* In a child, where descriptor 3 can be had: 0 is success. */
static int
inherit(void)
{
	int fd = net_listen("127.0.0.1:0");
	char text[64], pid[32];

	address_of(fd, text, sizeof(text));
	dup2(fd, 4);
	close(3);
	dup2(STDIN_FILENO, 3);
	if (fd > 4)
		close(fd);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", "1", 1);
	if (net_inherited(text) != -1 || errno != ENOENT)
		return 1;
	setenv("LISTEN_PID", pid, 1);
	if (net_inherited("127.0.0.1:1") != -1 || errno != ENOENT)
		return 2;
	if (net_inherited(text) != 4)
		return 3;
	if (!(fcntl(4, F_GETFL) & O_NONBLOCK) || !(fcntl(4, F_GETFD) & 1))
		return 4;
	return net_inherited(text) == -1 ? 0 : 5;
}

static void
inherited_listeners_are_found_by_address_and_once(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(inherit());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
addresses_are_strict(void **state)
{
	static const char *const good[] = {"4000", "0", "127.0.0.1:65535",
	    "[::1]:4000", "[::]:1", "localhost:80", "unix:/run/x"};
	static const char *const bad[] = {"", ":", "x", "65536", "-1", "+1",
	    "1.2.3:80", "1.2.3.4", "1.2.3.4:", "::1:80", "[::1]", "[1.2.3.4]:1",
	    "[::1:80", "host.example:80", "unix:", "4000 ", " 4000"};
	struct address a;

	(void)state;
	for (unsigned i = 0; i < LENGTH(good); i++) {
		struct slice s = exact(good[i], strlen(good[i]));

		assert_true(address_parse(s, &a));
		assert_true(a.any == (i < 2));
		free((char *)s.p);
	}
	for (unsigned i = 0; i < LENGTH(bad); i++) {
		struct slice s = exact(bad[i], strlen(bad[i]));

		if (address_parse(s, &a))
			fail_msg("accepted: %s", bad[i]);
		free((char *)s.p);
	}
	assert_int_equal(net_listen("nonsense"), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(net_connect("4000"), -1);
}

/* [range, address, whether it is in] */
static const struct {
	const char *range, *ip;
	bool in;
} ranges[] = {
    {"10.0.0.0/8", "10.255.0.1", true},
    {"10.0.0.0/8", "::ffff:10.255.0.1", true},
    {"10.0.0.0/8", "11.0.0.1", false},
    {"192.0.2.128/25", "192.0.2.128", true},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"0.0.0.0/0", "8.8.8.8", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "8.8.8.8", true},
    {"fd00::/8", "fd12::1", true},
    {"fd00::/8", "fe00::1", false},
    {"::1", "::1", true},
    {"2001:db8::/33", "2001:db8:8000::", false},
};

static void
ranges_hold_what_they_say(void **state)
{
	static const char *const bad[] = {"", "/", "10.0.0.0/", "10.0.0.0/33",
	    "10.0.0.0/-1", "10.0.0.1/8", "::1/129", "::1/0", "x/8",
	    "10.0.0.0/8/8"};
	struct ip_range r;
	struct ip ip;

	(void)state;
	for (unsigned i = 0; i < LENGTH(ranges); i++) {
		assert_null(ip_range_parse(slice_of(ranges[i].range), &r));
		assert_true(ip_parse(slice_of(ranges[i].ip), &ip));
		assert_true(ip_in(&ip, &r, 1) == ranges[i].in);
		assert_false(ip_in(&ip, &r, 0));
	}
	for (unsigned i = 0; i < LENGTH(bad); i++)
		assert_non_null(ip_range_parse(slice_of(bad[i]), &r));
	assert_true(ip_parse(SLICE("127.9.9.9"), &ip) && ip_loopback(&ip));
	assert_true(ip_parse(SLICE("128.0.0.1"), &ip) && !ip_loopback(&ip));
}

static void
a_descriptor_travels_with_its_bytes(void **state)
{
	int door[2], pipes[2], fd;
	char room[64], byte;
	struct passing_room r = {room, sizeof(room), 0};

	(void)state;
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, door);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(pass_receive(door[1], &fd, &r), PASS_AGAIN);
	assert_int_equal(pass_send(door[0], pipes[1], SLICE("GET")), PASSED);
	assert_int_equal(pass_send(door[0], -1, SLICE("credit")), PASSED);
	assert_int_equal(pass_receive(door[1], &fd, &r), PASSED);
	assert_int_equal(r.got, 3);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(fd);
	assert_int_equal(pass_receive(door[1], &fd, &r), PASSED);
	assert_int_equal(fd, -1);
	assert_memory_equal(room, "credit", 6);
	close(door[0]);
	assert_int_equal(pass_receive(door[1], &fd, &r), PASS_GONE);
	assert_int_equal(pass_send(door[1], -1, SLICE("x")), PASS_GONE);
	close(door[1]);
	close(pipes[0]);
	close(pipes[1]);
}

static void
send_many(int door, int fd, int count)
{
	char control[CMSG_SPACE(sizeof(int) * 32)] = {0}, byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = CMSG_SPACE(sizeof(int) * (unsigned)count)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (unsigned)count);
	for (int i = 0; i < count; i++)
		memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fd, sizeof(fd));
	assert_int_equal(sendmsg(door, &m, 0), 1);
}

static void
what_is_truncated_or_too_much_is_closed(void **state)
{
	int door[2], fd;
	char room[8];
	struct passing_room r = {room, sizeof(room), 0};

	(void)state;
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, door);
	assert_int_equal(pass_send(door[0], 0, SLICE("123456789")), PASSED);
	assert_int_equal(pass_receive(door[1], &fd, &r), PASS_BAD);
	assert_int_equal(fd, -1);
	send_many(door[0], 0, 2);
	assert_int_equal(pass_receive(door[1], &fd, &r), PASS_BAD);
	send_many(door[0], 0, 32);
	assert_int_equal(pass_receive(door[1], &fd, &r), PASS_BAD);
	assert_int_equal(fd, -1);
	assert_int_equal(pass_send(door[0], 0, SLICE("12345678")), PASSED);
	assert_int_equal(pass_receive(door[1], &fd, &r), PASSED);
	assert_int_equal(r.got, 8);
	close(fd);
	close(door[0]);
	close(door[1]);
}

static void
a_door_keeps_records_apart(void **state)
{
	struct net_listener l;
	int client, hub, fd;
	char room[64];
	struct passing_room r = {room, sizeof(room), 0};

	(void)state;
	net_listener_init(&l, net_listen_door(path));
	assert_true(l.fd >= 0);
	client = net_connect_door(path);
	assert_true(client >= 0);
	assert_int_equal(net_accept(&l, &hub), NET_ACCEPTED);
	assert_int_equal(pass_send(client, -1, SLICE("one")), PASSED);
	assert_int_equal(pass_send(client, -1, SLICE("two")), PASSED);
	assert_int_equal(pass_receive(hub, &fd, &r), PASSED);
	assert_int_equal(r.got, 3);
	close(client);
	close(hub);
	net_listener_close(&l);
	assert_true(net_raise_limit() > 0);
}

#define tidy(f) cmocka_unit_test_setup_teardown(f, count_before, count_after)

TESTS(tidy(a_connection_is_made_over_each_kind_of_address),
    tidy(a_name_is_looked_up_only_where_that_is_asked_for),
    tidy(a_dead_unix_socket_is_replaced_and_a_live_one_is_not),
    tidy(without_a_descriptor_a_connection_is_still_answered),
    tidy(inherited_listeners_are_found_by_address_and_once),
    tidy(addresses_are_strict), tidy(ranges_hold_what_they_say),
    tidy(a_descriptor_travels_with_its_bytes),
    tidy(what_is_truncated_or_too_much_is_closed),
    tidy(a_door_keeps_records_apart))
