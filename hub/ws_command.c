/*
 * ws_command.c - the commands of a native WebSocket client, and the answers.
 */
#include "common/cursor.h"
#include "common/must.h"
#include "hub/msgpack.h"
#include "hub/visit.h"
#include "hub/ws.h"

/* Any kind is read, so that an error can be answered with its ref; what each
 * must be is checked after, and by native.h what it alone knows. */
#define ROW(name)                                                              \
	{                                                                      \
		SLICE_INIT(name), JSON_ANY, false                              \
	}
static const struct json_field fields[WS_FIELDS] = {
    NATIVE_FIELDS,
    [WS_OP] = ROW("op"),
    [WS_REF] = ROW("ref"),
    [WS_CURSOR] = ROW("cursor"),
    [WS_TOKEN] = ROW("token"),
    [WS_SESSION] = ROW("session"),
    [WS_AFTER] = ROW("after"),
    [WS_LIMIT] = ROW("limit"),
    [WS_USER] = ROW("user"),
};

enum {
	TEXT = JSON_MAY(JSON_STRING) | JSON_MAY(JSON_NONE),
	MAYBE = TEXT | JSON_MAY(JSON_NULL),
	NUMBER = JSON_MAY(JSON_NUMBER) | JSON_MAY(JSON_NONE),
};
static const unsigned kinds[WS_FIELDS] = {
    [NATIVE_CHANNEL] = TEXT,
    [WS_OP] = TEXT,
    [WS_REF] = MAYBE | NUMBER,
    [WS_CURSOR] = MAYBE,
    [WS_TOKEN] = MAYBE,
    [WS_SESSION] = MAYBE,
    [WS_AFTER] = MAYBE,
    [WS_LIMIT] = NUMBER,
    [WS_USER] = MAYBE,
};

struct buf *
ws_answer(struct conn *c, struct slice ref, bool ok)
{
	struct buf *b = &c->hub->json;

	buf_clear(b);
	buf_chr(b, '{');
	if (ref.n != 0) {
		buf_str(b, "\"ref\":");
		buf_put(b, ref);
		buf_chr(b, ',');
	}
	buf_str(b, ok ? "\"ok\":true" : "\"ok\":false");
	return b;
}

void
ws_end(struct conn *c)
{
	buf_chr(&c->hub->json, '}');
	ws_say(c, buf_slice(&c->hub->json));
}

void
ws_fault(struct conn *c, struct slice ref, const struct fault *f)
{
	struct buf *b = ws_answer(c, ref, false);

	buf_chr(b, ',');
	fault_put(b, f);
	ws_end(c);
}

struct slice
ws_text(struct conn *c, struct json_value v)
{
	if (v.kind != JSON_STRING)
		return (struct slice){NULL, 0};
	return json_string(v, &c->hub->text);
}

static void
put_channel(struct buf *b, struct slice channel)
{
	buf_str(b, ",\"channel\":\"");
	buf_put(b, channel);
	buf_chr(b, '"');
}

void
ws_joined(struct reader *r, struct sub *sub, bool recovered)
{
	struct conn *c = container_of(r, struct conn, reader);
	struct cursor_part parts[CURSOR_PARTS];
	unsigned n = sub_position(sub, parts);
	struct slice ref = {NULL, 0};
	struct buf *b;

	if (sub->extra != NULL)
		ref = sub->extra->ref;
	recovered = recovered && !ws_is_new(c, sub_channel(sub));
	b = ws_answer(c, ref, true);
	put_channel(b, sub_channel(sub));
	buf_str(b, ",\"cursor\":\"");
	cursor_put(b, parts, n);
	buf_str(
	    b, recovered ? "\",\"recovered\":true" : "\",\"recovered\":false");
	ws_put_presence(c, sub_channel(sub), b);
	ws_end(c);
	conn_answered(sub);
}

void
ws_live(struct reader *r, struct sub *sub)
{
	(void)r;
	(void)sub;
}

/* A sub ends: a subscribe that was not answered yet is answered by that. */
static void
end_sub(struct conn *c, struct sub *sub, const struct fault *f)
{
	struct slice ref = {NULL, 0};
	struct buf *b;

	if (sub->extra != NULL && !sub->told)
		ref = sub->extra->ref;
	b = ws_answer(c, ref, false);
	put_channel(b, sub_channel(sub));
	buf_chr(b, ',');
	fault_put(b, f);
	ws_end(c);
	conn_unsubscribe(c, sub);
}

/* Of its own accord the hub ends one sub: the store refuses it, or its token
 * has expired. */
void
ws_refused(struct reader *r, struct sub *sub, enum code code)
{
	struct fault f = {.code = code};

	if (code == CODE_bad_token)
		f.message = "the token has expired";
	end_sub(container_of(r, struct conn, reader), sub, &f);
}

static enum code
wrong(struct fault *f, enum code code, const char *message, const char *field)
{
	*f = (struct fault){code, message, field};
	return code;
}

