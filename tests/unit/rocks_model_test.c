/*
 * rocks_model_test.c - the durable engine answers like the memory engine,
 * whatever was written, in whatever pieces it is read, however often it was
 * closed, killed, or had its files written anew in between.
 *
 * A life of the durable engine is a child process.  It inherits the memory
 * engine as it was, checks that both agree, and writes the same to both; the
 * parent then writes the same, from the same seed, to its own memory engine.
 */
#include "common/table.h"
#include "store/engine_memory.h"
#include "tests/unit/rocks_world.h"

enum { LIVES = 12, STEPS = 20, CHANNELS = 12, KEYS = 20, SHARDS = 2 };

struct model {
	char folder[64];
	uint64_t seed;
	struct engine *memory, *rocks; /* rocks only in a child */
	uint64_t next, now;
	uint64_t last[CHANNELS + 1];
	struct engine_channel *homes[CHANNELS];
	bool aged; /* by age, else by count and bytes: in one model, one age */
};

static const struct policy policies[] = {
    {.count = 3},
    {.count = 1000},
    {.count = 40, .bytes = 3000},
    {.count = 1000, .bytes = 6000},
    {.count = 1},
};
static const struct policy brief = {.count = 1000, .age_ms = 60000};

static unsigned
chosen(struct model *m, unsigned below)
{
	return (unsigned)world_random(&m->seed, below);
}

static void
name_of(unsigned i, char out[32])
{
	snprintf(out, 32, "/a/%s/c%u", i % 2 != 0 ? "b" : "c", i);
}

static struct record *
message(struct model *m, unsigned i)
{
	char name[32], body[64];
	struct record *r;

	name_of(i, name);
	snprintf(body, sizeof(body), "body %llu %.*s",
	    (unsigned long long)m->next, (int)chosen(m, 30),
	    "..............................");
	r = record_new(&(struct msg_deliver){.channel = slice_of(name),
	    .offset = m->next,
	    .prev = m->last[i],
	    .type = SLICE("t"),
	    .id = SLICE("id"),
	    .filter = SLICE("f"),
	    .body = slice_of(body),
	    .expires = chosen(m, 2) * 77});
	r->hash = table_hash(r->channel);
	r->at = m->now;
	r->kept = true;
	m->last[i] = m->next;
	m->next += 1 + chosen(m, 3) / 2;
	return r;
}

/* The same batch for both; each owns its records, for each writes in them. */
struct twins {
	struct batch batches[2];
	struct record *records[2][64];
	char keys[64][16];
	unsigned count;
};

static void
fill_row(struct model *m, struct twins *t, unsigned k)
{
	enum op_kind kind = chosen(m, 3) == 0 ? OP_DELETE : OP_PUT;
	uint64_t expires = chosen(m, 4) == 0 ? m->now + 30000 : 0;
	enum space space = (enum space)chosen(m, SPACES);

	snprintf(t->keys[k], sizeof(t->keys[k]), "k%u", chosen(m, KEYS));
	for (unsigned i = 0; i < 2; i++) {
		struct op_row *o = &batch_add(&t->batches[i], kind)->row;

		o->key = o->value = slice_of(t->keys[k]);
		o->space = space;
		o->expires = expires;
		o->shard = 1;
	}
}

static void
fill(struct model *m, struct twins *t)
{
	t->count = 1 + chosen(m, 60);
	for (unsigned k = 0; k < t->count; k++) {
		unsigned i = chosen(m, CHANNELS);
		struct record *r;

		if (chosen(m, 5) == 0) {
			fill_row(m, t, k);
			continue;
		}
		r = message(m, i);
		t->records[0][k] = r;
		t->records[1][k] =
		    record_new(&(struct msg_deliver){.channel = r->channel,
			.offset = r->offset,
			.prev = PREV_UNKNOWN,
			.type = r->type,
			.id = r->id,
			.filter = r->filter,
			.body = r->body,
			.expires = r->expires});
		t->records[1][k]->hash = r->hash;
		t->records[1][k]->at = r->at;
		for (unsigned b = 0; b < 2; b++) {
			struct op_append *o =
			    &batch_add(&t->batches[b], OP_APPEND)->append;

			o->record = t->records[b][k];
			o->home = &m->homes[i];
			o->policy =
			    m->aged ? &brief : &policies[i % LENGTH(policies)];
			o->mark = (struct mark){.boot = i, .seq = r->offset};
		}
	}
}

static void
step(struct model *m)
{
	struct twins t = {.count = 0};

	m->now += chosen(m, 4000);
	for (unsigned i = 0; i < 2; i++)
		batch_init(&t.batches[i], SHARDS);
	fill(m, &t);
	m->memory->tick(m->memory, m->now);
	m->memory->write(m->memory, &t.batches[0]);
	if (m->rocks != NULL) {
		m->rocks->tick(m->rocks, m->now);
		m->rocks->write(m->rocks, &t.batches[1]);
		child_must(t.batches[1].codes[0] == CODE_ok);
		child_must(t.batches[1].codes[1] == CODE_ok);
	}
	for (unsigned k = 0; k < t.count; k++) {
		if (m->rocks != NULL && t.records[0][k] != NULL)
			child_must(
			    t.records[1][k]->prev == t.records[0][k]->prev);
		record_unref(&t.records[0][k]);
		record_unref(&t.records[1][k]);
	}
	for (unsigned i = 0; i < 2; i++)
		batch_free(&t.batches[i]);
}

struct history {
	struct record *found[4000];
	unsigned count;
	uint64_t lost;
};

