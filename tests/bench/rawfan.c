/*
 * rawfan.c - the floor: the least a server can do to deliver messages.
 *
 * One epoll thread on one port.  It accepts WebSocket clients (any path, no
 * subscribing) and one control connection that speaks lines:
 *
 *	RUN fan|one MS SIZE K WINDOW	write for MS milliseconds
 *	ACK N				every client has had N messages
 *	ONE TEXT			one frame to the next client
 *
 * and is answered "DONE N" after a run.  Frames are ready made, only the
 * digits of the sequence number are patched.  `fan` writes K frames from one
 * contiguous buffer to each socket with one write(2); `one` writes one frame
 * to one socket.  Nothing is parsed, looked up, queued or allocated on the
 * way, so what the clients count is what the machine's kernel can do.
 */
#include "common/must.h"
#include "tests/bench/mark.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SOCKETS = 1 << 17, /* descriptors we index by */
	LINE = 4096,       /* longest control line, and request head */
	BLOCK = 1 << 20,   /* most bytes of K frames */
	STRIDE = 7919,     /* spreads `one` over the clients */
	ACK_EVERY = 64,    /* messages of `one` between two looks */
	STALL_MS = 2000,   /* a client that blocks longer is dropped */
};

struct run {
	bool one;
	unsigned ms, size, k, window;
	uint64_t made, acked;
};

struct rawfan {
	int epoll, listener, control;
	int *clients; /* descriptors, in order of arrival */
	unsigned nclients;
	uint64_t ones; /* how many ONE there were */
	char line[LINE];
	size_t nline;
	char *block; /* K frames of one size */
	size_t nblock, frame;
	unsigned *behind; /* clients that did not take the whole block */
	size_t *sent;     /* how much of it each client took */
	struct run run;
};

static void
epoll_watch(struct rawfan *r, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	must(epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) == 0);
}

static int
listen_on(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	must(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(fd, 4096) != 0) {
		perror("rawfan: cannot listen");
		exit(111);
	}
	return fd;
}

