/*
 * ws_presence.c - presence for WebSocket clients.
 *
 *	subscribe ---- enter, roster ----> told ---- join ----> answer
 *
 * The roster comes first and the subscription goes on from where it stood, so
 * that nobody is missed between the two, and a client is not told of its own
 * arrival.  Until the answer the visit is pending.
 */
#include "common/channel.h"
#include "common/cursor.h"
#include "common/json_write.h"
#include "common/must.h"
#include "common/present.h"
#include "common/stats.h"
#include "hub/visit.h"
#include "hub/ws.h"

enum { LOOK_DEFAULT = 100, LOOK_MAX = 1000 }; /* users of a page */

static enum code
wrong(struct fault *f, enum code code, const char *message, const char *field)
{
	*f = (struct fault){code, message, field};
	return code;
}

static void
refuse(struct visit *v, enum code code, const char *why)
{
	struct fault f = {code, why, "channel"};

	ws_fault(v->conn, v->ref, &f);
	visit_end(v, false);
}

/* What stands before the rows is known now; the rest when it is joined. */
static void
head(struct visit *v, const struct msg_roster_end *m)
{
	struct buf rows = v->rows;
	struct buf *b = &v->rows;

	v->rows = (struct buf){0};
	buf_str(b, ",\"presence\":{");
	if (v->attend.attendee != NULL) {
		buf_str(b, "\"session\":\"");
		buf_put(b, attend_who(&v->attend).session);
		buf_str(b, "\",");
	}
	buf_str(b, "\"users\":");
	buf_num(b, m->users);
	buf_str(b, ",\"sessions\":");
	buf_num(b, m->sessions);
	buf_str(b, ",\"roster\":{");
	buf_put(b, buf_slice(&rows));
	buf_str(b, m->more != 0 ? "},\"more\":true,\"after\":" : "}");
	if (m->more != 0)
		json_escape(b, buf_slice(&v->last));
	buf_chr(b, '}');
	buf_free(&rows);
}

static void
roster_told(struct visit *v, const struct msg_roster_end *m)
{
	struct conn *c = v->conn;
	struct cursor_part at = {
	    bus_shards(c->hub->d.bus) > 1 ? v->roster.shard : 0, m->epoch,
	    m->offset};
	struct subscribe s = {
	    .channel = v->channel,
	    .cursor = v->cursor,
	    .ref = v->ref,
	    .expires = v->expires,
	};

	if (s.cursor.n == 0) {
		s.after = &at;
		s.n = 1;
	}
	head(v, m);
	if (!conn_restore(c, &s))
		refuse(v, CODE_too_many, NULL);
}

static const struct visit_face subscribing = {
    .row = visit_row, .told = roster_told, .refused = refuse};

bool
ws_is_new(const struct conn *c, struct slice channel)
{
	const struct visit *v =
	    c->visits != NULL ? visit_find(c, channel) : NULL;

	return v != NULL && v->cursor.n == 0;
}

void
ws_put_presence(struct conn *c, struct slice channel, struct buf *b)
{
	struct visit *v = c->visits != NULL ? visit_find(c, channel) : NULL;

	if (v == NULL)
		return;
	buf_put(b, buf_slice(&v->rows));
	buf_free(&v->rows);
	buf_free(&v->last);
	if (v->attend.attendee == NULL)
		visit_end(v, false);
}

static enum code
check_cursor(struct slice cursor, struct fault *f)
{
	struct cursor_part parts[CURSOR_PARTS];

	if (cursor.n == 0 || cursor_parse(cursor, parts, CURSOR_PARTS) >= 0)
		return CODE_ok;
	return wrong(f, CODE_bad_cursor, NULL, "cursor");
}

static enum code
room_for_one(const struct conn *c, struct fault *f)
{
	if (visits_pending(c) < c->hub->limits.commands)
		return CODE_ok;
	return wrong(
	    f, CODE_too_many, "too many commands wait for their answer", NULL);
}

/* A visitor, or somebody who may see the others though he is nobody. */
static enum code
begin(struct conn *c, const struct subscribe *s, const struct visit_want *asked,
    struct fault *f)
{
	struct visit_want want = *asked; /* its .who lasts no longer than we */
	struct grant grant;
	struct identity who;
	struct buf text = {0};
	enum code code = conn_allowed(c, s, &grant, f);
	bool plain;

