/*
 * kept.c - what the durable engine costs, and a bare RocksDB loop with it.
 *
 *	kept [write|bare|sync|recover|read] [--dir DIR] [--messages N]
 *	    [--batch N] [--channels N] [--rate N]
 *
 * write: batches of messages of 128 bytes, each synced, in turn through the
 * engine and through RocksDB with the same rows and nothing else; prints both
 * and the ratio.  bare: RocksDB alone.  sync: how long it takes to one message
 * alone, synced, so many a second: a disk that rested takes longer.  recover: writes N messages, ends without taking leave, and
 * times the opening.  read: histories of 100 messages, of 1000 channels.
 * One line of JSON.
 */
#include "common/loop.h"
#include "common/must.h"
#include "common/table.h"
#include "store/kv.h"
#include "store/rocks.h"
#include "store/rocks_row.h"

#include <sys/wait.h>
#include <unistd.h>

enum {
	NOW = 1000000,
	BODY = 128,
	ROUNDS = 10,
	MOST = 10000,
	CHANNELS = 1000,
	HISTORY = 100
};

struct bench {
	const char *dir;
	uint64_t messages, batch, channels, rate;
	uint64_t offset;
	struct record *records[MOST];
	struct batch ops;
};

static const struct policy all = {.count = 1u << 30};

static struct engine *
open_engine(struct bench *b)
{
	struct rocks_setup setup = {
	    .path = b->dir,
	    .shards = 1,
	    .channels = 1000000,
	    .cache = 64 << 20,
	    .unix_ms = NOW,
	};
	struct shard_state s;
	int status;
	struct engine *e = engine_rocks_open(&setup, &status);

	if (e == NULL)
		exit(status);
	must(e->open(e, 0, 7, &s) == CODE_ok);
	if (b->offset < s.top)
		b->offset = s.top;
	free(s.recall);
	return e;
}

static void
make_records(struct bench *b, unsigned channels)
{
	static char body[BODY];
	char name[64];

	memset(body, 'x', sizeof(body));
	batch_init(&b->ops, 1);
	for (uint64_t i = 0; i < b->batch; i++) {
		snprintf(name, sizeof(name), "/bench/public/channel/%llu",
		    (unsigned long long)(i % channels));
		b->records[i] = record_new(&(struct msg_deliver){
		    .channel = slice_of(name), .body = {body, BODY}});
		b->records[i]->hash = table_hash(b->records[i]->channel);
		b->records[i]->kept = true;
		b->records[i]->at = NOW;
	}
}

static void
write_engine(struct bench *b, struct engine *e)
{
	batch_clear(&b->ops);
	for (uint64_t i = 0; i < b->batch; i++) {
		struct op_append *op = &batch_add(&b->ops, OP_APPEND)->append;

		op->record = b->records[i];
		op->policy = &all;
		op->record->offset = ++b->offset;
		op->record->prev = PREV_UNKNOWN;
		op->mark = (struct mark){.boot = 77, .seq = b->offset};
	}
	e->write(e, &b->ops);
	must(b->ops.codes[0] == CODE_ok);
}

static void
write_bare(struct bench *b, struct kv *kv, struct kv_batch *rows)
{
	static char value[BODY];
	struct rocks_key k;

	kv_batch_clear(rows);
	for (uint64_t i = 0; i < b->batch; i++) {
		rocks_key_place(&k, 0, i % b->channels, ++b->offset);
		kv_put(kv, rows,
		    &(struct kv_row){
			KV_LOG, rocks_key_slice(&k), {value, BODY}});
	}
	must(kv_write(kv, rows, NULL) == KV_OK);
}

/* By turns, so that a busy machine disturbs both. */
static void
bench_write(struct bench *b)
{
	char bare[4096];
	struct kv_setup setup = {.path = bare, .cache = 64 << 20};
	struct engine *e = open_engine(b);
	struct kv_batch *rows = kv_batch_new();
	uint64_t us[2] = {0, 0}, rounds = b->messages / b->batch / ROUNDS;
	struct kv *kv;

	snprintf(bare, sizeof(bare), "%s.bare", b->dir);
	kv = kv_open(&setup, NULL);
	must(kv != NULL);
	make_records(b, (unsigned)b->channels);
	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t began = clock_us(), between;

		for (uint64_t i = 0; i < rounds; i++)
			write_engine(b, e);
		between = clock_us();
		for (uint64_t i = 0; i < rounds; i++)
			write_bare(b, kv, rows);
		us[0] += between - began;
		us[1] += clock_us() - between;
	}
	printf("{\"kept\": %.0f, \"bare\": %.0f, \"ratio\": %.3f}\n",
	    (double)(rounds * ROUNDS * b->batch) * 1e6 / (double)us[0],
	    (double)(rounds * ROUNDS * b->batch) * 1e6 / (double)us[1],
	    (double)us[1] / (double)us[0]);
	kv_batch_free(&rows);
	kv_close(&kv);
	e->close(&e);
}

