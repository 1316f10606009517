/*
 * h2.c - nghttp2, made to hold calls that end once.
 *
 * nghttp2 tells of a stream's end in several ways, by when and why it ended,
 * and of some not at all.  So calls stand in a list of ours: what nghttp2 says
 * takes them out, and what is left at the end of the connection is cut off.
 */
#include "pushers/h2.h"

#include "common/must.h"

#include <nghttp2/nghttp2.h>

enum {
	HEADER_LIST = 8192, /* bytes of an answer's fields; Apple's are 200 */
	PSEUDO = 4,         /* fields every request has */
};

struct h2 {
	nghttp2_session *session;
	struct h2_face *face;
	struct slice keep;
	struct list calls; /* not ended */
	unsigned open, streams;
	bool settled; /* the peer's SETTINGS came */
	bool leaving; /* it takes no calls any more */
	bool left;    /* we want none: goodbye at the last one's end */
};

static struct h2_call *
call_of(const struct h2 *h, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(h->session, stream);
}

/* One call less. */
static void
forget(struct h2 *h, struct h2_call *c)
{
	list_remove(&c->node);
	h->open--;
	if (h->left && h->open == 0)
		nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
}

static void
end(struct h2 *h, struct h2_call *c, enum h2_end how)
{
	forget(h, c);
	h->face->ended(h->face, c, how);
}

/* ---- What nghttp2 tells */

static int
on_closed(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
	struct h2 *h = arg;
	struct h2_call *c = call_of(h, stream);

	if (c == NULL) /* dropped */
		return 0;
	nghttp2_session_set_stream_user_data(session, stream, NULL);
	if (c->whole)
		end(h, c, H2_ANSWERED);
	else if (!c->sent || c->refused || code == NGHTTP2_REFUSED_STREAM)
		end(h, c, H2_UNTOUCHED);
	else
		end(h, c, H2_BROKEN);
	return 0;
}

/* An interim answer (1xx) is followed by another one. */
static int
on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2_call *c = call_of(arg, frame->hd.stream_id);

	(void)session;
	if (c != NULL && c->status < 200)
		c->status = c->kept_n = 0;
	return 0;
}

static int
on_field(nghttp2_session *session, const nghttp2_frame *frame,
    nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
	struct h2 *h = arg;
	struct h2_call *c = call_of(h, frame->hd.stream_id);
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
	nghttp2_vec v = nghttp2_rcbuf_get_buf(value);
	struct slice field = {(const char *)n.base, n.len};
	struct slice said = {(const char *)v.base, v.len};
	uint64_t status;

	(void)session, (void)flags;
	if (c == NULL)
		return 0;
	if (slice_is(field, ":status") && slice_num(said, &status)) {
		c->status = (unsigned)status;
	} else if (slice_eq(field, h->keep) && said.n <= H2_KEPT) {
		memcpy(c->kept, said.p, said.n);
		c->kept_n = (unsigned)said.n;
	}
	return 0;
}

static int
on_bytes(nghttp2_session *session, uint8_t flags, int32_t stream,
    const uint8_t *p, size_t n, void *arg)
{
	struct h2_call *c = call_of(arg, stream);

	(void)session, (void)flags;
	if (c == NULL)
		return 0;
	if (n > H2_TEXT - c->text_n)
		n = H2_TEXT - c->text_n;
	memcpy(c->text + c->text_n, p, n);
	c->text_n += (unsigned)n;
	return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h = arg;
	struct h2_call *c;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_SETTINGS:
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
			break;
		h->settled = true;
		h->face->room(h->face);
		break;
	case NGHTTP2_GOAWAY:
		h->leaving = true;
		h->face->leaving(h->face,
		    (struct slice){(const char *)frame->goaway.opaque_data,
			frame->goaway.opaque_data_len});
		break;
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		c = call_of(h, frame->hd.stream_id);
		if (c != NULL && c->status >= 200 &&
		    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
			c->whole = true;
		break;
	default:
		break;
	}
	return 0;
}

static int
on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2_call *c;

	(void)session;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	c = call_of(arg, frame->hd.stream_id);
	if (c != NULL)
		c->sent = true;
	return 0;
}

static int
on_not_sent(
    nghttp2_session *session, const nghttp2_frame *frame, int why, void *arg)
{
	struct h2_call *c;

	(void)session, (void)why;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	c = call_of(arg, frame->hd.stream_id);
	if (c != NULL)
		c->refused = true;
	return 0;
}

/* The next bytes of a body. */
static ssize_t
read_body(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room,
    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2_call *c = call_of(arg, stream);

	(void)session, (void)source;
	if (c == NULL) /* dropped: its reset is on the way */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (room > c->body.n)
		room = c->body.n;
	if (room != 0)
		memcpy(out, c->body.p, room);
	c->body = slice_from(c->body, room);
	if (c->body.n == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)room;
}

/* ---- Its life */

static nghttp2_session *
open_session(struct h2 *h)
{
	nghttp2_session_callbacks *on;
	nghttp2_session *session = NULL;

	must(nghttp2_session_callbacks_new(&on) == 0);
	nghttp2_session_callbacks_set_on_stream_close_callback(on, on_closed);
	nghttp2_session_callbacks_set_on_begin_headers_callback(on, on_begin);
	nghttp2_session_callbacks_set_on_header_callback2(on, on_field);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_bytes);
	nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(on, on_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(
	    on, on_not_sent);
	must(nghttp2_session_client_new(&session, on, h) == 0);
	nghttp2_session_callbacks_del(on);
	return session;
}

