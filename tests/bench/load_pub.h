/*
 * load_pub.h - the inside of a publisher: load_open.c makes it ready,
 * load_pub.c runs it.
 */
#ifndef TESTS_BENCH_LOAD_PUB_H
#define TESTS_BENCH_LOAD_PUB_H

#include "tests/bench/load.h"

/* A text and where in it the numbers go; index_at 0 is nowhere. */
struct pattern {
	struct buf text;
	size_t index_at, mark_at;
};

struct pub_conn {
	struct watch w;
	struct buf in, out; /* what is incomplete; what is not written */
	size_t sent;        /* bytes of out */
	struct reply reply;
	pid_t child;            /* that reads what we write */
	unsigned owed;          /* messages of the request under way */
	bool blocked, out_only; /* waits for room; is a pipe */
};

struct pub {
	struct address to;
	struct pub_conn *conns, **idle;
	unsigned nconns, nidle;
	struct buf head; /* of a request, up to its first pattern */
	struct pattern pattern;
	bool running, done; /* rawfan */
	uint64_t acked;     /* rawfan */
};

void pub_ready(struct load *, struct watch *, uint32_t events);

#endif
