/*
 * load.h - what the parts of the load generator share.
 *
 * One thread, one epoll.  The parts: load.c (flags), load_rows.c (what is
 * measured, one function per row), load_sub.c (subscribers: WebSocket and
 * SSE clients that check what they get), load_pub.c (publishers), load_net.c
 * (sockets, the loop, answers of HTTP), load_proc.c (CPU and memory of the
 * processes under test), load_polls.c (long polls).  Everything here lives as
 * long as the program.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "common/buf.h"
#include "common/must.h"
#include "common/slice.h"
#include "tests/bench/mark.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SCRATCH = 1 << 20,   /* one shared read buffer */
	HISTOGRAM = 1 << 20, /* buckets of 1 us; the last takes the rest */
	PROCS = 8,           /* processes whose CPU we read */
	INDEX = 7,           /* digits of a client's own channel */
	STRIDE = 7919,       /* spreads messages over the clients */
};

enum proto { PROTO_NATIVE, PROTO_RAW, PROTO_SSE, PROTO_INCUS, PROTO_BAYEUX };

enum publisher {
	PUB_NONE,
	PUB_HTTP,   /* a POST of --batch messages, then its answer */
	PUB_NDJSON, /* one endless chunked POST per connection */
	PUB_POST,   /* one POST of the bare body (nchan) */
	PUB_SEND,   /* lines into a child's standard input */
	PUB_RAWFAN, /* commands to rawfan */
};

struct options {
	const char *url, *pub_url, *channel, *auth, *send, *pids, *memory;
	const char *path; /* what subscribers ask for, instead of the URL's */
	enum proto proto;
	enum publisher publisher;
	unsigned clients, connections, inflight, batch, size, window, warm;
	unsigned rate, k;  /* messages/s, 0 is as many as go; rawfan's K */
	uint64_t messages; /* 0 is until the time is up */
	unsigned missed;   /* resume: messages while a client is away */
	unsigned each;     /* hold: channels of a client */
	double seconds;
	bool own; /* a channel per client, not one for all */
};

struct tally {
	uint64_t published, answered, delivered;
	uint64_t lost, duplicated, reordered;
	uint64_t gaps, errors, closed, late;
};

struct load;

/* A descriptor in the loop; embed it and use container_of. */
struct watch {
	int fd;
	void (*ready)(struct load *, struct watch *, uint32_t events);
};

struct address {
	struct sockaddr_in in;
	char host[80], path[512];
};

struct sub;
struct pub;
struct proc {
	char name[32];
	int pid;
};

struct load {
	struct options opt;
	struct tally tally;
	int epoll;
	uint64_t started, stop; /* ns; publishing happens in between */
	uint64_t warm;          /* ns; what was sent before is not timed */
	struct address to;      /* of the subscribers */
	struct sub *subs;
	unsigned spread;         /* channels that are published to; 0 is one */
	unsigned opened, joined; /* connections begun; subscribed */
	struct pub *pub;
	bool timed;   /* record how long messages took */
	bool resumes; /* subscribers note their places */
	bool away;    /* the subscribers are: nobody reads what is published */
	uint32_t *histogram;
	struct proc procs[PROCS];
	unsigned nprocs;
	char *scratch;
};

/* load_net.c.  Bad addresses and failed connects end the program. */
void address_parse(struct address *, const char *url);
int net_connect(const struct address *, unsigned nth);
void loop_add(struct load *, struct watch *, uint32_t events);
void loop_change(struct load *, struct watch *, uint32_t events);
void loop_turn(struct load *, uint64_t wait_ns);
void loop_nap(uint64_t ns); /* look at nothing */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One HTTP answer after the other, incrementally. */
enum reply_state {
	REPLY_HEAD,
	REPLY_BODY,
	REPLY_SIZE,
	REPLY_CHUNK,
	REPLY_CHUNK_END,
	REPLY_TRAILER,
};

struct reply {
	enum reply_state state;
	uint64_t left;
	unsigned status;
	bool done; /* the step ended an answer */
};

/* How much of `in` was used, 0 when more is needed.  *body borrows what of it
 * belongs to the body; `status` and `done` are of the answer at hand. */
size_t reply_step(struct reply *, struct slice in, struct slice *body);

/* load_sub.c */
struct sub *subs_new(unsigned clients);
void subs_connect(struct load *, unsigned upto); /* and wait until joined */
uint64_t subs_owed(const struct load *);         /* deliveries yet to come */
void subs_settle(struct load *);                 /* count what never came */
void subs_leave(struct load *);                  /* all hang up */

/* load_pub.c */
void pub_open(struct load *);
bool pub_pump(struct load *);  /* publish what may be; true: more could */
void pub_ack(struct load *);   /* tell rawfan how far the clients are */
bool pub_ended(struct load *); /* everything published is answered */
void pub_close(struct load *); /* no more to come */

/* load_rows.c: measure, print one line of JSON. */
int row_run(struct load *, const char *row);

/* load_polls.c: a row of its own. */
int row_polls(struct load *);

/* load_proc.c */
void procs_parse(struct load *);
double proc_cpu(int pid);      /* seconds used so far */
uint64_t proc_memory(int pid); /* bytes of private memory */
double core_idle(void);        /* seconds core 0 had nothing to do */

#endif