static void
read_all(struct engine *e, const struct read *asked, struct history *h)
{
	struct read q = *asked;

	h->count = 0;
	h->lost = 0;
	do {
		e->read(e, &q);
		child_must(q.code == CODE_ok);
		child_must(h->count + q.count < LENGTH(h->found));
		memcpy(h->found + h->count, q.found,
		    q.count * sizeof(struct record *));
		h->count += q.count;
		if (q.lost > h->lost)
			h->lost = q.lost;
		child_must(
		    !q.more || q.reached > q.after || q.reached == q.after);
		q.after = q.more ? q.reached : q.upto;
	} while (q.more);
}

static void
check_same(struct model *m, const struct read *q)
{
	static struct history memory, rocks;

	read_all(m->memory, q, &memory);
	read_all(m->rocks, q, &rocks);
	if (memory.count != rocks.count || memory.lost != rocks.lost)
		fprintf(stderr,
		    "%.*s after %llu: %u !%llu in memory, %u !%llu on disk\n",
		    SLICE_ARGS(q->channel), (unsigned long long)q->after,
		    memory.count, (unsigned long long)memory.lost, rocks.count,
		    (unsigned long long)rocks.lost);
	child_must(memory.count == rocks.count);
	child_must(memory.lost == rocks.lost);
	for (unsigned i = 0; i < memory.count; i++) {
		struct record *a = memory.found[i], *b = rocks.found[i];

		child_must(a->offset == b->offset && a->prev == b->prev);
		child_must(a->at == b->at && a->expires == b->expires);
		child_must(slice_eq(a->channel, b->channel));
		child_must(slice_eq(a->body, b->body));
		child_must(slice_eq(a->id, b->id));
		child_must(a->hash == b->hash && b->kept);
		record_unref(&memory.found[i]);
		record_unref(&rocks.found[i]);
	}
}

struct listing {
	struct scan face;
	char text[4096];
};

static void
add_row(struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	struct listing *l = container_of(q, struct listing, face);
	size_t n = strlen(l->text);

	snprintf(l->text + n, sizeof(l->text) - n, "%.*s=%.*s~%llu ",
	    SLICE_ARGS(key), SLICE_ARGS(value), (unsigned long long)expires);
}

static void
check_rows(struct model *m)
{
	for (unsigned s = 0; s < SPACES; s++) {
		struct listing a = {.face = {.space = (enum space)s,
					.shard = 1,
					.prefix = SLICE("k1"),
					.unix_ms = m->now,
					.most = 100,
					.most_bytes = SIZE_MAX,
					.found = add_row}};
		struct listing b = a;

		m->memory->scan(m->memory, &a.face);
		m->rocks->scan(m->rocks, &b.face);
		child_must(strcmp(a.text, b.text) == 0);
		child_must(a.face.count == b.face.count);
	}
}

static void
check_all(struct model *m, uint64_t *seed)
{
	static const char *const patterns[] = {"/a/b/*", "/a/c/**"};
	struct read q = {
	    .upto = UINT64_MAX, .most_bytes = SIZE_MAX, .unix_ms = m->now};
	char name[32];

	m->memory->tick(m->memory, m->now);
	for (unsigned i = 0; i < CHANNELS + 1; i++) {
		name_of(i, name);
		q.channel = slice_of(name);
		q.most = 1 + (unsigned)world_random(seed, READ_MOST);
		q.after = world_random(seed, 2) * world_random(seed, m->next);
		check_same(m, &q);
	}
	q.pattern = true;
	for (unsigned i = 0; i < LENGTH(patterns); i++) {
		q.channel = slice_of(patterns[i]);
		q.after = world_random(seed, 2) * world_random(seed, m->next);
		check_same(m, &q);
	}
	check_rows(m);
}

static void
life(void *arg)
{
	struct model *m = arg;
	struct rocks_setup setup = world_setup(m->folder);
	uint64_t other = m->seed | 1;
	struct shard_state s;

	setup.channels = 3 + other % 20;
	setup.journal_ms = 1u << 30;
	setup.unix_ms = m->now;
	m->rocks = world_open(&setup);
	for (unsigned i = 0; i < SHARDS; i++) {
		child_must(m->rocks->open(m->rocks, i, 7, &s) == CODE_ok);
		child_must(s.epoch == 7);
		child_must(i != 0 || s.top + 1 >= m->next || m->next == 1 ||
			   s.top + 3 >= m->next);
		free(s.recall);
	}
	check_all(m, &other);
	for (unsigned i = 0; i < STEPS; i++) {
		step(m);
		if (world_random(&other, 8) == 0)
			check_all(m, &other);
		if (world_random(&other, 20) == 0)
			engine_rocks_compact(m->rocks);
	}
	check_all(m, &other);
	if (world_random(&other, 2) == 0)
		m->rocks->close(&m->rocks);
}

static void
live(uint64_t seed, bool aged)
{
	struct model m = {.seed = seed, .next = 1, .now = 1000, .aged = aged};

	world_folder(m.folder);
	m.memory = engine_memory_new(SHARDS, 1 << 30);
	for (unsigned i = 0; i < LIVES; i++) {
		struct model before = m;

		assert_int_equal(world_child(life, &before), 0);
		for (unsigned k = 0; k < STEPS; k++)
			step(&m);
	}
	m.memory->close(&m.memory);
	world_remove(m.folder);
}

static void
disk_and_memory_agree_by_count_and_bytes(void **state)
{
	(void)state;
	live(88172645463325252u, false);
}

static void
disk_and_memory_agree_by_age(void **state)
{
	(void)state;
	live(1181783497276652981u, true);
}

TESTS(unit(disk_and_memory_agree_by_count_and_bytes),
    unit(disk_and_memory_agree_by_age))
