/*
 * load_polls.c - long polls that are all ended by one message, and again.
 *
 * A poll is asked for as soon as the last one is answered.  The next message
 * is published when the hub has nothing to do any more: then all of them wait,
 * whatever else the machine does.  For the same reason the rate is answers in
 * a second of the hub's CPU.
 */
#include "tests/bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	QUIET_NS = 20000000,    /* a hub that uses nothing for so long, twice */
	MISSED_NS = 1000000000, /* then the message is published again */
	STUCK_NS = 2000000000,
	TURN_NS = 5000000,
	DATA_MAX = 4096,
};

struct poller {
	struct watch w;
	struct reply reply;
	bool answered; /* in this round */
};

struct polls {
	struct load *load;
	struct poller *all;
	unsigned waiting;  /* of them, those without an answer */
	uint64_t progress; /* ns of the last one */
	struct buf request;
	int pipe; /* into bin/send */
	char mark[24];
};

/* Only one row runs, and the loop hands nothing else on. */
static struct polls polls;

static void
ask(struct poller *p)
{
	ssize_t n = send(p->w.fd, polls.request.p, polls.request.n, 0);

	if (n != (ssize_t)polls.request.n)
		die("a poll cannot be asked for: %s", strerror(errno));
}

static void
took(struct poller *p, struct slice body)
{
	struct tally *t = &polls.load->tally;
	const char *mark = polls.mark;

	if (body.n != 0 && memmem(body.p, body.n, mark, strlen(mark)) == NULL)
		t->reordered++;
	if (!p->reply.done)
		return;
	t->delivered++;
	t->errors += p->reply.status != 200;
	t->duplicated += p->answered;
	polls.waiting -= !p->answered;
	polls.progress = now_ns();
	p->answered = true;
	ask(p);
}

static void
ready(struct load *l, struct watch *w, uint32_t events)
{
	struct poller *p = container_of(w, struct poller, w);
	ssize_t got = recv(w->fd, l->scratch, SCRATCH, 0);
	struct slice in = {l->scratch, got > 0 ? (size_t)got : 0}, body;
	size_t n;

	(void)events;
	if (got == 0 || (got < 0 && errno != EAGAIN))
		die("a poll was hung up after %u: %s", p->reply.status,
		    got != 0 ? strerror(errno) : "end");
	while (in.n != 0) {
		n = reply_step(&p->reply, in, &body);
		if (n == 0)
			die("an answer came in pieces");
		in = slice_from(in, n);
		took(p, body);
	}
}

static double
hub_cpu(const struct load *l)
{
	for (unsigned i = 0; i < l->nprocs; i++)
		if (strcmp(l->procs[i].name, "hub") == 0)
			return proc_cpu(l->procs[i].pid);
	die("polls needs --pids hub=PID");
}

static void
turns(struct load *l, uint64_t ns)
{
	uint64_t until = now_ns() + ns, now;

	while ((now = now_ns()) < until)
		loop_turn(l, until - now);
}

/* Until the hub has read all there is. */
static void
quiet(struct load *l)
{
	double last = -1, now;

	for (unsigned still = 0; still < 2; last = now) {
		turns(l, QUIET_NS);
		now = hub_cpu(l);
		still = now - last < 0.0005 ? still + 1 : 0;
	}
}

static void
sender_open(const struct load *l)
{
	int ends[2];

	if (l->opt.send == NULL)
		die("polls needs --send COMMAND");
	must(pipe2(ends, O_CLOEXEC) == 0);
	if (fork() == 0) {
		dup2(ends[0], STDIN_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", l->opt.send, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	polls.pipe = ends[1];
}

static void
publish(struct load *l)
{
	char line[DATA_MAX + 256], pad[DATA_MAX];
	int n, size = (int)(l->opt.size < DATA_MAX ? l->opt.size : DATA_MAX);

	memset(pad, 'x', sizeof(pad));
	l->tally.published++;
	n = snprintf(line, sizeof(line),
	    "{\"channel\":\"%s\",\"data\":\"%s%.*s\"}\n", l->opt.channel,
	    polls.mark, size - 2 - (int)strlen(polls.mark), pad);
	if (write(polls.pipe, line, (size_t)n) != n)
		die("send: %s", strerror(errno));
}

static void
round_of(struct load *l, unsigned nth)
{
	uint64_t began = now_ns();

	snprintf(polls.mark, sizeof(polls.mark), "round %07u ", nth);
	polls.waiting = l->opt.clients;
	for (unsigned i = 0; i < l->opt.clients; i++)
		polls.all[i].answered = false;
	polls.progress = began;
	publish(l);
	while (polls.waiting != 0) {
		loop_turn(l, TURN_NS);
		if (now_ns() > polls.progress + MISSED_NS) {
			l->tally.late += polls.waiting;
			polls.progress = now_ns();
			publish(l);
		}
		if (now_ns() > began + 10ULL * STUCK_NS)
			die("%u polls are not answered", polls.waiting);
	}
	quiet(l);
}

static void
heard(struct load *l, struct watch *w, uint32_t events)
{
	polls.waiting = 0;
	(void)l;
	(void)w;
	(void)events;
}

/* A hub has found the door: without one few may wait there. */
static void
await_hub(struct load *l)
{
	static const char text[] =
	    "GET /v1/poll?channel=/bench/public/first&timeout=0 HTTP/1.1\r\n"
	    "Host: x\r\n\r\n";
	struct watch w = {net_connect(&l->to, 0), heard};

	loop_add(l, &w, EPOLLIN);
	turns(l, QUIET_NS);
	must(send(w.fd, text, sizeof(text) - 1, 0) == sizeof(text) - 1);
	for (polls.waiting = 1; polls.waiting != 0;)
		loop_turn(l, TURN_NS);
	close(w.fd);
}

static void
polls_open(struct load *l)
{
	address_parse(&l->to, l->opt.url);
	buf_printf(&polls.request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
	    l->opt.path != NULL ? l->opt.path : l->to.path, l->to.host);
	polls.load = l;
	await_hub(l);
	polls.all = xcalloc(l->opt.clients, sizeof(*polls.all));
	for (unsigned i = 0; i < l->opt.clients; i++) {
		struct poller *p = &polls.all[i];

		p->w = (struct watch){net_connect(&l->to, i), ready};
		loop_add(l, &p->w, EPOLLIN);
		if (i % l->opt.inflight == 0)
			quiet(l); /* the door holds a thousand */
		ask(p);
	}
	quiet(l);
}

int
row_polls(struct load *l)
{
	uint64_t until, answered;
	double cpu;
	unsigned n = 0;

	if (l->opt.clients == 0)
		die("--clients is missing");
	sender_open(l);
	polls_open(l);
	round_of(l, n++); /* warm */
	until = now_ns() + (uint64_t)(l->opt.seconds * 1e9);
	cpu = hub_cpu(l);
	answered = l->tally.delivered;
	do
		round_of(l, n++);
	while (now_ns() < until);
	printf("{\"rate\":%.0f,\"rounds\":%u,\"late\":%u,\"reordered\":%u,"
	       "\"duplicated\":%u,\"errors\":%u}\n",
	    (double)(l->tally.delivered - answered) / (hub_cpu(l) - cpu), n,
	    (unsigned)l->tally.late, (unsigned)l->tally.reordered,
	    (unsigned)l->tally.duplicated, (unsigned)l->tally.errors);
	return 0;
}
