/*
 * line.c - from a message to the bus, and from its answer to JSON.
 */
#include "ingress/line.h"

#include "common/cursor.h"
#include "common/http_reply.h"
#include "common/json_write.h"
#include "common/message.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/tally.h"

static void
answered(struct ticket *t, const struct msg_published *got)
{
	struct line *l = container_of(t, struct line, ticket);

	l->got = *got;
	l->fault = (struct native_fault){.code = (enum code)got->code,
	    .field = code_field((enum code)got->code)};
	l->answered = true;
	tally_answered(l->fault.code);
	l->done(l);
}

void
line_refuse(struct line *l, const struct native_fault *f)
{
	l->ticket.item = NULL;
	l->fault = *f;
	l->answered = true;
	tally_taken();
	tally_refused(f->code);
}

void
line_fail(struct line *l, const struct native_fault *f)
{
	ticket_forget(&l->ticket);
	l->fault = *f;
	l->answered = true;
	tally_refused(f->code);
}

enum code
line_read(struct front *front, struct slice json)
{
	return native_read(&front->native, json, loop_unix_ms(front->loop));
}

void
line_publish(struct line *l, struct front *front, const struct line_publish *p)
{
	const struct msg_publish *m = &p->publish->publish;
	unsigned shards = bus_shards(front->bus);
	uint64_t now = loop_unix_ms(front->loop) / 1000;
	struct native_fault f = {.field = "channel"};

	f.code = auth_stands(front->auth, p->grant, now)
	             ? grant_publish(p->grant, m->channel, now)
	             : CODE_unauthorized;
	if (f.code != CODE_ok) {
		stats_add(STAT_auth_refused, 1);
		line_refuse(l, &f);
		return;
	}
	l->answered = false;
	l->channel_n = (uint8_t)m->channel.n;
	l->id_n = (uint8_t)m->id.n;
	memcpy(l->text, m->channel.p, m->channel.n);
	if (m->id.n != 0)
		memcpy(l->text + m->channel.n, m->id.p, m->id.n);
	l->shard = shards > 1 ? channel_shard(m->channel, shards) : 0;
	l->ticket = (struct ticket){.answered = answered};
	tally_taken();
	bus_publish(front->bus, p->publish, &l->ticket);
}

void
line_forget(struct line *l)
{
	if (l->ticket.item != NULL)
		tally_abandoned();
	ticket_forget(&l->ticket);
}

struct http_fault
line_fault(const struct native_fault *f, char room[NATIVE_WHY])
{
	return (struct http_fault){
	    code_name(f->code), native_why(f, room), f->field};
}

static void
put_fault(const struct native_fault *f, struct buf *out)
{
	char room[NATIVE_WHY];
	struct http_fault h = line_fault(f, room);

	http_error_body(out, &h);
}

static void
put_cursor(const struct line *l, struct buf *out)
{
	struct cursor_part part = {l->shard, l->got.epoch, l->got.offset};
	char *room;

	if (l->shard != 0) {
		cursor_put(out, &part, 1);
		return;
	}
	room = buf_room(out, CURSOR_ONE);
	must(room != NULL);
	out->n += cursor_write(room, part.epoch, part.offset);
}

void
line_put(const struct line *l, struct buf *out)
{
	struct slice channel = {l->text, l->channel_n};
	struct slice id = {l->text + l->channel_n, l->id_n};

	if (l->fault.code != CODE_ok) {
		put_fault(&l->fault, out);
		return;
	}
	buf_put(out, SLICE("{\"id\":"));
	if (id.n != 0)
		json_escape(out, id);
	else
		buf_put(out, SLICE("null"));
	buf_put(out, SLICE(",\"channel\":\""));
	buf_put(out, channel); /* path characters: nothing to escape */
	buf_put(out, SLICE("\",\"cursor\":\""));
	put_cursor(l, out);
	buf_put(out, SLICE("\",\"hubs\":"));
	buf_num(out, l->got.hubs);
	kept_put(out, (unsigned)l->got.kept);
	buf_chr(out, '}');
}
