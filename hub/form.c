/*
 * form.c - an event in each form somebody here reads.
 */
#include "hub/form.h"

#include "common/hash.h"
#include "common/incus_body.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/message.h"
#include "common/must.h"
#include "hub/deflate.h"
#include "hub/form_bayeux.h"
#include "hub/form_tyron.h"
#include "hub/msgpack.h"
#include "hub/websocket.h"

struct forms {
	struct deflate *deflate;
	const struct event *event;
	struct buf json, msgpack; /* the object; empty until asked for */
	struct buf incus;         /* likewise, for Incus' clients */
	struct buf bayeux;        /* likewise, for Bayeux clients */
	struct buf line; /* json without line ends, where it had some */
	struct buf packed;
	struct buf answer; /* apart: answers are given while an event is on */
};

struct forms *
forms_new(struct deflate *d)
{
	struct forms *f = xcalloc(1, sizeof(*f));

	f->deflate = d;
	return f;
}

void
forms_free(struct forms **fp)
{
	struct forms *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	buf_free(&f->json);
	buf_free(&f->msgpack);
	buf_free(&f->incus);
	buf_free(&f->bayeux);
	buf_free(&f->line);
	buf_free(&f->packed);
	buf_free(&f->answer);
	free(f);
}

uint64_t
form_filter(struct slice narrowed)
{
	uint64_t hash = narrowed.n != 0 ? hash_fixed(narrowed) : 0;

	return narrowed.n != 0 && hash == 0 ? 1 : hash;
}

void
forms_begin(struct forms *f, const struct event *e)
{
	f->event = e;
	buf_clear(&f->json);
	buf_clear(&f->msgpack);
	buf_clear(&f->incus);
	buf_clear(&f->bayeux);
	buf_clear(&f->line);
}

static void
put_gap(struct buf *b, const struct event *e)
{
	buf_str(b, "{\"channel\":\"");
	buf_put(b, e->channel); /* pchars: nothing to escape */
	buf_str(b, "\",\"gap\":{\"from\":\"");
	message_cursor(b, e->shard, e->from_epoch, e->from);
	buf_str(b, "\",\"to\":\"");
	message_cursor(b, e->shard, e->epoch, e->offset);
	buf_str(b, "\",\"reason\":\"");
	buf_str(b, gap_reason_name(e->reason));
	buf_str(b, "\"}}");
}

static void
put_message(struct buf *b, const struct event *e)
{
	message_put(b, &(struct message){.channel = e->channel,
			   .type = e->type,
			   .body = e->body,
			   .id = e->id,
			   .shard = e->shard,
			   .epoch = e->epoch,
			   .offset = e->offset});
}

static struct slice
as_json(struct forms *f)
{
	if (f->json.n != 0)
		return buf_slice(&f->json);
	if (f->event->reason != GAP_NONE)
		put_gap(&f->json, f->event);
	else
		put_message(&f->json, f->event);
	return buf_slice(&f->json);
}

/* Published JSON may be spread over lines; an SSE field cannot. */
static struct slice
as_line(struct forms *f)
{
	struct slice json = as_json(f);

	if (json_one_line(json))
		return json;
	if (f->line.n == 0)
		json_compact(&f->line, json);
	return buf_slice(&f->line);
}

static struct slice
as_msgpack(struct forms *f)
{
	if (f->msgpack.n == 0)
		msgpack_from_json(&f->msgpack, as_json(f));
	return buf_slice(&f->msgpack);
}

static void
put_frame(struct buf *b, enum websocket_kind kind, struct slice payload)
{
	websocket_put(
	    b, (struct websocket_frame){.kind = kind, .payload = payload});
}

/* Packed where that is shorter: a plain frame is always right. */
static void
put_packed(struct forms *f, struct buf *b, enum websocket_kind kind,
    struct slice payload)
{
	struct websocket_frame frame = {.kind = kind, .payload = payload};

	buf_clear(&f->packed);
	if (f->deflate != NULL && payload.n >= FORM_PACK_MIN &&
	    deflate_pack(f->deflate, DEFLATE_WINDOW_MAX, payload, &f->packed) &&
	    f->packed.n < payload.n) {
		frame.packed = true;
		frame.payload = buf_slice(&f->packed);
	}
	websocket_put(b, frame);
}

static void
put_sse(struct forms *f, struct buf *b, bool id)
{
	const struct event *e = f->event;

	if (id) {
		buf_str(b, "id: ");
		message_cursor(b, e->shard, e->epoch, e->offset);
		buf_chr(b, '\n');
	}
	if (e->reason != GAP_NONE)
		buf_str(b, "event: gap\n");
	buf_str(b, "data: ");
	buf_put(b, as_line(f));
	buf_str(b, "\n\n");
}

