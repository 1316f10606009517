/*
 * ws_publish.c - publishing from a WebSocket: a key or token is needed, the
 * answer comes from the store.
 */
#include "common/base64.h"
#include "common/channel.h"
#include "common/json_write.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/ask.h"
#include "hub/form.h"
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
	char cursor[FORM_CURSOR];
	struct buf *b;
	size_t n;

	if (m->code != CODE_ok) {
		ws_fault(
		    c, a->ref, &(struct fault){.code = (enum code)m->code});
		return;
	}
	n = form_cursor(cursor,
	    bus_shards(c->hub->d.bus) > 1
		? channel_shard(a->channel, bus_shards(c->hub->d.bus))
		: 0,
	    m->epoch, m->offset);
	b = ws_answer(c, a->ref, true);
	if (a->id.n != 0) {
		buf_str(b, ",\"id\":");
		json_escape(b, a->id);
	}
	buf_str(b, ",\"channel\":\"");
	buf_put(b, a->channel);
	buf_str(b, "\",\"cursor\":\"");
	buf_add(b, cursor, n);
	buf_str(b, "\",\"hubs\":");
	buf_num(b, m->hubs);
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
	code = grant_publish(g, cmd->channel, now);
	if (code == CODE_ok)
		return code;
	stats_add(STAT_auth_refused, 1);
	return wrong(
	    f, code, NULL, code == CODE_unauthorized ? "token" : "channel");
}

/* data, text or base64: one of them. */
static enum code
read_body(struct conn *c, struct ws_command *cmd, struct msg_publish *p,
    struct fault *f)
{
	const struct json_value *v = cmd->values;
	int given = (v[WS_DATA].kind != JSON_NONE) +
	            (v[WS_TEXT].kind != JSON_NONE) +
	            (v[WS_BASE64].kind != JSON_NONE);
	struct slice text;
	size_t from;

	if (given != 1)
		return wrong(f,
		    given == 0 ? CODE_missing_field : CODE_bad_field,
		    "one of data, text and base64", "data");
	if (v[WS_DATA].kind != JSON_NONE) {
		p->body = v[WS_DATA].raw;
	} else if (v[WS_TEXT].kind != JSON_NONE) {
		p->body = ws_text(c, v[WS_TEXT]);
		p->type = SLICE("text/plain;charset=utf-8");
	} else {
		text = ws_text(c, v[WS_BASE64]);
		from = c->hub->text.n;
		if (base64_decode(&c->hub->text, text, BASE64_EITHER) != NULL)
			return wrong(f, CODE_bad_field, "not base64", "base64");
		p->body = (struct slice){
		    c->hub->text.p + from, c->hub->text.n - from};
		p->type = SLICE("application/octet-stream");
	}
	return CODE_ok;
}

static enum code
read_rest(struct conn *c, struct ws_command *cmd, struct msg_publish *p,
    struct fault *f)
{
	const struct json_value *v = cmd->values;
	uint64_t ttl;

	p->id = ws_text(c, v[WS_ID]);
	if (p->id.n > 255)
		return wrong(f, CODE_bad_field, "longer than 255 bytes", "id");
	if (v[WS_TTL].kind != JSON_NONE) {
		if (!json_uint(v[WS_TTL], &ttl) || ttl > 1000000000)
			return wrong(f, CODE_bad_field, "seconds", "ttl");
		p->expires = loop_unix_ms(c->hub->d.loop) + ttl * 1000;
	}
	if (json_is(v[WS_RECEIPT], SLICE("stored")))
		p->receipt = RECEIPT_STORED;
	else if (v[WS_RECEIPT].kind != JSON_NONE &&
		 !json_is(v[WS_RECEIPT], SLICE("routed")))
		return wrong(f, CODE_bad_field, "routed or stored", "receipt");
	return CODE_ok;
}

enum code
ws_publish(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	struct msg m = {.id = MSG_publish};
	const char *why = channel_check(cmd->channel);
	enum code code;

	if (why != NULL)
		return wrong(f, CODE_bad_channel, why, "channel");
	if (channel_kind(cmd->channel) == CHANNEL_META)
		return wrong(f, CODE_forbidden, "meta channels are read-only",
		    "channel");
	m.publish.channel = cmd->channel;
	if ((code = may_publish(c, cmd, f)) != CODE_ok ||
	    (code = read_body(c, cmd, &m.publish, f)) != CODE_ok ||
	    (code = read_rest(c, cmd, &m.publish, f)) != CODE_ok)
		return code;
	if (c->asks_n >= c->hub->limits.commands)
		return wrong(f, CODE_too_many,
		    "too many publishes wait for their answer", NULL);
	if (!bus_can_publish(c->hub->d.bus))
		return wrong(f, CODE_busy, NULL, NULL);
	ask_publish(
	    c, &(struct ask_want){
		   .ref = cmd->ref, .publish = &m, .answered = answered});
	return CODE_ok;
}
