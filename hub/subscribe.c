/*
 * subscribe.c - may somebody listen, to how much, and for how long; and what
 * becomes of one who listens too slowly.
 */
#include "hub/subscribe.h"

#include "common/channel.h"
#include "common/json_write.h"
#include "common/jwt.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/conn.h"
#include "hub/owed.h"
#include "hub/visit.h"

void
fault_put(struct buf *b, const struct fault *f)
{
	const char *text = f->message != NULL ? f->message : code_text(f->code);

	buf_printf(
	    b, "\"error\":{\"code\":\"%s\",\"message\":", code_name(f->code));
	json_escape(b, slice_of(text));
	if (f->field != NULL)
		buf_printf(b, ",\"field\":\"%s\"", f->field);
	buf_chr(b, '}');
}

static enum code
fault(struct fault *f, enum code code, const char *message, const char *field)
{
	*f = (struct fault){code, message, field};
	return code;
}

enum code
conn_allowed(
    struct conn *c, const struct subscribe *s, struct grant *g, struct fault *f)
{
	uint64_t now = hub_unix_s(c->hub);
	enum code code;

	if (s->token.n == 0) {
		*g = c->grant != NULL ? *c->grant : (struct grant){0};
	} else {
		code = keys_token(c->hub->keys, s->token, now, g);
		if (code != CODE_ok)
			return fault(f, code, g->why, "token");
	}
	code = channel_kind(s->channel) != CHANNEL_PUBLIC &&
	               !keys_stand(c->hub->keys, g, now)
	           ? CODE_unauthorized
	           : grant_listen(g, s->channel, now);
	if (code == CODE_ok)
		return CODE_ok;
	stats_add(STAT_auth_refused, 1);
	return fault(
	    f, code, NULL, code == CODE_unauthorized ? "token" : "channel");
}

enum code
conn_may_listen(struct conn *c, const struct subscribe *s, uint64_t *expires,
    struct fault *f)
{
	struct grant grant;
	enum code code = conn_allowed(c, s, &grant, f);

	if (code == CODE_ok)
		*expires = grant.expires;
	return code;
}

/* A token speaks for what is not public only; a public sub never ends. */
static bool
ends(struct slice channel, uint64_t expires)
{
	return expires != 0 && channel_kind(channel) != CHANNEL_PUBLIC;
}

enum { EXPIRY_MAX_S = 10 * 365 * 86400 }; /* nothing here lives longer */

/* ms from now.  A token within its leeway is good although it has expired. */
static uint64_t
ends_in(uint64_t expires, uint64_t now)
{
	uint64_t s = 0;

	if (expires > now)
		s = expires - now;
	else if (expires + JWT_LEEWAY > now)
		s = expires + JWT_LEEWAY - now;
	return 1000 * (s < EXPIRY_MAX_S ? s : EXPIRY_MAX_S);
}

static void
expired(struct timer *t)
{
	struct sub_extra *x = container_of(t, struct sub_extra, expiry);

	x->conn->reader.face->refused(&x->conn->reader, x->sub, CODE_bad_token);
}

static struct sub_extra *
extra_new(struct conn *c, struct slice ref)
{
	struct sub_extra *x = xcalloc(1, sizeof(*x) + ref.n);

	x->conn = c;
	timer_init(&x->expiry, expired);
	if (ref.n != 0)
		memcpy(x->bytes, ref.p, ref.n);
	x->ref = (struct slice){x->bytes, ref.n};
	return x;
}

enum code
conn_may_subscribe(struct conn *c, const struct subscribe *s, struct fault *f)
{
	bool pattern = channel_is_pattern(s->channel);
	const char *why = pattern ? channel_pattern_check(s->channel)
	                          : channel_check(s->channel);

	if (why != NULL)
		return fault(f, CODE_bad_channel, why, "channel");
	if (c->reader.count >= c->hub->limits.subscriptions)
		return fault(f, CODE_too_many, NULL, "channel");
	if (!hub_knows_shards(c->hub))
		return fault(f, CODE_unavailable, NULL, NULL);
	return CODE_ok;
}

static void
attach(struct conn *c, const struct subscribe *s, struct sub_want *want,
    uint64_t expires)
{
	struct sub_extra *x = NULL;
	struct sub *sub;

	if (s->ref.n != 0 || ends(s->channel, expires))
		x = extra_new(c, s->ref);
	if (x != NULL && ends(s->channel, expires))
		loop_arm(c->hub->d.loop, &x->expiry,
		    ends_in(expires, hub_unix_s(c->hub)));
	want->extra = x;
	sub = sub_add(c->hub->subs, &c->reader, want);
	if (sub->extra != NULL)
		sub->extra->sub = sub;
}