/* One object, and a line's end behind it, which only sockets get. */
static struct slice
as_incus(struct forms *f)
{
	const struct event *e = f->event;

	if (f->incus.n == 0) {
		incus_body_tell(
		    &f->incus, &(struct incus_message){.type = e->type,
				   .body = e->body,
				   .time = e->unix_ms / 1000});
		buf_chr(&f->incus, '\n');
	}
	return buf_slice(&f->incus);
}

/* {"event":E,"data":D,"time":T} with one member more. */
static void
put_incus_placed(struct forms *f, struct buf *b)
{
	const struct event *e = f->event;
	struct slice text;

	buf_clear(&f->packed);
	if (e->reason != GAP_NONE) {
		buf_put(&f->packed, as_json(f));
	} else {
		text = as_incus(f);
		buf_add(&f->packed, text.p, text.n - 2);
		buf_str(&f->packed, ",\"cursor\":\"");
		message_cursor(&f->packed, e->shard, e->epoch, e->offset);
		buf_str(&f->packed, "\"}");
	}
	buf_chr(&f->packed, '\n');
	put_frame(b, WEBSOCKET_TEXT, buf_slice(&f->packed));
}

/* Its old clients know of no holes. */
static void
put_incus(struct forms *f, struct buf *b, bool socket)
{
	struct slice text;

	if (f->event->reason != GAP_NONE)
		return;
	text = as_incus(f);
	if (socket)
		put_frame(b, WEBSOCKET_TEXT, text);
	else
		buf_add(b, text.p, text.n - 1);
}

static void
put_line(struct forms *f, struct buf *b)
{
	const struct event *e = f->event;

	if (e->reason != GAP_NONE || json_check(e->body, NULL, NULL) != NULL)
		return;
	json_compact(b, e->body);
	buf_chr(b, '\n');
}

static void
put_bayeux(struct forms *f, enum form form, struct buf *b)
{
	struct slice object;

	if (f->bayeux.n == 0)
		form_bayeux_put(&f->bayeux, f->event);
	object = buf_slice(&f->bayeux);
	if (form == FORM_BAYEUX) {
		buf_put(b, object);
	} else if (form == FORM_BAYEUX_EVENTS) {
		form_bayeux_event(b, object);
	} else if (object.n != 0) {
		buf_clear(&f->packed);
		buf_chr(&f->packed, '[');
		buf_put(&f->packed, object);
		buf_chr(&f->packed, ']');
		put_frame(b, WEBSOCKET_TEXT, buf_slice(&f->packed));
	}
}

void
form_put(struct forms *f, enum form form, struct buf *b)
{
	switch (form) {
	case FORM_WS_TEXT:
		put_frame(b, WEBSOCKET_TEXT, as_json(f));
		break;
	case FORM_WS_TEXT_DEFLATE:
		put_packed(f, b, WEBSOCKET_TEXT, as_json(f));
		break;
	case FORM_WS_MSGPACK:
		put_frame(b, WEBSOCKET_BINARY, as_msgpack(f));
		break;
	case FORM_WS_MSGPACK_DEFLATE:
		put_packed(f, b, WEBSOCKET_BINARY, as_msgpack(f));
		break;
	case FORM_SSE:
		put_sse(f, b, true);
		break;
	case FORM_SSE_NO_ID:
		put_sse(f, b, false);
		break;
	case FORM_POLL:
		buf_put(b, as_json(f));
		break;
	case FORM_INCUS_PLACED:
		put_incus_placed(f, b);
		break;
	case FORM_INCUS:
	case FORM_INCUS_POLL:
		put_incus(f, b, form == FORM_INCUS);
		break;
	case FORM_LINE:
		put_line(f, b);
		break;
	case FORM_TYRON:
		if (f->event->reason == GAP_NONE)
			form_tyron_put(b, f->event->type, f->event->body);
		break;
	case FORM_BAYEUX:
	case FORM_BAYEUX_WS:
	case FORM_BAYEUX_EVENTS:
		put_bayeux(f, form, b);
		break;
	case FORMS:
		must(form != FORMS);
	}
}

void
form_frame(struct forms *f, enum form form, struct slice json, struct buf *b)
{
	if (form == FORM_WS_TEXT || form == FORM_WS_TEXT_DEFLATE) {
		put_frame(b, WEBSOCKET_TEXT, json);
		return;
	}
	buf_clear(&f->answer);
	msgpack_from_json(&f->answer, json);
	put_frame(b, WEBSOCKET_BINARY, buf_slice(&f->answer));
}
