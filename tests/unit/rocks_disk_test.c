/*
 * rocks_disk_test.c - a disk that fills: what is refused, what goes on, and
 * that it recovers.  A small tmpfs is that disk, which needs root.
 */
#include "common/loop.h"
#include "tests/unit/rocks_life.h"

#include <sys/mount.h>

static enum code
try_many(struct world *w, const char *body)
{
	struct op_row *op = &batch_add(&w->batch, OP_PUT)->row;
	char key[32];

	snprintf(key, sizeof(key), "k%llu", (unsigned long long)++w->now);
	op->key = slice_of(key);
	op->value = (struct slice){body, 1 << 20};
	return write_out(w);
}

static enum code
delete_one(struct world *w, uint64_t number)
{
	struct op_row *op = &batch_add(&w->batch, OP_DELETE)->row;
	char key[32];

	snprintf(key, sizeof(key), "k%llu", (unsigned long long)number);
	op->key = slice_of(key);
	return write_out(w);
}

/* A file that takes the space away, and gives it back. */
static void
fill_up(const char *folder, unsigned megabytes, char path[128])
{
	static char zeros[1 << 20];
	FILE *f;

	snprintf(path, 128, "%s/ballast", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < megabytes; i++)
		if (fwrite(zeros, sizeof(zeros), 1, f) != 1)
			break;
	fclose(f);
}

/* What was kept can be read, also once it was tried in vain to open again. */
static void
full_for_a_while(struct world *w, const char *body, uint64_t kept)
{
	uint64_t over = clock_us() + 2500000; /* it tries once a second */

	while (clock_us() < over) {
		assert_int_equal(try_many(w, body), CODE_full);
		assert_int_equal(ask(w, "/a/b/x", 0).count, kept);
	}
}

static void
fill_a_disk(struct world *w, uint64_t reserve)
{
	char path[128], *body = xcalloc(1, 1 << 20);
	uint64_t deadline = clock_us() + 30000000, kept = 1;
	enum code code = CODE_ok;
	unsigned tries = 0;

	end(w);
	world_remove(w->path);
	w->setup.reserve = reserve;
	w->offset = 0;
	begin(w);
	put(w, "/a/b/x");
	fill_up(w->folder, 400, path);
	while (code == CODE_ok && tries++ < 1000)
		code = try_many(w, body);
	assert_int_equal(code, CODE_full);
	assert_true(reserve == 0 || engine_full(w->engine, 0));
	add(w, "/a/b/x", &many);
	code = write_out(w);
	assert_true(reserve == 0 || code == CODE_full);
	kept += code == CODE_ok;
	assert_int_equal(ask(w, "/a/b/x", 0).count, kept);
	if (reserve != 0)
		assert_int_equal(delete_one(w, 1000001), CODE_ok);
	full_for_a_while(w, body, kept);
	assert_int_equal(remove(path), 0);
	for (code = CODE_full; code != CODE_ok && clock_us() < deadline;) {
		w->offset = kept;
		add(w, "/a/b/x", &many);
		code = write_out(w);
	}
	assert_int_equal(code, CODE_ok);
	assert_int_equal(ask(w, "/a/b/x", 0).count, kept + 1);
	again(w);
	assert_int_equal(ask(w, "/a/b/x", 0).count, kept + 1);
	free(body);
}

static void
a_full_disk_refuses_and_recovers(void **state)
{
	struct world *w = world();

	(void)state;
	if (mount("tmpfs", w->folder, "tmpfs", 0, "size=300m") != 0) {
		print_message("not root: no small disk to fill\n");
		world_end(w);
		skip();
	}
	fill_a_disk(w, 32 << 20);
	fill_a_disk(w, 0);
	end(w);
	batch_free(&w->batch);
	assert_int_equal(umount(w->folder), 0);
	world_remove(w->folder);
	free(w);
}

TESTS(unit(a_full_disk_refuses_and_recovers))
