/*
 * visit.c - from a token's claim to an attendee, and back when it ends.
 */
#include "hub/visit.h"

#include "common/base64.h"
#include "common/channel.h"
#include "common/crypto.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/must.h"
#include "hub/conn.h"

enum { SESSION_BYTES = 12 }; /* of chance: 16 characters */

static enum code
wrong(struct fault *f, enum code code, const char *message, const char *field)
{
	*f = (struct fault){code, message, field};
	return code;
}

/* Digits, maybe behind a minus, and not zero: what two clients spell alike. */
static bool
whole_number(struct slice s)
{
	if (s.n > 1 && s.p[0] == '-')
		s = slice_from(s, 1);
	if (s.n == 0 || s.p[0] == '0' || s.n > 20)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

static bool
good_name(struct slice s)
{
	if (s.n == 0 || s.n > ATTEND_USER_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

enum code
identity_of(const struct grant *g, struct identity *who, struct buf *text,
    struct fault *f)
{
	static const struct json_field fields[] = {
	    {SLICE_INIT("id"), JSON_ANY, false}};
	struct json_value id;
	struct json_walk w;

	*who = (struct identity){{NULL, 0}, {NULL, 0}};
	if (g->who.n == 0)
		return CODE_ok;
	must(buf_room(text, 2 * g->who.n) != NULL);
	json_object(&w, g->who, NULL);
	if (!json_object_read(&w, (struct json_table){fields, 1}, &id))
		return wrong(f, CODE_bad_token,
		    "the token's presence cannot be read", "token");
	who->data.p = text->p + text->n;
	json_compact(text, g->who);
	who->data.n = (size_t)(text->p + text->n - who->data.p);
	if (id.kind == JSON_STRING)
		who->user = json_string(id, text);
	else if (id.kind == JSON_NUMBER && whole_number(id.raw))
		who->user = id.raw;
	if (!good_name(who->user))
		return wrong(f, CODE_bad_token,
		    "the token's presence has no id: text of 1 to 255 bytes, "
		    "or a whole number but 0",
		    "token");
	if (who->data.n > ATTEND_DATA_MAX)
		return wrong(f, CODE_too_large,
		    "the token's presence is larger than 4096 bytes", "token");
	return CODE_ok;
}

enum code
session_check(struct slice s, struct fault *f)
{
	static const char more[] = "-._~";
	bool good = s.n <= ATTEND_SESSION_MAX;

	for (size_t i = 0; good && i < s.n; i++) {
		char c = s.p[i];

		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		       (c >= 'A' && c <= 'Z') ||
		       memchr(more, c, sizeof(more) - 1) != NULL;
	}
	return good ? CODE_ok
	            : wrong(f, CODE_bad_field, "1 to 63 of A-Z a-z 0-9 - . _ ~",
			  "session");
}

bool
visit_place(struct slice channel)
{
	return channel_kind(channel) == CHANNEL_PRESENCE &&
	       !channel_is_pattern(channel);
}

/* ---- One visit */

static void
refused(struct attend *a, enum code code)
{
	struct visit *v = container_of(a, struct visit, attend);
	struct conn *c = v->conn;
	struct sub *sub = sub_find(c->hub->subs, &c->reader, v->channel);
	const char *why = code == CODE_too_many
	                      ? "as many are present as may be"
	                      : "no room is left for who is present";

	if (v->pending)
		v->face->refused(v, code, why);
	else if (sub != NULL)
		c->reader.face->refused(&c->reader, sub, code);
	else
		visit_end(v, false);
}

static void
enter(struct visit *v, const struct visit_want *want)
{
	struct attend_who who = {
	    .channel = want->channel,
	    .session = want->session,
	    .user = want->who->user,
	    .data = want->who->data,
	    .shard =
		channel_shard(want->channel, bus_shards(v->conn->hub->d.bus)),
	};
	char chance[SESSION_BYTES];
	struct buf made = {0};

	if (who.session.n == 0) {
		crypto_random(chance, sizeof(chance));
		base64_encode(
		    &made, (struct slice){chance, sizeof(chance)}, BASE64_URL);
		who.session = buf_slice(&made);
	}
	v->attend.refused = refused;
	attend_enter(v->conn->hub->attends, &v->attend, &who);
	if (v->conn->dialect->present != NULL)
		v->conn->dialect->present(v->conn, &who, true);
	buf_free(&made);
}

struct visit *
visit_new(struct conn *c, const struct visit_want *want)
{
	struct visit *v =
	    xcalloc(1, sizeof(*v) + want->channel.n + want->ref.n +
			   want->cursor.n + want->after.n + want->user.n);
	char *at = v->bytes;

	v->conn = c;
	v->face = want->face;
	v->expires = want->expires;
	v->looks = want->looks;
	v->brief = want->brief;
	v->channel = slice_keep(&at, want->channel);
	v->ref = slice_keep(&at, want->ref);
	v->cursor = slice_keep(&at, want->cursor);
	v->after = slice_keep(&at, want->after);
	v->user = slice_keep(&at, want->user);
	list_init(&v->attend.node);
	v->next = c->visits;
	c->visits = v;
	if (want->who != NULL)
		enter(v, want);
	return v;
}

static void
begin(struct roster *r)
{
	buf_clear(&container_of(r, struct visit, roster)->rows);
}

static void
present(struct roster *r, const struct msg_present *m)
{
	struct visit *v = container_of(r, struct visit, roster);

	v->face->row(v, m);
	buf_clear(&v->last);
	buf_put(&v->last, m->user);
}

static void
end(struct roster *r, const struct msg_roster_end *m)
{
	struct visit *v = container_of(r, struct visit, roster);

	v->pending = false;
	if (m->code == CODE_ok)
		v->face->told(v, m);
	else
		v->face->refused(v, (enum code)m->code, NULL);
}

void
visit_ask(struct visit *v, unsigned limit)
{
	struct hub *h = v->conn->hub;

	v->pending = true;
	v->roster = (struct roster){
	    .shard = channel_shard(v->channel, bus_shards(h->d.bus)),
	    .limit = limit,
	    .channel = v->channel,
	    .after = v->after,
	    .user = v->user,
	    .begin = begin,
	    .present = present,
	    .end = end,
	};
	roster_ask(h->attends, &v->roster);
}

static void
absent(struct visit *v)
{
	struct attend_who who = attend_who(&v->attend);

	if (v->conn->dialect->present != NULL)
		v->conn->dialect->present(v->conn, &who, false);
}

void
visit_end(struct visit *v, bool linger)
{
	struct visit **at = &v->conn->visits;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	if (v->attend.attendee != NULL)
		absent(v);
	roster_drop(v->conn->hub->attends, &v->roster);
	attend_exit(v->conn->hub->attends, &v->attend, linger);
	buf_free(&v->rows);
	buf_free(&v->last);
	free(v);
}

/* ---- Those of a connection */

struct visit *
visit_find(const struct conn *c, struct slice channel)
{
	for (struct visit *v = c->visits; v != NULL; v = v->next)
		if (!v->looks && slice_eq(v->channel, channel))
			return v;
	return NULL;
}

unsigned
visits_pending(const struct conn *c)
{
	unsigned n = 0;

	for (const struct visit *v = c->visits; v != NULL; v = v->next)
		n += v->pending || v->rows.n != 0;
	return n;
}

enum code
visit_check(struct conn *c, const struct subscribe *s, struct slice session,
    struct fault *f)
{
	struct buf *text = &c->hub->text;
	struct identity who = {{NULL, 0}, {NULL, 0}};
	enum code code = session_check(session, f);

	if (code != CODE_ok || !visit_place(s->channel) || c->grant == NULL)
		return code;
	buf_clear(text);
	return identity_of(c->grant, &who, text, f);
}

void
visit_come(struct conn *c, const struct subscribe *s, struct slice session)
{
	struct buf *text = &c->hub->text;
	struct identity who;
	struct fault f;

	if (!visit_place(s->channel) || c->grant == NULL)
		return;
	buf_clear(text);
	if (identity_of(c->grant, &who, text, &f) != CODE_ok || who.user.n == 0)
		return;
	visit_new(c, &(struct visit_want){
			 .channel = s->channel,
			 .who = &who,
			 .session = session,
		     });
}

void
visit_row(struct visit *v, const struct msg_present *m)
{
	if (v->rows.n != 0)
		buf_chr(&v->rows, ',');
	json_escape(&v->rows, m->user);
	buf_chr(&v->rows, ':');
	buf_put(&v->rows, m->data.n != 0 ? m->data : SLICE("{}"));
}

void
visit_left(struct conn *c, struct slice channel)
{
	struct visit *v = visit_find(c, channel);

	if (v != NULL)
		visit_end(v, false);
}

void
visits_lost(struct conn *c)
{
	while (c->visits != NULL)
		visit_end(c->visits, !c->visits->brief);
}
