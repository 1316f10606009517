/*
 * ws_publish.c - publishing from a WebSocket: a key or token is needed, the
 * answer comes from the store.
 */
#include "common/channel.h"
#include "common/json_write.h"
#include "common/message.h"
#include "common/stats.h"
#include "common/tally.h"
#include "hub/ask.h"
#include "hub/ws.h"

static enum code
wrong(struct fault *f, enum code code, const char *message, const char *field)
{
	*f = (struct fault){code, message, field};
	return code;
}

static void
answered(struct ask *a, const struct msg_published *m)
{
	struct conn *c = a->conn;
	unsigned shards = bus_shards(c->hub->d.bus);
	struct buf *b;

	if (m->code != CODE_ok) {
		ws_fault(c, a->ref,
		    &(struct fault){.code = (enum code)m->code,
			.field = code_field((enum code)m->code)});
		return;
	}
	b = ws_answer(c, a->ref, true);
	if (a->id.n != 0) {
		buf_str(b, ",\"id\":");
		json_escape(b, a->id);
	}
	buf_str(b, ",\"channel\":\"");
	buf_put(b, a->channel);
	buf_str(b, "\",\"cursor\":\"");
	message_cursor(b, shards > 1 ? channel_shard(a->channel, shards) : 0,
	    m->epoch, m->offset);
	buf_str(b, "\",\"hubs\":");
	buf_num(b, m->hubs);
	kept_put(b, (unsigned)m->kept);
	ws_end(c);
}

static enum code
may_publish(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	struct slice token = ws_text(c, cmd->values[WS_TOKEN]);
	uint64_t now = hub_unix_s(c->hub);
	struct grant grant = {0};
	const struct grant *g = c->grant != NULL ? c->grant : &grant;
	enum code code;

	if (token.n != 0) {
		code = keys_token(c->hub->keys, token, now, &grant);
		if (code != CODE_ok)
			return wrong(f, code, grant.why, "token");
		g = &grant;
	}
	code = keys_stand(c->hub->keys, g, now)
	           ? grant_publish(g, cmd->channel, now)
	           : CODE_unauthorized;
	if (code == CODE_ok)
		return code;
	stats_add(STAT_auth_refused, 1);
	return wrong(
	    f, code, NULL, code == CODE_unauthorized ? "token" : "channel");
}

static enum code
publish(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	struct native *n = &c->hub->native;
	enum code code =
	    native_members(n, cmd->values, loop_unix_ms(c->hub->d.loop));

	if (code != CODE_ok)
		return wrong(f, code, n->fault.why, n->fault.field);
	if ((code = may_publish(c, cmd, f)) != CODE_ok)
		return code;
	if (c->asks_n >= c->hub->limits.commands)
		return wrong(f, CODE_too_many,
		    "too many publishes wait for their answer", NULL);
	if (!bus_has_room(c->hub->d.bus, n->msg.publish.channel))
		return wrong(f, CODE_busy, NULL, NULL);
	ask_publish(
	    c, &(struct ask_want){
		   .ref = cmd->ref, .publish = &n->msg, .answered = answered});
	return CODE_ok;
}

enum code
ws_publish(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	enum code code = publish(c, cmd, f);

	if (code != CODE_ok) {
		tally_taken();
		tally_refused(code);
	}
	return code;
}
