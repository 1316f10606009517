/*
 * jobs_holder.c - lives of pushers, with what they were leased.
 *
 * A holder outlives the links of its process.  That it is known to have
 * leases is a row, so that after a boot the store can wait for it: older
 * jobs are held until every such holder has claimed what it still has, or
 * for JOB_HOLD_MS.  The row is safe before the first lease; if it cannot be
 * written leases are given nevertheless, and the next credit tries again: a
 * store that boots in between only waits for too few.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/jobs_own.h"

enum { HOLDER_KEY = JOB_KEY };

/* The row of a holder on its way. */
struct keep {
	struct list node; /* of all */
	struct pledge pledge;
	struct jobs *all;
	uint64_t boot;
	char key[HOLDER_KEY];
};

static void
key_of(char key[HOLDER_KEY], uint64_t boot)
{
	job_key(key, boot);
	key[0] = 'h';
}

static struct holder *
find(struct jobs *all, uint64_t boot)
{
	struct slice key = {(const char *)&boot, sizeof(boot)};
	struct table_entry *e = table_find(all->holders, key);

	return e != NULL ? container_of(e, struct holder, entry) : NULL;
}

static void
kept(struct pledge *p, enum code code)
{
	struct keep *k = container_of(p, struct keep, pledge);
	struct holder *h = find(k->all, k->boot);

	if (h != NULL) {
		h->keeping = false;
		h->kept = code == CODE_ok;
		h->known = true;
	}
	list_remove(&k->node);
	free(k);
}

/* The first shard we own has these rows. */
static unsigned
shard_of(struct jobs *all)
{
	unsigned n = sequence_shards(all->setup->sequence), s = 0;

	while (s < n && !sequence_shard(all->setup->sequence, s)->owned)
		s++;
	return s;
}

/* False: no shard is ours. */
static bool
write_row(struct jobs *all, uint64_t boot, enum op_kind kind)
{
	struct commit *c = publishing_commit(all->setup->publishing);
	struct keep *k;
	unsigned shard = shard_of(all);
	struct op op = {.kind = kind,
	    .row = {
		.value = SLICE("1"),
		.shard = (uint16_t)shard,
		.space = SPACE_JOB,
	    }};

	if (shard == sequence_shards(all->setup->sequence))
		return false;
	k = xcalloc(1, sizeof(*k));
	op.row.key = (struct slice){k->key, HOLDER_KEY};
	list_append(&all->keeps, &k->node);
	k->pledge.settled = kept;
	k->all = all;
	k->boot = boot;
	key_of(k->key, boot);
	commit_rows(c, &(struct rows){&op, 1, op.row.shard, &k->pledge});
	return true;
}

static void
not_awaited(struct holder *h)
{
	if (h->awaited)
		h->all->awaited--;
	h->awaited = false;
}

/* From the newest, as each goes before those that are ready. */
static void
return_all(struct holder *h, struct list *leases)
{
	while (!list_empty(leases)) {
		struct job *j = container_of(leases->prev, struct job, node);

		stats_add(STAT_job_leases_returned, 1);
		job_unlease(j);
		j->due = jobs_time(h->all).unix_ms;
		job_place(j);
	}
}

static void
end(struct holder *h)
{
	not_awaited(h);
	return_all(h, &h->unclaimed);
	return_all(h, &h->leases);
	timer_cancel(&h->grace);
	table_remove(h->all->holders, &h->entry);
	free(h);
}

/* It did not come back. */
static void
grace_over(struct timer *t)
{
	struct holder *h = container_of(t, struct holder, grace);

	write_row(h->all, h->boot, OP_DELETE);
	end(h);
}

static struct holder *
add(struct jobs *all, uint64_t boot)
{
	struct holder *h = xcalloc(1, sizeof(*h));

	h->all = all;
	h->boot = boot;
	list_init(&h->leases);
	list_init(&h->unclaimed);
	timer_init(&h->grace, grace_over);
	table_insert(all->holders, &h->entry,
	    (struct slice){(const char *)&h->boot, sizeof(h->boot)});
	return h;
}

static void
await_grace(struct holder *h, uint64_t ms)
{
	wheel_arm(
	    h->all->setup->wheel, &h->grace, jobs_time(h->all).now_ms + ms);
}

void
holder_recover(struct jobs *all, struct slice key)
{
	uint64_t boot = 0;
	struct holder *h;

	if (key.n != HOLDER_KEY)
		return;
	for (unsigned i = 1; i < HOLDER_KEY; i++)
		boot = boot << 8 | (unsigned char)key.p[i];
	if (find(all, boot) != NULL)
		return;
	h = add(all, boot);
	h->known = h->kept = h->awaited = true;
	all->awaited++;
	await_grace(h, JOB_HOLD_MS);
}

/* An older life of the same process is over. */
static void
succeed(struct jobs *all, const struct holder *new)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(all->holders, &at)) != NULL) {
		struct holder *h = container_of(e, struct holder, entry);

		if (h != new && h->at == NULL && h->name[0] != '\0' &&
		    strcmp(h->name, new->name) == 0) {
			write_row(all, h->boot, OP_DELETE);
			end(h);
			return;
		}
	}
}

/* What it had before its link was lost waits for being claimed. */
static void
doubt(struct holder *h)
{
	while (!list_empty(&h->leases))
		list_append(&h->unclaimed, list_shift(&h->leases));
}

struct holder *
holder_join(struct jobs *all, struct jobs_peer *p)
{
	struct holder *h = p->holder;

	if (h != NULL)
		return h;
	h = find(all, p->peer->boot);
	if (h == NULL)
		h = add(all, p->peer->boot);
	if (h->at != NULL)
		h->at->holder = NULL;
	h->at = p;
	p->holder = h;
	snprintf(
	    h->name, sizeof(h->name), "%s\n%s", p->peer->stage, p->peer->name);
	timer_cancel(&h->grace);
	doubt(h);
	return h;
}

/* All it still had it has said before it gave credit. */
void
holder_here(struct holder *h)
{
	not_awaited(h);
	return_all(h, &h->unclaimed);
	if (h->kept || h->keeping)
		return;
	if (!h->known)
		succeed(h->all, h);
	h->keeping = true;
	h->keeping = write_row(h->all, h->boot, OP_PUT) && h->keeping;
}

void
holder_away(struct holder *h)
{
	h->at = NULL;
	await_grace(h, h->all->setup->limits.grace_ms);
}

struct jobs_peer *
holder_of(const struct job *j)
{
	const struct holder *h =
	    j->state == JOB_LEASED ? j->holder : find(j->all, j->claimant);

	return h != NULL ? h->at : NULL;
}

void
holders_free(struct jobs *all)
{
	struct table_cursor at = {0};
	struct table_entry *e;
	struct list *node;

	while ((e = table_next(all->holders, &at)) != NULL) {
		struct holder *h = container_of(e, struct holder, entry);

		timer_cancel(&h->grace);
		table_remove(all->holders, e);
		free(h);
	}
	while ((node = list_shift(&all->keeps)) != NULL)
		free(container_of(node, struct keep, node));
}
