/*
 * state.c - the dialect says what is its own; grant and channels are the same
 * in all of them.
 */
#include "hub/state.h"

#include "common/must.h"
#include "hub/conn.h"
#include "hub/dialect.h"
#include "hub/subscribe.h"
#include "hub/visit.h"

static void
save_grant(const struct grant *g, struct buf *b)
{
	struct msg m = {.id = MSG_state_grant,
	    .state_grant = {
		.app = slice_of(g->app),
		.prefixes = slice_of(g->prefixes),
		.patterns = slice_of(g->patterns),
		.token = g->token,
		.rights = g->rights,
		.expires = g->expires,
		.key = slice_of(g->key),
		.who = g->who,
	    }};

	msg_encode(b, &m);
}

static void
save_channel(const struct sub *sub, struct buf *cursor, struct buf *b)
{
	struct cursor_part parts[CURSOR_PARTS];
	struct msg m = {.id = MSG_state_channel,
	    .state_channel = {
		.channel = sub_channel(sub),
		.told = sub->told,
		.expires = conn_expires(sub),
	    }};

	buf_clear(cursor);
	cursor_put(cursor, parts, sub_position(sub, parts));
	m.state_channel.cursor = buf_slice(cursor);
	if (sub->extra != NULL && !sub->told)
		m.state_channel.ref = sub->extra->ref;
	msg_encode(b, &m);
}

static void
save_presence(const struct visit *v, struct buf *b)
{
	struct attend_who who = attend_who(&v->attend);
	struct msg m = {.id = MSG_state_presence,
	    .state_presence = {
		.channel = who.channel,
		.session = who.session,
		.user = who.user,
		.data = who.data,
		.brief = v->brief,
	    }};

	msg_encode(b, &m);
}

/* A channel that was told messages behind a hole that was not. */
static bool
divided(const struct conn *c)
{
	for (const struct sub *s = c->reader.subs; s != NULL; s = s->next)
		if (sub_divided(s))
			return true;
	return false;
}

bool
state_save(const struct conn *c, struct buf *b)
{
	const struct dialect *d = c->dialect;
	struct msg m = {.id = d->state};
	struct buf cursor = {0};

	if (c->state != CONN_OPEN || !out_empty(&c->out) || d->save == NULL ||
	    c->skipping || divided(c) || visits_pending(c) != 0 ||
	    !d->save(c, &m))
		return false;
	msg_encode(b, &m);
	if (c->grant != NULL)
		save_grant(c->grant, b);
	for (const struct sub *s = c->reader.subs; s != NULL; s = s->next)
		save_channel(s, &cursor, b);
	for (const struct visit *v = c->visits; v != NULL; v = v->next)
		save_presence(v, b);
	buf_free(&cursor);
	return true;
}

/* Within the limits of msg.def, which are those of the arrays. */
static void
put_text(char *to, struct slice s)
{
	if (s.n != 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static void
load_grant(struct conn *c, const struct msg_state_grant *s)
{
	struct grant g = {.token = s->token != 0,
	    .rights = (unsigned)s->rights,
	    .expires = s->expires,
	    .who = s->who};

	put_text(g.app, s->app);
	put_text(g.prefixes, s->prefixes);
	put_text(g.patterns, s->patterns);
	put_text(g.key, s->key);
	free(c->grant);
	c->grant = grant_copy(&g);
}

static bool
load_channel(struct conn *c, const struct msg_state_channel *s)
{
	return conn_restore(c, &(struct subscribe){
				   .channel = s->channel,
				   .cursor = s->cursor,
				   .ref = s->ref,
				   .told = s->told != 0,
				   .expires = s->expires,
			       });
}

static void
load_presence(struct conn *c, const struct msg_state_presence *s)
{
	struct identity who = {.user = s->user, .data = s->data};

	visit_new(c, &(struct visit_want){
			 .channel = s->channel,
			 .session = s->session,
			 .who = &who,
			 .brief = s->brief != 0,
		     });
}

static const struct dialect *
find(enum msg_id id)
{
	static const struct dialect *const all[] = {&dialect_ws, &dialect_sse,
	    &dialect_poll, &dialect_incus, &dialect_incus_poll, &dialect_tyron,
	    &dialect_bayeux_ws};

	for (unsigned i = 0; i < LENGTH(all); i++)
		if (all[i]->state == id)
			return all[i];
	return NULL;
}

static const char *
load_frame(struct conn *c, const struct msg *m)
{
	const struct dialect *d = find(m->id);

	if (d != NULL && c->dialect == &dialect_http)
		d->load(c, m);
	else if (c->dialect == &dialect_http || d != NULL)
		return "no dialect, or two";
	else if (m->id == MSG_state_grant)
		load_grant(c, &m->state_grant);
	else if (m->id == MSG_state_channel &&
		 !load_channel(c, &m->state_channel))
		return "a channel that cannot be gone on with";
	else if (m->id == MSG_state_presence && !hub_knows_shards(c->hub))
		return "no store to be present at";
	else if (m->id == MSG_state_presence)
		load_presence(c, &m->state_presence);
	return NULL; /* what a newer hub said besides is skipped */
}

const char *
state_load(struct conn *c, struct slice frames)
{
	const char *why = NULL;
	struct msg m;

	c->reader.choked = true; /* until it has all its channels */
	while (frames.n != 0 && why == NULL) {
		long n = msg_decode(frames, &m, &why);

		if (n == 0)
			return "cut off";
		if (n < 0)
			return why;
		why = load_frame(c, &m);
		frames = slice_from(frames, (size_t)n);
	}
	if (why == NULL && c->dialect == &dialect_http)
		return "no state";
	if (why == NULL)
		reader_choke(c->hub->subs, &c->reader, false);
	return why;
}
