/*
 * redis_keep.c - the keeper of the leases: a thread that goes round all
 * shards, renews what is ours, takes what is nobody's, and parts with what
 * another store should have.
 *
 *	FREE ---- nobody's, and our share ---------> HELD    tells: gained
 *	HELD ---- another's, sick, or his share ---> LEFT    tells: leave
 *	HELD, LEFT ---- the loop released it ------> FREE    given, if his share
 *
 * A share is what comes of dividing the shards evenly among the stores that
 * are alive, in the order of their names: each comes to the same result.
 */
#include "store/redis_keep.h"

#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum {
	ROUND_WAIT_MS = 1000,                       /* for the answers */
	ALIVE_MS = REDIS_LEASE_MS - REDIS_ROUND_MS, /* before a lease ends */
	CALM_ROUNDS = 4, /* the same stores, before one parts with anything */
	TIDY_MS = 1000,
	TIDY_MOST = 200, /* of each kind, in a script */
	PAUSE_MS = 20,   /* between rounds, however much is asked for */
};

/* We are, and who else is. */
static void
ask_alive(struct redis_keeper *k, bool leaves)
{
	char key[REDIS_NAME * 2];
	struct slice names[REDIS_STORES];
	unsigned n = 0;
	struct redis_cmd c = {
	    .script = &k->r->lua.alive, .slot = redis_slot(SLICE("{stores}"))};

	snprintf(key, sizeof(key), "%s:{stores}", k->r->setup.prefix);
	redis_cmd_num(&c, 1);
	redis_cmd_str(&c, key);
	redis_cmd_str(&c, k->name);
	redis_cmd_num(&c, ALIVE_MS);
	redis_cmd_num(&c, leaves);
	redis_net_run(k->net, &c, 1);
	if (!redis_failed(&c) && c.reply->kind == REDIS_IS_ARRAY) {
		for (; n < c.reply->n && n < REDIS_STORES; n++)
			names[n] = redis_item(c.reply, n);
		redis_alive_hear(&k->alive, redis_now(), names, n);
	} else {
		redis_alive_trouble(&k->alive, redis_now());
	}
	redis_cmd_free(&c);
}

static const char *
share_of(const struct redis_keeper *k, unsigned shard)
{
	return redis_alive_share(&k->alive, shard, k->r->setup.shards);
}

static bool
is_ours(const struct redis_keeper *k, unsigned shard)
{
	return strcmp(share_of(k, shard), k->name) == 0;
}

/* What of a shard the other threads may change. */
struct seen {
	char owner[REDIS_OWNER];
	uint64_t term, batch;
	bool sick, released;
};

static struct seen
see(struct redis_keeper *k, unsigned shard)
{
	struct redis_shard *s = &k->r->shards[shard];
	struct seen out;

	pthread_mutex_lock(&k->r->mutex);
	memcpy(out.owner, s->owner, sizeof(out.owner));
	out.term = s->term;
	out.batch = s->batch;
	out.sick = s->sick != CODE_ok;
	out.released = s->released;
	pthread_mutex_unlock(&k->r->mutex);
	return out;
}

static void
put_look(struct redis_keeper *k, struct redis_cmd *c, unsigned shard)
{
	struct seen s = see(k, shard);

	redis_begin(k->r, c, shard, &k->r->lua.look);
	redis_keys_of(
	    k->r, c, shard, (const char *const[]){"owner", "meta", NULL});
	redis_cmd_str(c, k->leases[shard].state != LEASE_FREE ? s.owner : "");
	redis_cmd_num(c, REDIS_LEASE_MS);
	redis_cmd_num(c, s.batch);
}

static void
leave(struct redis_keeper *k, unsigned shard, const char *why)
{
	log_info("shard_left", "shard=%u why=\"%s\"", shard, why);
	k->leases[shard].state = LEASE_LEFT;
	k->r->shards[shard].until = 0;
	redis_tell(k, &(struct redis_event){
			  .kind = TELL_LEAVE, .lease = {.shard = shard}});
}