struct h2 *
h2_new(const struct h2_setup *setup)
{
	static const nghttp2_settings_entry ours[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST},
	};
	struct h2 *h = xcalloc(1, sizeof(*h));

	h->face = setup->face;
	h->keep = setup->keep;
	h->streams = setup->streams;
	list_init(&h->calls);
	h->session = open_session(h);
	must(nghttp2_submit_settings(
		 h->session, NGHTTP2_FLAG_NONE, ours, LENGTH(ours)) == 0);
	return h;
}

void
h2_free(struct h2 **hp)
{
	struct h2 *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	must(list_empty(&h->calls));
	nghttp2_session_del(h->session);
	free(h);
}

unsigned
h2_room(const struct h2 *h)
{
	uint32_t peer = nghttp2_session_get_remote_settings(
	    h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	unsigned most = peer < h->streams ? (unsigned)peer : h->streams;

	if (!h->settled || h->leaving)
		return 0;
	return most > h->open ? most - h->open : 0;
}

unsigned
h2_open(const struct h2 *h)
{
	return h->open;
}

static nghttp2_nv
pair(struct slice name, struct slice value, bool once)
{
	return (nghttp2_nv){
	    .name = (uint8_t *)(uintptr_t)name.p,
	    .value = (uint8_t *)(uintptr_t)value.p,
	    .namelen = name.n,
	    .valuelen = value.n,
	    .flags = once ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE,
	};
}

bool
h2_submit(struct h2 *h, struct h2_call *c, const struct h2_request *r)
{
	nghttp2_nv nv[PSEUDO + H2_FIELDS] = {
	    pair(SLICE(":method"), SLICE("POST"), false),
	    pair(SLICE(":scheme"), SLICE("https"), false),
	    pair(SLICE(":authority"), r->authority, false),
	    pair(SLICE(":path"), r->path, false),
	};
	nghttp2_data_provider body = {.read_callback = read_body};

	must(r->n <= H2_FIELDS && h2_room(h) != 0);
	for (size_t i = 0; i < r->n; i++)
		nv[PSEUDO + i] = pair(
		    r->fields[i].name, r->fields[i].value, r->fields[i].once);
	c->status = c->kept_n = c->text_n = 0;
	c->sent = c->whole = c->refused = false;
	c->body = r->body;
	c->stream = nghttp2_submit_request(
	    h->session, NULL, nv, PSEUDO + r->n, &body, c);
	if (c->stream < 0) {
		h->leaving = true; /* its numbers of streams are used up */
		return false;
	}
	list_append(&h->calls, &c->node);
	h->open++;
	return true;
}

void
h2_drop(struct h2 *h, struct h2_call *c)
{
	if (c->node.next == NULL || list_empty(&c->node))
		return;
	nghttp2_session_set_stream_user_data(h->session, c->stream, NULL);
	forget(h, c);
	must(nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, c->stream,
		 NGHTTP2_CANCEL) == 0);
}

void
h2_drop_all(struct h2 *h)
{
	while (!list_empty(&h->calls))
		h2_drop(h, container_of(h->calls.next, struct h2_call, node));
}

void
h2_ping(struct h2 *h)
{
	must(nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL) == 0);
}

bool
h2_feed(struct h2 *h, struct slice s)
{
	ssize_t n =
	    nghttp2_session_mem_recv(h->session, (const uint8_t *)s.p, s.n);

	must(n != NGHTTP2_ERR_NOMEM);
	/* After a mistake of the peer nghttp2 reads on, until its goodbye
	 * is sent; then it wants no more. */
	if (n < 0 || (size_t)n != s.n)
		h->leaving = true;
	return n >= 0 && (size_t)n == s.n;
}

void
h2_take(struct h2 *h, struct buf *out, size_t most)
{
	const uint8_t *p;
	ssize_t n;

	while (out->n < most) {
		n = nghttp2_session_mem_send(h->session, &p);
		must(n != NGHTTP2_ERR_NOMEM);
		if (n <= 0)
			break;
		buf_add(out, (const char *)p, (size_t)n);
	}
}

void
h2_leave(struct h2 *h)
{
	h->leaving = true;
	if (h->left)
		return;
	h->left = true;
	if (h->open == 0)
		nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
}

bool
h2_over(const struct h2 *h)
{
	return nghttp2_session_want_read(h->session) == 0 &&
	       nghttp2_session_want_write(h->session) == 0;
}

void
h2_cut(struct h2 *h)
{
	struct list *node;
	struct h2_call *c;

	h->leaving = true;
	while ((node = h->calls.next) != &h->calls) {
		c = container_of(node, struct h2_call, node);
		nghttp2_session_set_stream_user_data(
		    h->session, c->stream, NULL);
		end(h, c,
		    c->whole                 ? H2_ANSWERED
		    : !c->sent || c->refused ? H2_UNTOUCHED
					     : H2_BROKEN);
	}
}