enum code
conn_subscribe(struct conn *c, const struct subscribe *s, struct fault *f)
{
	struct cursor_part parts[CURSOR_PARTS];
	struct sub_want want = {.channel = s->channel, .after = parts};
	uint64_t expires;
	enum code code = conn_may_subscribe(c, s, f);
	int n = 0;

	if (code == CODE_ok)
		code = conn_may_listen(c, s, &expires, f);
	if (code != CODE_ok)
		return code;
	if (s->cursor.n != 0 &&
	    (n = cursor_parse(s->cursor, parts, CURSOR_PARTS)) < 0)
		return fault(f, CODE_bad_cursor, NULL, "cursor");
	want.n = (unsigned)n;
	if (s->after != NULL) {
		want.after = s->after;
		want.n = s->n;
	}
	attach(c, s, &want, expires);
	return CODE_ok;
}

bool
conn_restore(struct conn *c, const struct subscribe *s)
{
	struct cursor_part parts[CURSOR_PARTS];
	struct sub_want want = {
	    .channel = s->channel, .after = parts, .told = s->told};
	struct fault f;
	int n = 0;

	if (s->cursor.n != 0)
		n = cursor_parse(s->cursor, parts, CURSOR_PARTS);
	if (n < 0 || sub_find(c->hub->subs, &c->reader, s->channel) != NULL ||
	    conn_may_subscribe(c, s, &f) != CODE_ok)
		return false;
	want.n = (unsigned)n;
	if (s->after != NULL) {
		want.after = s->after;
		want.n = s->n;
	}
	attach(c, s, &want, s->expires);
	return true;
}

uint64_t
conn_expires(const struct sub *sub)
{
	const struct sub_extra *x = sub->extra;
	uint64_t now;

	if (x == NULL || !timer_armed(&x->expiry))
		return 0;
	now = loop_now(x->conn->hub->d.loop);
	return hub_unix_s(x->conn->hub) +
	       (x->expiry.due > now ? x->expiry.due - now + 999 : 0) / 1000;
}

void
conn_answered(struct sub *sub)
{
	struct sub_extra *x = sub->extra;

	if (x == NULL || timer_armed(&x->expiry) || x->skipping)
		return;
	free(x);
	sub->extra = NULL;
}

void
conn_unsubscribe(struct conn *c, struct sub *sub)
{
	struct sub_extra *x = sub->extra;

	if (x != NULL)
		timer_cancel(&x->expiry);
	if (c->visits != NULL)
		visit_left(c, sub_channel(sub));
	sub_remove(c->hub->subs, sub);
	free(x);
}

/* Choked meanwhile: while some of them go, the others would ask the store for
 * what nobody is going to read. */
void
conn_unsubscribe_all(struct conn *c)
{
	bool choked = c->reader.choked;

	c->reader.choked = true;
	visits_lost(c);
	while (c->reader.subs != NULL)
		conn_unsubscribe(c, c->reader.subs);
	c->reader.choked = choked;
}

/* Not handed to the reader: its backlog is full.  Where its gap begins is
 * what it was handed last. */
static void
skip(struct conn *c, struct sub *sub, const struct place *to)
{
	struct sub_extra *x = sub->extra;

	if (!x->skipping) {
		if (!x->known)
			x->handed = (struct place){
			    to->shard, to->epoch, to->offset - 1, false, 0};
		x->skipping = c->skipping = true;
		log_warn("slow_reader",
		    "address=%s dialect=%s owed=%zu channel=%.*s action=skip",
		    conn_address(c), c->dialect->name, c->out.bytes,
		    SLICE_ARGS(sub_shown(sub)));
	}
}

/* One that skips skips in all it listens to: were a later message handed out,
 * its place would stand for those that were not. */
bool
conn_skips(const struct conn *c, struct piece p)
{
	if (!c->blocked || c->hub->limits.slow != SLOW_SKIP)
		return false;
	return c->skipping || c->out.bytes - c->forgiven + (p.to - p.from) >
	                          c->hub->limits.backlog;
}

void
conn_deliver(
    struct conn *c, struct sub *sub, struct piece p, const struct place *place)
{
	if (sub->waits != NULL) {
		conn_send_asked(c, p);
		return;
	}
	if (!c->blocked || c->hub->limits.slow != SLOW_SKIP) {
		conn_send(c, p);
		return;
	}
	if (sub->extra == NULL) {
		sub->extra = extra_new(c, (struct slice){NULL, 0});
		sub->extra->sub = sub;
	}
	if (conn_skips(c, p)) {
		skip(c, sub, place);
		owed_never(&p, STAT_slow_skips);
		return;
	}
	sub->extra->handed = *place;
	sub->extra->known = true;
	conn_send(c, p);
}

void
conn_tell_skipped(struct conn *c)
{
	c->skipping = false;
	for (struct sub *s = c->reader.subs; s != NULL; s = s->next) {
		struct sub_extra *x = s->extra;
		bool skipping = x != NULL && x->skipping;

		if (x == NULL)
			continue;
		x->skipping = x->known = false;
		if (skipping)
			sub_tell_gap(c->hub->subs, s, &x->handed, GAP_SLOW);
	}
}

void
conns_settled(struct subs_face *f)
{
	struct hub *h = container_of(f, struct hub, subs_face);

	list_each (at, &h->conns) {
		struct conn *c = container_of(at, struct conn, node);

		if (c->reader.count != 0 && c->dialect->settle != NULL)
			conn_dirty(c);
	}
}
