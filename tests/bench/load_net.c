/*
 * load_net.c - sockets, the loop, and the reading of HTTP answers.
 *
 * The kernel looks for a free port the longer the more of them are taken, so
 * a source address makes few connections and each run has its own addresses,
 * 127.0.x.y; the port is chosen at connect, and a close is a reset: nothing
 * of a run is left in the next one's way.
 */
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS_EACH = 4000, RUNS = 250 };

void
die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "load: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

void
address_parse(struct address *a, const char *url)
{
	char host[64];
	unsigned port;
	int n = 0;

	if (sscanf(url, "%*[a-z]://%63[^:/]:%u%n", host, &port, &n) != 2)
		die("not a URL with a port: %s", url);
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	a->in = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, host, &a->in.sin_addr) != 1)
		die("not an IPv4 address: %s", host);
	snprintf(a->host, sizeof(a->host), "%s:%u", host, port);
	snprintf(a->path, sizeof(a->path), "%s", url[n] == '/' ? url + n : "/");
}

int
net_connect(const struct address *to, unsigned nth)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + nth / PORTS_EACH +
				     (unsigned)getpid() % RUNS * 256)};
	struct linger reset = {1, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		die("socket %u: %s", nth, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		die("bind for connection %u: %s", nth, strerror(errno));
	if (connect(fd, (const struct sockaddr *)&to->in, sizeof(to->in)) !=
		0 &&
	    errno != EINPROGRESS)
		die("connect %s: %s", to->host, strerror(errno));
	return fd;
}

static void
loop_ctl(struct load *l, int op, struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	must(epoll_ctl(l->epoll, op, w->fd, &e) == 0);
}

void
loop_add(struct load *l, struct watch *w, uint32_t events)
{
	loop_ctl(l, EPOLL_CTL_ADD, w, events);
}

void
loop_change(struct load *l, struct watch *w, uint32_t events)
{
	loop_ctl(l, EPOLL_CTL_MOD, w, events);
}

void
loop_turn(struct load *l, uint64_t wait_ns)
{
	struct epoll_event events[512];
	struct timespec t = {
	    (time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
	int n = epoll_pwait2(l->epoll, events, LENGTH(events), &t, NULL);

	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;

		w->ready(l, w, events[i].events);
	}
}

void
loop_nap(uint64_t ns)
{
	struct timespec t = {0, (long)ns};

	ppoll(NULL, 0, &t, NULL);
}

/* The two headers that say where an answer ends. */
static void
reply_header(struct reply *r, struct slice line)
{
	if (line.n > 15 && strncasecmp(line.p, "content-length:", 15) == 0) {
		slice_num(slice_trim(slice_from(line, 15)), &r->left);
		r->state = REPLY_BODY;
	}
	if (line.n > 18 && strncasecmp(line.p, "transfer-encoding:", 18) == 0)
		r->state = REPLY_SIZE;
}

static size_t
reply_head(struct reply *r, struct slice in)
{
	const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
	struct slice rest, line;
	size_t n;

	if (end == NULL)
		return 0;
	n = (size_t)(end - in.p) + 4;
	rest = (struct slice){in.p, n - 2};
	if (n < 16 || memcmp(in.p, "HTTP/1.1 ", 9) != 0)
		die("not an HTTP answer: %.*s", (int)(n < 60 ? n : 60), in.p);
	r->status = (unsigned)strtoul(in.p + 9, NULL, 10);
	r->left = 0;
	while (slice_cut(&rest, '\n', &line))
		if (line.n != 0 && strchr("cCtT", line.p[0]) != NULL) {
			line.n -= line.p[line.n - 1] == '\r';
			reply_header(r, line);
		}
	if (r->status == 100)
		r->state = REPLY_HEAD;
	else if (r->state == REPLY_HEAD || r->state == REPLY_BODY)
		r->done = r->left == 0;
	if (r->state == REPLY_BODY && r->left == 0)
		r->state = REPLY_HEAD;
	return n;
}

/* A line of the chunked coding: the size, the end of a chunk, a trailer. */
static size_t
reply_line(struct reply *r, struct slice in)
{
	const char *end = memchr(in.p, '\n', in.n);

	if (end == NULL)
		return 0;
	if (r->state == REPLY_SIZE) {
		r->left = strtoull(in.p, NULL, 16);
		r->state = r->left != 0 ? REPLY_CHUNK : REPLY_TRAILER;
	} else if (r->state == REPLY_CHUNK_END) {
		r->state = REPLY_SIZE;
	} else if (end - in.p <= 1) {
		r->state = REPLY_HEAD;
		r->done = true;
	}
	return (size_t)(end - in.p) + 1;
}

size_t
reply_step(struct reply *r, struct slice in, struct slice *body)
{
	size_t n = in.n < r->left ? in.n : (size_t)r->left;

	r->done = false;
	*body = (struct slice){in.p, 0};
	if (in.n == 0)
		return 0;
	if (r->state == REPLY_HEAD)
		return reply_head(r, in);
	if (r->state != REPLY_BODY && r->state != REPLY_CHUNK)
		return reply_line(r, in);
	body->n = n;
	r->left -= n;
	if (r->left == 0) {
		r->done = r->state == REPLY_BODY;
		r->state =
		    r->state == REPLY_BODY ? REPLY_HEAD : REPLY_CHUNK_END;
	}
	return n;
}
