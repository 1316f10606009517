/*
 * load.c - the load generator: what to measure, and of whom.
 *
 *	load ROW [--flag value]...
 *
 * Prints one line of JSON; a failure prints a reason and exits 1.
 */
#include "tests/bench/load.h"

#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum kind { NUMBER, COUNT, REAL, TEXT, SWITCH, PROTO, PUBLISHER };

struct flag {
	const char *name;
	enum kind kind;
	size_t at;
	const char *help;
};

#define AT(field) offsetof(struct options, field)

/* clang-format off */
static const struct flag flags[] = {
	{"url", TEXT, AT(url), "where subscribers connect; %c is the channel"},
	{"proto", PROTO, AT(proto), "native, raw (no subscribing), sse, incus or bayeux"},
	{"channel", TEXT, AT(channel), "what they subscribe to"},
	{"path", TEXT, AT(path), "what they ask for, instead of the URL's"},
	{"own", SWITCH, AT(own), "a channel per client: CHANNEL/0000000 ..."},
	{"each", NUMBER, AT(each), "hold: channels of a client, all its own"},
	{"clients", NUMBER, AT(clients), "how many"},
	{"inflight", NUMBER, AT(inflight), "connections being made at once"},
	{"publisher", PUBLISHER, AT(publisher),
	    "http, ndjson, post, send or rawfan"},
	{"pub-url", TEXT, AT(pub_url), "where to publish; %c for post"},
	{"auth", TEXT, AT(auth), "key:secret of the publisher"},
	{"send", TEXT, AT(send), "command that reads NDJSON"},
	{"connections", NUMBER, AT(connections), "of the publisher"},
	{"batch", NUMBER, AT(batch), "messages per request of http"},
	{"messages", COUNT, AT(messages), "stop after so many; 0: by time"},
	{"seconds", REAL, AT(seconds), "publish so long"},
	{"rate", NUMBER, AT(rate), "messages/s; 0: as many as go"},
	{"size", NUMBER, AT(size), "bytes of a message's data"},
	{"window", NUMBER, AT(window), "messages under way at most"},
	{"k", NUMBER, AT(k), "rawfan: messages per write"},
	{"missed", NUMBER, AT(missed), "resume: messages while away, of each"},
	{"warm", NUMBER, AT(warm), "idle: connections before the first look"},
	{"pids", TEXT, AT(pids), "name=pid,... whose CPU to report"},
	{"memory", TEXT, AT(memory),
	    "idle, publish: the pid whose memory to report"},
};
/* clang-format on */

static unsigned
word_of(const char *value, const char *const words[])
{
	unsigned i = 0;

	while (words[i] != NULL && strcmp(words[i], value) != 0)
		i++;
	if (words[i] == NULL)
		die("unknown word: %s", value);
	return i;
}

static void
flag_set(struct options *o, const struct flag *f, const char *value)
{
	static const char *const protos[] = {
	    "native", "raw", "sse", "incus", "bayeux", NULL};
	static const char *const publishers[] = {
	    "none", "http", "ndjson", "post", "send", "rawfan", NULL};
	char *at = (char *)o + f->at;
	unsigned n = (unsigned)strtoul(value, NULL, 10);
	uint64_t count = strtoull(value, NULL, 10);
	double real = strtod(value, NULL);
	bool yes = true;

	if (f->kind == PROTO)
		o->proto = (enum proto)word_of(value, protos);
	else if (f->kind == PUBLISHER)
		o->publisher = (enum publisher)word_of(value, publishers);
	else if (f->kind == NUMBER)
		memcpy(at, &n, sizeof(n));
	else if (f->kind == COUNT)
		memcpy(at, &count, sizeof(count));
	else if (f->kind == REAL)
		memcpy(at, &real, sizeof(real));
	else if (f->kind == TEXT)
		memcpy(at, &value, sizeof(value));
	else
		memcpy(at, &yes, sizeof(yes));
}

_Noreturn static void
usage(void)
{
	fprintf(stderr,
	    "usage: load fan|latency|publish|idle|connect|resume|hold|polls\n");
	for (size_t i = 0; i < LENGTH(flags); i++)
		fprintf(stderr, "  --%-12s %s\n", flags[i].name, flags[i].help);
	exit(100);
}

static void
options_read(struct options *o, int argc, char *argv[])
{
	for (int i = 2; i < argc; i++) {
		const struct flag *f = NULL;

		for (size_t k = 0; k < LENGTH(flags); k++)
			if (strncmp(argv[i], "--", 2) == 0 &&
			    strcmp(argv[i] + 2, flags[k].name) == 0)
				f = &flags[k];
		if (f == NULL || (f->kind != SWITCH && i + 1 == argc))
			usage();
		flag_set(o, f, f->kind != SWITCH ? argv[++i] : "");
	}
	if (o->own && o->clients == 0)
		die("--own needs --clients");
	if (o->connections == 0 || o->batch == 0 || o->each == 0 ||
	    o->size < 2 + MARK_BYTES)
		usage();
}

int
main(int argc, char *argv[])
{
	struct load l = {.opt = {.channel = "/bench/public/c",
			     .connections = 1,
			     .inflight = 256,
			     .batch = 1,
			     .size = 128,
			     .window = 64,
			     .k = 16,
			     .warm = 1000,
			     .missed = 10,
			     .each = 1,
			     .seconds = 1}};
	struct rlimit files;
	int status;

	if (argc < 2)
		usage();
	options_read(&l.opt, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_TIMERSLACK, 1UL);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.scratch = xmalloc(SCRATCH);
	l.histogram = xcalloc(HISTOGRAM, sizeof(*l.histogram));
	procs_parse(&l);
	status = row_run(&l, argv[1]);
	fflush(stdout);
	_exit(status); /* the kernel takes it all back faster than we could */
}
