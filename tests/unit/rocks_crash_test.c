/*
 * rocks_crash_test.c - what was acknowledged survives: a kill at any point,
 * one between write and sync, and a disk that loses what was not synced.
 *
 * A life writes batches and tells, in memory shared with its parent, what was
 * acknowledged.  It dies by SIGKILL at a point drawn beforehand: after so many
 * acknowledged writes a thread kills it at once, or its n-th fdatasync does
 * instead of syncing.  RocksDB's fdatasync is the one below.
 */
#include "common/table.h"
#include "store/kv_log.h"
#include "tests/unit/rocks_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { ROUNDS = 200, CHANNELS = 7, MOST = 40 };

struct shared {
	_Atomic uint64_t acked; /* messages: all up to this number */
	_Atomic uint64_t tried;
	_Atomic uint64_t offset;   /* of the last acknowledged */
	_Atomic uint64_t synced;   /* size of the log synced last */
	_Atomic uint64_t inode;    /* of it */
	_Atomic int syncs_left;    /* to the one that kills; -1: none does */
	_Atomic int fails_left;    /* to the one that fails; -1: none does */
	_Atomic bool go;           /* kill now */
	uint64_t offsets[1 << 19]; /* of each message */
	uint64_t numbers[1 << 19]; /* each itself */
};

static struct shared *shared; /* fdatasync has no other way to know */

static void
note_synced(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return;
	atomic_store(&shared->inode, st.st_ino);
	atomic_store(&shared->synced, (uint64_t)st.st_size);
}