static enum code
subscribe(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	struct subscribe s = {
	    .channel = cmd->channel,
	    .cursor = ws_text(c, cmd->values[WS_CURSOR]),
	    .token = ws_text(c, cmd->values[WS_TOKEN]),
	    .ref = cmd->ref,
	};

	if (sub_find(c->hub->subs, &c->reader, s.channel) != NULL ||
	    visit_find(c, s.channel) != NULL)
		return wrong(
		    f, CODE_bad_field, "subscribed already", "channel");
	return ws_subscribe_presence(
	    c, &s, ws_text(c, cmd->values[WS_SESSION]), f);
}

static enum code
unsubscribe(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	struct sub *sub = sub_find(c->hub->subs, &c->reader, cmd->channel);
	struct visit *visit = visit_find(c, cmd->channel);
	struct buf *b;

	if (sub == NULL && visit == NULL)
		return wrong(f, CODE_not_found, "not subscribed", "channel");
	if (sub != NULL && sub->told)
		conn_unsubscribe(c, sub);
	else if (sub != NULL)
		end_sub(c, sub,
		    &(struct fault){CODE_not_found, "unsubscribed", NULL});
	else
		visit->face->refused(visit, CODE_not_found, "unsubscribed");
	b = ws_answer(c, cmd->ref, true);
	put_channel(b, cmd->channel);
	ws_end(c);
	return CODE_ok;
}

static enum code
ping(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	(void)f;
	ws_answer(c, cmd->ref, true);
	ws_end(c);
	return CODE_ok;
}

struct op {
	struct slice name;
	bool channel; /* it must name one */
	enum code (*run)(struct conn *, struct ws_command *, struct fault *);
};

static const struct op ops[] = {
    {SLICE_INIT("subscribe"), true, subscribe},
    {SLICE_INIT("unsubscribe"), true, unsubscribe},
    {SLICE_INIT("publish"), true, ws_publish},
    {SLICE_INIT("presence"), true, ws_presence},
    {SLICE_INIT("ping"), false, ping},
};

static enum code
execute(struct conn *c, struct ws_command *cmd, struct fault *f)
{
	for (unsigned i = 0; i < LENGTH(ops); i++) {
		if (!json_is(cmd->values[WS_OP], ops[i].name))
			continue;
		if (ops[i].channel &&
		    cmd->values[NATIVE_CHANNEL].kind == JSON_NONE)
			return wrong(f, CODE_missing_field, NULL, "channel");
		return ops[i].run(c, cmd, f);
	}
	return wrong(f, CODE_unknown_op, NULL, "op");
}

static enum code
read_fields(struct ws_command *cmd, struct slice json, struct fault *f)
{
	struct json_value *v = cmd->values;
	struct native_fault bad;
	struct json_walk w;

	json_object(&w, json, NULL);
	if (!json_object_read(&w, (struct json_table){fields, WS_FIELDS}, v)) {
		bad = native_bad_json(&w);
		if (cmd->msgpack)
			bad.at = 0;
		return wrong(f, bad.code, native_why(&bad, cmd->why), NULL);
	}
	if ((JSON_MAY(v[WS_REF].kind) & kinds[WS_REF]) == 0)
		return wrong(f, CODE_bad_field, "a string or number", "ref");
	if (v[WS_REF].kind != JSON_NONE && v[WS_REF].raw.n > WS_REF_MAX)
		return wrong(f, CODE_bad_field, "longer than 64 bytes", "ref");
	if (v[WS_REF].kind != JSON_NONE)
		cmd->ref = v[WS_REF].raw;
	for (unsigned i = 0; i < WS_FIELDS; i++)
		if (kinds[i] != 0 && (JSON_MAY(v[i].kind) & kinds[i]) == 0)
			return wrong(f, CODE_bad_field, NULL, fields[i].name.p);
	if (v[WS_OP].kind == JSON_NONE)
		return wrong(f, CODE_missing_field, NULL, "op");
	return CODE_ok;
}

void
ws_command(struct conn *c, struct slice message, bool msgpack)
{
	struct ws_command cmd = {.msgpack = msgpack};
	struct buf spelt = {.max = c->hub->limits.message * 2};
	struct fault f;
	const char *why = NULL;
	enum code code;

	if (msgpack) {
		why = msgpack_to_json(&spelt, message);
		message = buf_slice(&spelt);
	}
	buf_clear(&c->hub->text);
	(void)!buf_room(&c->hub->text, 2 * message.n + 1);
	if (why != NULL)
		code = wrong(&f, CODE_bad_request, why, NULL);
	else
		code = read_fields(&cmd, message, &f);
	if (code == CODE_ok) {
		cmd.channel = ws_text(c, cmd.values[NATIVE_CHANNEL]);
		code = execute(c, &cmd, &f);
	}
	if (code != CODE_ok)
		ws_fault(c, cmd.ref, &f);
	buf_free(&spelt);
}