	if (code == CODE_ok)
		code = identity_of(&grant, &who, &text, f);
	if (code == CODE_ok && who.user.n == 0 && want.session.n != 0)
		code = wrong(f, CODE_bad_field,
		    "only a token whose presence has an id is present",
		    "session");
	if (code == CODE_ok)
		code = room_for_one(c, f);
	if (code == CODE_ok) {
		plain = who.user.n == 0 && grant_presence(&grant, s->channel,
					       hub_unix_s(c->hub)) != CODE_ok;
		want.who = who.user.n != 0 ? &who : NULL;
		want.expires = grant.expires;
		if (plain)
			code = conn_subscribe(c, s, f);
		else
			visit_ask(visit_new(c, &want),
			    (unsigned)c->hub->limits.roster);
	}
	buf_free(&text);
	return code;
}

enum code
ws_subscribe_presence(struct conn *c, const struct subscribe *s,
    struct slice session, struct fault *f)
{
	struct visit_want want = {
	    .channel = s->channel,
	    .ref = s->ref,
	    .cursor = s->cursor,
	    .face = &subscribing,
	    .session = session,
	};
	enum code code = conn_may_subscribe(c, s, f);

	if (code != CODE_ok)
		return code;
	if (!visit_place(s->channel) && session.n != 0)
		return wrong(f, CODE_bad_field,
		    "nobody is present on such a channel", "session");
	if (!visit_place(s->channel))
		return conn_subscribe(c, s, f);
	if ((code = session_check(session, f)) == CODE_ok)
		code = check_cursor(s->cursor, f);
	return code == CODE_ok ? begin(c, s, &want, f) : code;
}

/* ---- Who is there */

static void
look_row(struct visit *v, const struct msg_present *m)
{
	present_put(&v->rows, m);
}

static void
look_told(struct visit *v, const struct msg_roster_end *m)
{
	struct conn *c = v->conn;
	struct buf *b = ws_answer(c, v->ref, true);

	buf_str(b, ",\"channel\":\"");
	buf_put(b, v->channel);
	buf_str(b, "\",");
	present_end(b, m, buf_slice(&v->rows), buf_slice(&v->last));
	ws_end(c);
	visit_end(v, false);
}

static const struct visit_face looking = {
    .row = look_row, .told = look_told, .refused = refuse};

static enum code
may_look(struct conn *c, const struct ws_command *cmd, struct fault *f)
{
	struct slice token = ws_text(c, cmd->values[WS_TOKEN]);
	uint64_t now = hub_unix_s(c->hub);
	struct grant grant = {0};
	const struct grant *g = c->grant != NULL ? c->grant : &grant;
	const char *why = channel_check(cmd->channel);
	enum code code;

	if (why == NULL && !visit_place(cmd->channel))
		why = "nobody is present on such a channel";
	if (why != NULL)
		return wrong(f, CODE_bad_channel, why, "channel");
	if (token.n != 0) {
		code = keys_token(c->hub->keys, token, now, &grant);
		if (code != CODE_ok)
			return wrong(f, code, grant.why, "token");
		g = &grant;
	}
	if ((code = grant_presence(g, cmd->channel, now)) == CODE_ok)
		return code;
	stats_add(STAT_auth_refused, 1);
	return wrong(
	    f, code, NULL, code == CODE_unauthorized ? "token" : "channel");
}

enum code
ws_presence(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	struct visit_want want = {
	    .channel = cmd->channel,
	    .ref = cmd->ref,
	    .after = ws_text(c, cmd->values[WS_AFTER]),
	    .user = ws_text(c, cmd->values[WS_USER]),
	    .face = &looking,
	    .looks = true,
	};
	uint64_t limit = LOOK_DEFAULT;
	enum code code = may_look(c, cmd, f);

	if (code == CODE_ok)
		code = room_for_one(c, f);
	if (code != CODE_ok)
		return code;
	if (cmd->values[WS_LIMIT].kind != JSON_NONE &&
	    (!json_uint(cmd->values[WS_LIMIT], &limit) || limit > LOOK_MAX))
		return wrong(
		    f, CODE_bad_field, "a number from 0 to 1000", "limit");
	if (want.after.n > ATTEND_USER_MAX)
		return wrong(f, CODE_bad_field, "longer than a user", "after");
	if (want.user.n > ATTEND_USER_MAX)
		return wrong(f, CODE_bad_field, "longer than a user", "user");
	if (!hub_knows_shards(c->hub))
		return wrong(f, CODE_unavailable, NULL, NULL);
	visit_ask(visit_new(c, &want), (unsigned)limit);
	return CODE_ok;
}