static void
look_held(struct redis_keeper *k, unsigned shard, const struct redis_reply *r)
{
	struct seen s = see(k, shard);

	if (!slice_is(redis_item(r, 0), s.owner)) {
		redis_fall_sick(k->r, shard, CODE_moved);
		leave(k, shard, "another store has it");
	} else if (slice_is(redis_item(r, 1), "lost")) {
		redis_fall_sick(k->r, shard, CODE_moved);
		leave(k, shard, "Redis has less than it had");
	} else if (s.sick) {
		leave(k, shard, "a write of it is in doubt");
	} else if (!is_ours(k, shard) && k->alive.calm >= CALM_ROUNDS) {
		snprintf(k->leases[shard].heir, REDIS_NAME, "%s",
		    share_of(k, shard));
		leave(k, shard, "it is another's share");
	} else {
		k->r->shards[shard].until =
		    k->began + REDIS_LEASE_MS - REDIS_SURE_MS;
	}
}

/* "term name life" */
struct holder {
	uint64_t term;
	struct slice name, life;
};

static struct holder
read_holder(struct slice text)
{
	struct holder h = {0};
	struct slice term;

	if (slice_cut(&text, ' ', &term) && slice_num(term, &h.term) &&
	    slice_cut(&text, ' ', &h.name))
		h.life = text;
	return h;
}

/* It is nobody's, or it was ours, or it is for whoever has our name. */
static bool
may_take(struct redis_keeper *k, unsigned shard, struct slice owner)
{
	struct seen s = see(k, shard);
	struct holder h = read_holder(owner);
	bool named = slice_is(h.name, k->name);

	if (owner.n == 0)
		return is_ours(k, shard);
	if (slice_is(owner, s.owner) ||
	    (named && (s.term == 0 || slice_is(h.life, "*"))))
		return true;
	if (named && h.term > k->leases[shard].told)
		log_err("lease", "shard=%u why=\"another store has our name\"",
		    shard);
	return false;
}

static void
look_free(struct redis_keeper *k, unsigned shard, const struct redis_reply *r)
{
	struct slice owner = redis_item(r, 0);
	struct redis_lease *l = &k->leases[shard];
	struct holder h = read_holder(owner);

	l->wanted = may_take(k, shard, owner);
	if (l->wanted || h.term <= l->told)
		return;
	l->told = h.term;
	redis_tell(k, &(struct redis_event){.kind = TELL_TAKEN,
			  .lease = {shard, h.term, h.name}});
}

static void
give(struct redis_keeper *k, unsigned shard, const char *heir)
{
	struct seen s = see(k, shard);
	struct redis_cmd c = {0};

	redis_begin(k->r, &c, shard, &k->r->lua.give);
	redis_keys_of(
	    k->r, &c, shard, (const char *const[]){"owner", "meta", NULL});
	redis_cmd_str(&c, s.owner);
	redis_cmd_str(&c, heir);
	redis_cmd_num(&c, REDIS_LEASE_MS);
	redis_cmd_num(&c, redis_wall());
	redis_net_run(k->net, &c, 1);
	redis_cmd_free(&c);
}

/* The loop is done with it. */
static void
free_released(struct redis_keeper *k, unsigned shard)
{
	struct redis_lease *l = &k->leases[shard];

	if (l->state == LEASE_FREE || !see(k, shard).released)
		return;
	k->r->shards[shard].until = 0;
	l->state = LEASE_FREE;
	redis_count(&k->r->counts, lost);
	if (l->heir[0] != '\0')
		give(k, shard, l->heir);
	l->heir[0] = '\0';
}

static void
round_all(struct redis_keeper *k)
{
	unsigned shards = k->r->setup.shards;
	struct redis_cmd *cmds = xcalloc(shards, sizeof(*cmds));

	for (unsigned i = 0; i < shards; i++)
		free_released(k, i);
	ask_alive(k, false);
	k->began = redis_now();
	for (unsigned i = 0; i < shards; i++)
		put_look(k, &cmds[i], i);
	redis_net_run(k->net, cmds, shards);
	for (unsigned i = 0; i < shards; i++) {
		struct redis_lease *l = &k->leases[i];

		l->wanted = false;
		if (redis_failed(&cmds[i]))
			redis_alive_trouble(&k->alive, redis_now());
		else if (l->state == LEASE_HELD)
			look_held(k, i, cmds[i].reply);
		else if (l->state == LEASE_FREE)
			look_free(k, i, cmds[i].reply);
		redis_cmd_free(&cmds[i]);
	}
	free(cmds);
}