static struct kv *
open_bare(const struct bench *b)
{
	struct kv_setup setup = {.path = b->dir, .cache = 64 << 20};
	struct kv *kv = kv_open(&setup, NULL);

	must(kv != NULL);
	return kv;
}

static void
bench_bare(struct bench *b)
{
	struct kv *kv = open_bare(b);
	struct kv_batch *rows = kv_batch_new();
	uint64_t began = clock_us(), rounds = b->messages / b->batch;

	for (uint64_t i = 0; i < rounds; i++)
		write_bare(b, kv, rows);
	printf("{\"rate\": %.0f, \"batch\": %llu}\n",
	    (double)(rounds * b->batch) * 1e6 / (double)(clock_us() - began),
	    (unsigned long long)b->batch);
	kv_batch_free(&rows);
	kv_close(&kv);
}

static int
by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
bench_sync(struct bench *b)
{
	struct kv *kv = open_bare(b);
	struct kv_batch *rows = kv_batch_new();
	uint64_t *us = xcalloc(b->messages, sizeof(*us)), n = b->messages;

	b->batch = 1;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t began;

		if (b->rate != 0)
			usleep((useconds_t)(1000000 / b->rate));
		began = clock_us();
		write_bare(b, kv, rows);
		us[i] = clock_us() - began;
	}
	qsort(us, n, sizeof(*us), by_size);
	printf("{\"p50\": %llu, \"p99\": %llu, \"p999\": %llu}\n",
	    (unsigned long long)us[n / 2], (unsigned long long)us[n * 99 / 100],
	    (unsigned long long)us[n * 999 / 1000]);
	free(us);
	kv_batch_free(&rows);
	kv_close(&kv);
}

static void
bench_recover(struct bench *b)
{
	struct engine *e;
	uint64_t began;
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		e = open_engine(b);
		make_records(b, 10000);
		for (uint64_t i = 0; i < b->messages / b->batch; i++) {
			write_engine(b, e);
			/* as if there were 100,000 a second */
			e->tick(e, NOW + i * b->batch / 100);
			for (uint64_t k = 0; k < b->batch; k++)
				b->records[k]->at = NOW + i * b->batch / 100;
		}
		_exit(0); /* no leave is taken */
	}
	must(waitpid(pid, NULL, 0) == pid);
	began = clock_us();
	e = open_engine(b);
	printf("{\"messages\": %llu, \"ms\": %.1f}\n",
	    (unsigned long long)b->messages,
	    (double)(clock_us() - began) / 1000);
	fflush(stdout);
	e->close(&e);
}

static void
read_one(struct bench *b, struct engine *e, unsigned channel)
{
	char name[64];
	struct read q = {.upto = UINT64_MAX,
	    .most = READ_MOST,
	    .most_bytes = SIZE_MAX,
	    .unix_ms = NOW};
	unsigned found = 0;

	(void)b;
	snprintf(name, sizeof(name), "/bench/public/channel/%u", channel);
	q.channel = slice_of(name);
	do {
		e->read(e, &q);
		must(q.code == CODE_ok);
		found += q.count;
		for (unsigned i = 0; i < q.count; i++)
			record_unref(&q.found[i]);
		q.after = q.reached;
	} while (q.more);
	must(found == HISTORY);
}

static void
bench_read(struct bench *b)
{
	struct engine *e = open_engine(b);
	uint64_t began, reads = 20 * CHANNELS;

	b->batch = CHANNELS;
	make_records(b, CHANNELS);
	for (unsigned i = 0; i < HISTORY; i++)
		write_engine(b, e);
	engine_rocks_compact(e);
	began = clock_us();
	for (uint64_t i = 0; i < reads; i++)
		read_one(b, e, (unsigned)(i * 7919 % CHANNELS));
	printf("{\"histories\": %.0f, \"us\": %.1f}\n",
	    (double)reads * 1e6 / (double)(clock_us() - began),
	    (double)(clock_us() - began) / (double)reads);
	e->close(&e);
}

int
main(int argc, char *argv[])
{
	struct bench b = {.dir = "kept.bench",
	    .messages = 1000000,
	    .batch = 100,
	    .channels = 100};
	const char *what = argc > 1 ? argv[1] : "";

	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--dir") == 0)
			b.dir = argv[i + 1];
		else if (strcmp(argv[i], "--messages") == 0)
			b.messages = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--batch") == 0)
			b.batch = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--channels") == 0)
			b.channels = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--rate") == 0)
			b.rate = strtoull(argv[i + 1], NULL, 10);
	}
	if (b.channels == 0 || b.batch == 0 || b.batch > MOST ||
	    b.messages < b.batch)
		return 100;
	if (strcmp(what, "write") == 0)
		bench_write(&b);
	else if (strcmp(what, "bare") == 0)
		bench_bare(&b);
	else if (strcmp(what, "sync") == 0)
		bench_sync(&b);
	else if (strcmp(what, "recover") == 0)
		bench_recover(&b);
	else if (strcmp(what, "read") == 0)
		bench_read(&b);
	else
		return 100;
	return 0;
}