static void
accept_all(struct rawfan *r)
{
	int fd, on = 1;

	while ((fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		must(fd < SOCKETS);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		epoll_watch(r, fd);
	}
}

static void
client_drop(struct rawfan *r, int fd)
{
	for (unsigned i = 0; i < r->nclients; i++) {
		if (r->clients[i] != fd)
			continue;
		r->nclients--;
		memmove(r->clients + i, r->clients + i + 1,
		    (r->nclients - i) * sizeof(*r->clients));
		break;
	}
	if (fd == r->control)
		r->control = -1;
	close(fd);
}

/* The accept key is made up: our own clients are the only ones, and they do
 * not look at it. */
static void
client_greet(struct rawfan *r, int fd)
{
	static const char yes[] =
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";

	must(write(fd, yes, sizeof(yes) - 1) == sizeof(yes) - 1);
	r->clients[r->nclients++] = fd;
}

/* A text frame of size bytes with a mark in front; returns its length. */
static size_t
frame_make(char *p, unsigned size)
{
	size_t head = size < 126 ? 2 : 4;

	p[0] = (char)0x81;
	p[1] = (char)(size < 126 ? size : 126);
	if (head == 4) {
		p[2] = (char)(size >> 8);
		p[3] = (char)size;
	}
	memset(p + head, 'x', size);
	mark_put(p + head, 0, 0);
	return head + size;
}

static void control_read(struct rawfan *, bool wait);

/* Write on to those that could not take the block at once, until all did. */
static void
block_finish(struct rawfan *r, unsigned nbehind)
{
	while (nbehind != 0) {
		unsigned left = 0;
		struct pollfd p = {r->clients[r->behind[0]], POLLOUT, 0};

		if (poll(&p, 1, STALL_MS) == 0)
			shutdown(p.fd, SHUT_RDWR);
		for (unsigned i = 0; i < nbehind; i++) {
			unsigned c = r->behind[i];
			ssize_t n = write(r->clients[c], r->block + r->sent[c],
			    r->nblock - r->sent[c]);

			if (n > 0)
				r->sent[c] += (size_t)n;
			if (r->sent[c] < r->nblock &&
			    (n > 0 || errno == EAGAIN))
				r->behind[left++] = c;
		}
		nbehind = left;
	}
}

static void
fan_block(struct rawfan *r)
{
	unsigned nbehind = 0;

	for (unsigned k = 0; k < r->run.k; k++)
		digits_put(r->block + (k + 1) * r->frame - r->run.size + 2,
		    MARK_SEQ, r->run.made + k);
	for (unsigned i = 0; i < r->nclients; i++) {
		ssize_t n = write(r->clients[i], r->block, r->nblock);

		if (n == (ssize_t)r->nblock)
			continue;
		r->sent[i] = n > 0 ? (size_t)n : 0;
		if (n >= 0 || errno == EAGAIN)
			r->behind[nbehind++] = i;
	}
	block_finish(r, nbehind);
	r->run.made += r->run.k;
}

static void
one_frame(struct rawfan *r)
{
	uint64_t m = r->run.made++;
	unsigned i = (unsigned)(m * STRIDE % r->nclients);

	digits_put(
	    r->block + r->frame - r->run.size + 2, MARK_SEQ, m / r->nclients);
	if (write(r->clients[i], r->block, r->frame) == (ssize_t)r->frame)
		return;
	r->behind[0] = i;
	r->sent[i] = 0;
	block_finish(r, 1);
}

static void
run_all(struct rawfan *r)
{
	struct run *run = &r->run;
	uint64_t end = now_ns() + (uint64_t)run->ms * 1000000;
	char done[64];
	int n;

	r->nblock = 0;
	must((size_t)(run->size + 4) * run->k <= BLOCK);
	for (unsigned k = 0; k < run->k; k++)
		r->nblock += r->frame =
		    frame_make(r->block + r->nblock, run->size);
	while (r->nclients != 0 && r->control >= 0 && now_ns() < end) {
		if (run->made + run->k > run->acked + run->window) {
			control_read(r, true);
			continue;
		}
		if (!run->one)
			fan_block(r);
		for (unsigned i = 0; run->one && i < ACK_EVERY; i++)
			one_frame(r);
		control_read(r, false);
	}
	n = snprintf(done, sizeof(done), "DONE %ju\n", (uintmax_t)run->made);
	if (r->control >= 0)
		must(write(r->control, done, (size_t)n) == n);
}

static void
send_one(struct rawfan *r, const char *text)
{
	unsigned size = (unsigned)strlen(text), i;

	if (r->nclients == 0)
		return;
	r->frame = frame_make(r->block, size);
	memcpy(r->block + r->frame - size, text, size);
	i = (unsigned)(r->ones++ * STRIDE % r->nclients);
	(void)!write(r->clients[i], r->block, r->frame);
}

static void
control_line(struct rawfan *r, const char *line)
{
	struct run run = {0};
	char mode[8];
	uintmax_t n;

	if (sscanf(line, "ACK %ju", &n) == 1) {
		r->run.acked = n;
	} else if (strncmp(line, "ONE ", 4) == 0) {
		send_one(r, line + 4);
	} else if (sscanf(line, "RUN %7s %u %u %u %u", mode, &run.ms, &run.size,
		       &run.k, &run.window) == 5) {
		run.one = strcmp(mode, "one") == 0;
		if (run.one)
			run.k = 1;
		r->run = run;
	}
}

/* Take what the control connection says; a run starts after the last line,
 * because its own reads come through here as well. */
static void
control_read(struct rawfan *r, bool wait)
{
	struct pollfd p = {r->control, POLLIN, 0};
	char *from = r->line, *end;
	ssize_t n;

	if (wait)
		poll(&p, 1, 100);
	n = read(r->control, r->line + r->nline, LINE - 1 - r->nline);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		client_drop(r, r->control);
		return;
	}
	r->nline += (size_t)n;
	r->line[r->nline] = '\0';
	while ((end = strchr(from, '\n')) != NULL) {
		*end = '\0';
		control_line(r, from);
		from = end + 1;
	}
	r->nline -= (size_t)(from - r->line);
	memmove(r->line, from, r->nline);
}

static void
readable(struct rawfan *r, int fd)
{
	char head[LINE];
	ssize_t n;

	if (fd == r->control) {
		control_read(r, false);
		if (r->run.ms != 0) {
			run_all(r);
			r->run.ms = 0;
		}
		return;
	}
	n = recv(fd, head, sizeof(head) - 1, MSG_PEEK);
	if (n >= 3 && memcmp(head, "GET", 3) != 0 && r->control < 0 &&
	    (head[0] == 'R' || head[0] == 'O')) {
		r->control = fd;
		r->nline = 0;
		r->ones = 0;
		readable(r, fd);
		return;
	}
	n = read(fd, head, sizeof(head) - 1);
	if (n <= 0) {
		client_drop(r, fd);
		return;
	}
	head[n] = '\0';
	if (strncmp(head, "GET ", 4) == 0)
		client_greet(r, fd);
}

static void
serve(struct rawfan *r)
{
	struct epoll_event events[256];

	for (;;) {
		int n = epoll_wait(r->epoll, events, LENGTH(events), -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == r->listener)
				accept_all(r);
			else
				readable(r, events[i].data.fd);
		}
	}
}

int
main(int argc, char *argv[])
{
	struct rawfan r = {.control = -1};
	struct rlimit files;

	if (argc != 2) {
		fprintf(stderr, "usage: rawfan PORT\n");
		return 100;
	}
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	r.clients = xcalloc(SOCKETS, sizeof(*r.clients));
	r.behind = xcalloc(SOCKETS, sizeof(*r.behind));
	r.sent = xcalloc(SOCKETS, sizeof(*r.sent));
	r.block = xcalloc(1, BLOCK);
	r.epoll = epoll_create1(0);
	r.listener = listen_on((unsigned)strtoul(argv[1], NULL, 10));
	epoll_watch(&r, r.listener);
	(void)!write(STDOUT_FILENO, "\n", 1); /* ready */
	serve(&r);
}