/* What a write waits for; of other files a background thread decides when. */
static bool
is_log(int fd)
{
	char link[64], path[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n > 4 && memcmp(path + n - 4, ".log", 4) == 0;
}

int
fdatasync(int fd)
{
	int rc;

	if (shared != NULL && atomic_load(&shared->syncs_left) >= 0 &&
	    atomic_fetch_sub(&shared->syncs_left, 1) == 0)
		raise(SIGKILL);
	if (shared != NULL && atomic_load(&shared->fails_left) >= 0 &&
	    is_log(fd) && atomic_fetch_sub(&shared->fails_left, 1) == 0) {
		errno = EIO;
		return -1;
	}
	rc = (int)syscall(SYS_fdatasync, fd);
	if (rc == 0 && shared != NULL)
		note_synced(fd);
	return rc;
}

struct life {
	char folder[64];
	uint64_t seed;
	unsigned writes; /* then it is killed from aside */
	bool ends;       /* then it ends */
};

static struct record *
message(uint64_t number, uint64_t offset)
{
	char name[32], body[32];
	struct record *r;

	snprintf(name, sizeof(name), "/a/b/c%u", (unsigned)(number % CHANNELS));
	snprintf(body, sizeof(body), "%llu", (unsigned long long)number);
	r = record_new(&(struct msg_deliver){.channel = slice_of(name),
	    .offset = offset,
	    .prev = PREV_UNKNOWN,
	    .body = slice_of(body)});
	r->hash = table_hash(r->channel);
	r->kept = true;
	r->at = 1000;
	return r;
}

/* Each message comes with rows that say how many there were: those of some
 * are put, those of others taken away. */
enum { ROWS = 10 };

static unsigned
row_put(uint64_t number)
{
	return (unsigned)(number % ROWS);
}

static unsigned
row_deleted(uint64_t number)
{
	return (unsigned)(number / 3 % ROWS);
}

static void
add_rows(struct batch *b, uint64_t number)
{
	static const char keys[ROWS][4] = {
	    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"};
	struct op_row *del = &batch_add(b, OP_DELETE)->row, *put;

	del->key = (struct slice){keys[row_deleted(number)], 2};
	del->space = SPACE_TABLE;
	put = &batch_add(b, OP_PUT)->row;
	put->key = (struct slice){keys[row_put(number)], 2};
	put->value = (struct slice){
	    (const char *)&shared->numbers[number], sizeof(number)};
	put->space = SPACE_TABLE;
}

struct rows {
	struct scan face;
	uint64_t found[ROWS];
};

static void
found_row(
    struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	struct rows *r = container_of(q, struct rows, face);

	child_must(key.n == 2 && value.n == sizeof(uint64_t) && expires == 0);
	memcpy(&r->found[key.p[1] - '0'], value.p, value.n);
}

/* As they are after that message, and not as before or behind it. */
static void
check_rows(struct engine *e, uint64_t upto)
{
	struct rows r = {.face = {.space = SPACE_TABLE,
			     .prefix = SLICE("r"),
			     .most = 100,
			     .most_bytes = SIZE_MAX,
			     .found = found_row}};
	uint64_t wanted[ROWS] = {0};

	for (uint64_t n = upto > 100 ? upto - 100 : 1; n <= upto; n++) {
		wanted[row_deleted(n)] = 0;
		wanted[row_put(n)] = n;
	}
	e->scan(e, &r.face);
	child_must(r.face.code == CODE_ok);
	child_must(memcmp(wanted, r.found, sizeof(wanted)) == 0);
}

static enum code
write_some(struct engine *e, uint64_t *offset, unsigned count)
{
	static const struct policy all = {.count = 1000000};
	uint64_t number = atomic_load(&shared->acked);
	struct record *records[MOST];
	struct batch b;
	enum code code;

	batch_init(&b, 1);
	for (unsigned i = 0; i < count; i++) {
		struct op_append *op = &batch_add(&b, OP_APPEND)->append;

		records[i] = op->record = message(++number, ++*offset);
		op->policy = &all;
		op->mark = (struct mark){.boot = 9, .seq = number};
		shared->offsets[number] = *offset;
		shared->numbers[number] = number;
		add_rows(&b, number);
	}
	atomic_store(&shared->tried, number);
	e->write(e, &b);
	code = b.codes[0];
	if (code == CODE_ok)
		atomic_store(&shared->offset, *offset);
	if (code == CODE_ok)
		atomic_store(&shared->acked, number);
	for (unsigned i = 0; i < count; i++)
		record_unref(&records[i]);
	batch_free(&b);
	return code;
}

static struct engine *
open_life(struct life *l, struct shard_state *s)
{
	struct rocks_setup setup = world_setup(l->folder);
	struct engine *e;

	setup.shards = 1;
	setup.unix_ms = 2000;
	e = world_open(&setup);
	child_must(e->open(e, 0, 7, s) == CODE_ok);
	return e;
}

/* Messages of a channel as they must be: every acknowledged one, and of what
 * was not acknowledged nothing but a beginning. */
static void
check_channel(struct engine *e, unsigned channel, uint64_t *found)
{
	char name[32];
	struct read q = {.upto = UINT64_MAX,
	    .most = READ_MOST,
	    .most_bytes = SIZE_MAX,
	    .unix_ms = 2000};
	uint64_t number = channel != 0 ? channel : CHANNELS, prev = 0, got;

	snprintf(name, sizeof(name), "/a/b/c%u", channel);
	q.channel = slice_of(name);
	do {
		e->read(e, &q);
		child_must(q.code == CODE_ok && q.lost == 0);
		for (unsigned i = 0; i < q.count; i++) {
			child_must(slice_num(q.found[i]->body, &got));
			child_must(got == number);
			child_must(
			    q.found[i]->offset == shared->offsets[number]);
			child_must(q.found[i]->prev == prev);
			prev = q.found[i]->offset;
			number += CHANNELS;
			++*found;
			record_unref(&q.found[i]);
		}
		q.after = q.reached;
	} while (q.more);
}

static void
check_state(struct engine *e, const struct shard_state *s)
{
	uint64_t found = 0;

	for (unsigned i = 0; i < CHANNELS; i++)
		check_channel(e, i, &found);
	child_must(found == atomic_load(&shared->acked) ||
		   found == atomic_load(&shared->tried));
	check_rows(e, found);
	child_must(s->epoch == 7);
	child_must(s->recalled == found);
	child_must(s->top >= atomic_load(&shared->offset));
	child_must(found == 0 || s->top >= shared->offsets[found]);
	/* What was written and not acknowledged is kept for good now. */
	atomic_store(&shared->acked, found);
}

static void *
killer(void *arg)
{
	(void)arg;
	while (!atomic_load(&shared->go))
		;
	raise(SIGKILL);
	return NULL;
}

static void
live(void *arg)
{
	struct life *l = arg;
	struct shard_state s;
	struct engine *e = open_life(l, &s);
	uint64_t offset = s.top;
	pthread_t thread;

	check_state(e, &s);
	free(s.recall);
	if (!l->ends)
		child_must(pthread_create(&thread, NULL, killer, NULL) == 0);
	for (unsigned i = 0;; i++) {
		if (i == l->writes)
			atomic_store(&shared->go, !l->ends);
		if (i == l->writes && l->ends)
			break;
		child_must(atomic_load(&shared->acked) + MOST <
			   LENGTH(shared->offsets));
		child_must(
		    write_some(e, &offset,
			1 + (unsigned)world_random(&l->seed, MOST)) == CODE_ok);
	}
	if (l->ends)
		e->close(&e);
}

/* The disk lost what was not synced, or half of it. */
static void
tear(const struct life *l, uint64_t *seed)
{
	uint64_t synced = atomic_load(&shared->synced);
	DIR *d = opendir(l->folder);
	struct dirent *at;

	assert_non_null(d);
	while ((at = readdir(d)) != NULL) {
		char path[400];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", l->folder, at->d_name);
		if (at->d_ino != atomic_load(&shared->inode) ||
		    stat(path, &st) != 0 || (uint64_t)st.st_size <= synced)
			continue;
		assert_int_equal(
		    truncate(path, (off_t)(synced + world_random(seed,
							(uint64_t)st.st_size -
							    synced + 1))),
		    0);
	}
	closedir(d);
}

static void
share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	shared->syncs_left = shared->fails_left = -1;
}

static void
unshare_all(const char *folder)
{
	struct kv_log left; /* by who was killed while it opened */

	munmap(shared, sizeof(*shared));
	shared = NULL;
	if (kv_log_begin(&left, folder))
		kv_log_end(&left);
	world_remove(folder);
}

static void
what_was_acknowledged_survives_any_kill(void **state)
{
	struct life l = {.seed = 0};
	uint64_t seed = 2685821657736338717u;
	unsigned torn = 0;

	(void)state;
	share();
	world_folder(l.folder);
	for (unsigned i = 0; i < ROUNDS; i++) {
		bool between = i % 2 != 0;
		int status;

		l.seed = world_random(&seed, UINT64_MAX) | 1;
		l.writes =
		    between ? UINT_MAX : (unsigned)world_random(&seed, 6);
		shared->go = false;
		shared->syncs_left = between ? (int)world_random(&seed, 8) : -1;
		status = world_child(live, &l);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
		if (between && world_random(&seed, 2) == 0) {
			tear(&l, &seed);
			torn++;
		}
	}
	assert_in_range(torn, 10, ROUNDS);
	assert_in_range(shared->acked, ROUNDS, LENGTH(shared->offsets));
	unshare_all(l.folder);
}

/* The sync fails, but the bytes are there when it is opened again. */
static void
a_write_whose_sync_failed_is_looked_for(void **state)
{
	struct life l = {.seed = 1, .ends = true};

	(void)state;
	share();
	world_folder(l.folder);
	for (unsigned i = 0; i < 8; i++) {
		shared->fails_left = 40 + (int)i;
		l.writes = 60;
		assert_int_equal(world_child(live, &l), 0);
		assert_int_equal(shared->fails_left, -1);
	}
	assert_in_range(shared->acked, 8 * 60, LENGTH(shared->offsets));
	unshare_all(l.folder);
}

TESTS(unit(what_was_acknowledged_survives_any_kill),
    unit(a_write_whose_sync_failed_is_looked_for))
