/*
 * bridge_lease.c - leases in Redis.
 */
#include "ingress/bridge_lease.h"

#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/bridge_script.h"

static void
set_held(struct lease *l, bool held)
{
	if (l->held == held)
		return;
	l->held = held;
	if (held || l->left)
		log_info("lease", "key=%.*s held=%d", SLICE_ARGS(l->key), held);
	else
		log_warn("lease", "key=%.*s held=0", SLICE_ARGS(l->key));
	l->changed(l);
}

void
lease_lost(struct lease *l)
{
	l->until = 0;
	set_held(l, false);
}

bool
lease_valid(struct lease *l)
{
	if (l->held && loop_now(l->loop) >= l->until)
		lease_lost(l);
	return l->held;
}

/* It is asked for again, and ends by the clock if that helps nothing. */
static void
refused(struct lease *l, struct slice text)
{
	char why[LOG_VALUE];

	stats_add(STAT_redis_refused, 1);
	if (!l->refused)
		log_err("lease_refused", "key=%.*s why=%s", SLICE_ARGS(l->key),
		    log_value(why, sizeof(why), text));
	l->refused = true;
}

static void
answered(struct redis_call *c, const struct redis_reply *r)
{
	struct lease *l = container_of(c, struct lease, call);

	l->asking = false;
	if (r == NULL || l->left)
		return; /* it expires by the clock */
	if (r->kind == REDIS_IS_ERROR) {
		refused(l, r->text);
		return;
	}
	if (l->refused)
		log_info("lease_accepted", "key=%.*s", SLICE_ARGS(l->key));
	l->fresh = l->refused = false;
	if (r->number != 1) {
		lease_lost(l);
		return;
	}
	l->until = l->asked_at + l->ttl;
	if (loop_now(l->loop) < l->until)
		set_held(l, true);
}

void
lease_ask(struct lease *l)
{
	struct slice token = buf_slice(&l->token);
	char ttl[16];

	if (l->asking || l->left || !redis_is_up(l->redis))
		return;
	l->asking = true;
	l->asked_at = loop_now(l->loop);
	snprintf(ttl, sizeof(ttl), "%u", l->ttl);
	redis_ask(l->redis, &l->call,
	    (struct slice[]){SLICE("EVAL"), slice_of(scripts[SCRIPT_HOLD].text),
		slice_of(scripts[SCRIPT_HOLD].keys), buf_slice(&l->key), token,
		slice_of(ttl), {token.p, l->fresh ? l->instance : 0}},
	    7);
}

static void
tick(struct timer *t)
{
	struct lease *l = container_of(t, struct lease, tick);

	loop_arm(l->loop, t, l->ttl / 3);
	lease_valid(l);
	lease_ask(l);
}

/* The answer is of no interest, and may never come. */
static void
released(struct redis_call *c, const struct redis_reply *r)
{
	(void)c;
	(void)r;
}

void
lease_leave(struct lease *l)
{
	l->left = true;
	timer_cancel(&l->tick);
	if (l->held && !l->asking && redis_is_up(l->redis)) {
		l->call.answered = released;
		redis_ask(l->redis, &l->call,
		    (struct slice[]){SLICE("EVAL"),
			slice_of(scripts[SCRIPT_RELEASE].text),
			slice_of(scripts[SCRIPT_RELEASE].keys),
			buf_slice(&l->key), buf_slice(&l->token)},
		    5);
	}
	if (l->held)
		lease_lost(l);
}

void
lease_open(struct lease *l, const struct lease_setup *s)
{
	const char *slash = strrchr(s->token, '/');

	must(slash != NULL);
	l->loop = s->loop;
	l->redis = s->redis;
	l->ttl = s->ttl;
	l->fresh = true;
	l->instance = (size_t)(slash - s->token) + 1;
	buf_str(&l->key, s->prefix);
	buf_str(&l->key, "lease:");
	buf_str(&l->key, s->name);
	buf_str(&l->token, s->token);
	l->call.answered = answered;
	timer_init(&l->tick, tick);
	loop_arm(l->loop, &l->tick, l->ttl / 3);
}

void
lease_close(struct lease *l)
{
	if (l->loop != NULL)
		timer_cancel(&l->tick);
	buf_free(&l->key);
	buf_free(&l->token);
}
