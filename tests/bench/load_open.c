/*
 * load_open.c - a publisher's connections and its ready-made texts.
 */
#include "tests/bench/load_pub.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void
base64_add(struct buf *out, const char *s)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)(unsigned char)s[i] << 16;

		if (i + 1 < n)
			v |= (unsigned)(unsigned char)s[i + 1] << 8;
		if (i + 2 < n)
			v |= (unsigned char)s[i + 2];
		buf_chr(out, set[v >> 18]);
		buf_chr(out, set[v >> 12 & 63]);
		buf_chr(out, i + 1 < n ? set[v >> 6 & 63] : '=');
		buf_chr(out, i + 2 < n ? set[v & 63] : '=');
	}
}

/* The channel, and room for a client's number behind it. */
static void
channel_add(struct load *l, struct pattern *p)
{
	buf_str(&p->text, l->opt.channel);
	if (l->opt.own) {
		p->index_at = p->text.n + 1;
		buf_printf(&p->text, "/%0*u", INDEX, 0);
	}
}

static void
data_add(struct load *l, struct pattern *p, unsigned size)
{
	char *at = buf_room(&p->text, size);

	must(size >= MARK_BYTES);
	p->mark_at = p->text.n;
	memset(at, 'x', size);
	p->text.n += size;
	(void)l;
}

/* The data: a string, or what Incus' clients take for an event. */
static void
body_add(struct load *l, struct pattern *p)
{
	bool incus = l->opt.proto == PROTO_INCUS;
	const char *before =
	    incus ? "{\"event\":\"m\",\"data\":{\"m\":\"" : "\"";
	const char *after = incus ? "\"}}" : "\"";
	size_t around = strlen(before) + strlen(after);

	buf_str(&p->text, before);
	data_add(l, p, l->opt.size - (unsigned)around);
	buf_str(&p->text, after);
}

static void
head_end(struct load *l, struct buf *b, size_t length)
{
	struct pub *p = l->pub;

	buf_printf(b, " HTTP/1.1\r\nHost: %s\r\n", p->to.host);
	if (l->opt.auth != NULL) {
		buf_str(b, "Authorization: Basic ");
		base64_add(b, l->opt.auth);
		buf_str(b, "\r\n");
	}
	buf_printf(b, "Content-Type: %s\r\n",
	    l->opt.publisher == PUB_POST ? "text/plain"
	    : l->opt.publisher == PUB_HTTP && l->opt.batch == 1
		? "application/json"
		: "application/x-ndjson");
	if (length == 0)
		buf_str(b, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buf_printf(b, "Content-Length: %zu\r\n\r\n", length);
}

static void
patterns_make(struct load *l, struct pub *p)
{
	struct pattern *t = &p->pattern;
	const char *c = strstr(p->to.path, "%c");

	if (l->opt.publisher == PUB_RAWFAN) {
		buf_str(&t->text, "ONE ");
		data_add(l, t, l->opt.size);
		buf_str(&t->text, "\n");
		return;
	}
	if (l->opt.publisher == PUB_POST) {
		if (c == NULL)
			die("--pub-url needs a %%c for the channel");
		buf_printf(
		    &t->text, "POST %.*s", (int)(c - p->to.path), p->to.path);
		channel_add(l, t);
		buf_str(&t->text, c + 2);
		head_end(l, &t->text, l->opt.size);
		data_add(l, t, l->opt.size);
		return;
	}
	buf_str(&t->text, "{\"channel\":\"");
	channel_add(l, t);
	buf_str(&t->text, "\",\"data\":");
	body_add(l, t);
	buf_str(&t->text,
	    l->opt.publisher == PUB_HTTP && l->opt.batch == 1 ? "}" : "}\n");
	if (l->opt.publisher == PUB_SEND)
		return;
	buf_printf(&p->head, "POST %s", p->to.path);
	head_end(l, &p->head,
	    l->opt.publisher == PUB_HTTP ? t->text.n * l->opt.batch : 0);
}

static void
conn_open(struct load *l, struct pub_conn *c)
{
	struct pollfd wait;
	int error = 0;
	socklen_t n = sizeof(error);

	c->w = (struct watch){net_connect(&l->pub->to, 0), pub_ready};
	wait = (struct pollfd){c->w.fd, POLLOUT, 0};
	poll(&wait, 1, 2000);
	getsockopt(c->w.fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (wait.revents == 0 || error != 0)
		die("publisher: cannot connect: %s", strerror(error));
	loop_add(l, &c->w, EPOLLIN);
	if (l->opt.publisher == PUB_NDJSON)
		buf_put(&c->out, buf_slice(&l->pub->head));
}

/* The pipe into a child that a shell starts. */
static void
child_open(struct load *l, struct pub_conn *c)
{
	int ends[2];

	must(pipe2(ends, O_CLOEXEC) == 0);
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 18);
	c->child = fork();
	if (c->child == 0) {
		dup2(ends[0], STDIN_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", l->opt.send, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	c->w = (struct watch){ends[1], pub_ready};
	c->out_only = true;
	loop_add(l, &c->w, 0);
	if (l->nprocs < PROCS)
		l->procs[l->nprocs++] = (struct proc){"send", c->child};
}

void
pub_open(struct load *l)
{
	bool single = l->opt.publisher == PUB_RAWFAN;
	struct pub *p = l->pub = xcalloc(1, sizeof(*p));

	p->nconns = single ? 1 : l->opt.connections;
	p->conns = xcalloc(p->nconns, sizeof(*p->conns));
	p->idle = xcalloc(p->nconns, sizeof(struct pub_conn *));
	if (l->opt.publisher == PUB_SEND) {
		if (l->opt.send == NULL)
			die("--publisher send needs --send COMMAND");
		patterns_make(l, p);
		for (unsigned i = 0; i < p->nconns; i++)
			child_open(l, &p->conns[i]);
		return;
	}
	if (l->opt.pub_url == NULL)
		die("--pub-url is missing");
	address_parse(&p->to, l->opt.pub_url);
	patterns_make(l, p);
	for (unsigned i = 0; i < p->nconns; i++) {
		conn_open(l, &p->conns[i]);
		p->idle[p->nidle++] = &p->conns[i];
	}
}