static void
take(struct redis_keeper *k, unsigned shard)
{
	struct redis_taking t = {k->net, k->name, shard, redis_wall()};
	struct redis_event e = {.kind = TELL_GAINED,
	    .lease = {.shard = shard, .owner = slice_of(k->name)}};
	enum code code = redis_take(k->r, &t, &e.state);

	if (code != CODE_ok)
		return;
	k->leases[shard].state = LEASE_HELD;
	redis_count(&k->r->counts, gained);
	e.lease.term = k->leases[shard].told = see(k, shard).term;
	log_info("shard_gained", "shard=%u term=%llu epoch=%llu recalled=%zu",
	    shard, (unsigned long long)e.lease.term,
	    (unsigned long long)e.state.epoch, e.state.recalled);
	redis_tell(k, &e);
}

static bool
is_time(const struct redis_keeper *k)
{
	return redis_now() >= k->began + REDIS_ROUND_MS;
}

/* As many as there is time for: what is held must be renewed. */
static void
take_wanted(struct redis_keeper *k)
{
	for (unsigned i = 0; i < k->r->setup.shards && !is_time(k); i++)
		if (k->leases[i].wanted) {
			k->leases[i].wanted = false;
			take(k, i);
		}
}

static void
put_tidy(struct redis_keeper *k, struct redis_cmd *c, unsigned shard)
{
	struct seen s = see(k, shard);

	redis_begin(k->r, c, shard, &k->r->lua.tidy);
	redis_keys(k->r, c, shard, 0);
	redis_cmd_str(c, s.owner);
	redis_cmd_num(c, redis_wall());
	redis_cmd_num(c, k->r->setup.journal_ms);
	redis_cmd_num(c, TIDY_MOST);
}

static void
tidy(struct redis_keeper *k)
{
	unsigned shards = k->r->setup.shards, n = 0;
	struct redis_cmd *cmds;

	if (redis_now() < k->tidied + TIDY_MS || is_time(k))
		return;
	k->tidied = redis_now();
	cmds = xcalloc(shards, sizeof(*cmds));
	for (unsigned i = 0; i < shards; i++)
		if (k->leases[i].state == LEASE_HELD)
			put_tidy(k, &cmds[n++], i);
	redis_net_run(k->net, cmds, n);
	for (unsigned i = 0; i < n; i++)
		redis_cmd_free(&cmds[i]);
	free(cmds);
}

/* To the next round, or until somebody asks for one; false: to the end. */
static bool
rest(struct redis_keeper *k)
{
	uint64_t now = redis_now(), until = k->began + REDIS_ROUND_MS;
	struct timespec t;
	int rc = 0;
	bool on;

	if (until < now + PAUSE_MS)
		until = now + PAUSE_MS;
	t.tv_sec = (time_t)(until / 1000);
	t.tv_nsec = (long)(until % 1000) * 1000000;
	pthread_mutex_lock(&k->r->mutex);
	while (!k->leaving && !k->poked && rc == 0)
		rc = pthread_cond_timedwait(&k->asked, &k->r->mutex, &t);
	k->poked = false;
	on = !k->leaving;
	pthread_mutex_unlock(&k->r->mutex);
	return on;
}

/* So that nobody has to wait for the leases to end. */
static void
part(struct redis_keeper *k)
{
	ask_alive(k, true);
	for (unsigned i = 0; i < k->r->setup.shards; i++)
		if (k->leases[i].state != LEASE_FREE)
			give(k, i, share_of(k, i));
}

static void *
run(void *arg)
{
	struct redis_keeper *k = arg;

	do {
		round_all(k);
		take_wanted(k);
		tidy(k);
	} while (rest(k));
	part(k);
	return NULL;
}

void
redis_keeper_start(struct redis_keeper *k)
{
	struct redis_net_setup net = k->r->setup.net;
	pthread_condattr_t attr;
	sigset_t all, before;

	net.label = "leases";
	net.replicas = 0;
	net.timeout_ms = ROUND_WAIT_MS;
	k->net = redis_net_new(&net);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	must(pthread_cond_init(&k->asked, &attr) == 0);
	pthread_condattr_destroy(&attr);
	sigfillset(&all); /* signals are the loop's */
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	must(pthread_create(&k->thread, NULL, run, k) == 0);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

void
redis_keeper_stop(struct redis_keeper *k)
{
	pthread_mutex_lock(&k->r->mutex);
	k->leaving = true;
	pthread_cond_signal(&k->asked);
	pthread_mutex_unlock(&k->r->mutex);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->asked);
	redis_net_free(&k->net);
}
