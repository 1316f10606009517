/*
 * h2_peer.h - the server's end of HTTP/2, which answers as a test says.
 *
 * Without I/O, as h2.h is.  It answers nothing by itself.
 */
#ifndef TESTS_UNIT_H2_PEER_H
#define TESTS_UNIT_H2_PEER_H

#include "common/buf.h"
#include "common/must.h"

#include <nghttp2/nghttp2.h>

enum { PEER_ASKED = 4096 };

/* A request as it came; fields are "name: value" lines. */
struct asked {
	int32_t stream;
	struct buf fields, body;
	bool whole, reset;
	bool fixed; /* a field came as never to be indexed */
};

/* What is being said as a body; in a list until the peer is freed. */
struct said {
	struct said *next;
	size_t n, at;
	char p[];
};

struct peer {
	nghttp2_session *session;
	struct asked *asked;
	unsigned n, pings, whole;
	struct said *said;
};

static inline struct asked *
peer_find(struct peer *p, int32_t stream)
{
	for (unsigned i = p->n; i-- != 0;)
		if (p->asked[i].stream == stream)
			return &p->asked[i];
	return NULL;
}

static inline int
peer_begin(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	struct peer *p = arg;

	(void)s;
	must(p->n < PEER_ASKED);
	p->asked[p->n++] = (struct asked){.stream = frame->hd.stream_id};
	return 0;
}

static inline int
peer_field(nghttp2_session *s, const nghttp2_frame *frame, nghttp2_rcbuf *name,
    nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
	struct asked *a = peer_find(arg, frame->hd.stream_id);
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
	nghttp2_vec v = nghttp2_rcbuf_get_buf(value);

	(void)s;
	buf_printf(&a->fields, "%.*s: %.*s\n", (int)n.len, (char *)n.base,
	    (int)v.len, (char *)v.base);
	if ((flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0)
		a->fixed = true;
	return 0;
}

static inline int
peer_bytes(nghttp2_session *s, uint8_t flags, int32_t stream, const uint8_t *b,
    size_t n, void *arg)
{
	(void)s, (void)flags;
	buf_add(&peer_find(arg, stream)->body, (const char *)b, n);
	return 0;
}

static inline int
peer_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	struct peer *p = arg;
	struct asked *a = peer_find(p, frame->hd.stream_id);

	(void)s;
	if (frame->hd.type == NGHTTP2_PING)
		p->pings++;
	if (frame->hd.type == NGHTTP2_RST_STREAM && a != NULL)
		a->reset = true;
	if ((frame->hd.type == NGHTTP2_HEADERS ||
		frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
		a->whole = true;
		p->whole++;
	}
	return 0;
}

static inline void
peer_limit(struct peer *p, unsigned streams)
{
	nghttp2_settings_entry e = {
	    NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams};

	must(nghttp2_submit_settings(p->session, 0, &e, 1) == 0);
}

/* What it answers with its SETTINGS lies ready. */
static inline void
peer_new(struct peer *p, unsigned streams)
{
	nghttp2_session_callbacks *on;

	*p = (struct peer){.asked = xcalloc(PEER_ASKED, sizeof(struct asked))};
	must(nghttp2_session_callbacks_new(&on) == 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(on, peer_begin);
	nghttp2_session_callbacks_set_on_header_callback2(on, peer_field);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
	    on, peer_bytes);
	nghttp2_session_callbacks_set_on_frame_recv_callback(on, peer_frame);
	must(nghttp2_session_server_new(&p->session, on, p) == 0);
	nghttp2_session_callbacks_del(on);
	peer_limit(p, streams);
}

static inline void
peer_free(struct peer *p)
{
	struct said *next;

	for (unsigned i = 0; i < p->n; i++) {
		buf_free(&p->asked[i].fields);
		buf_free(&p->asked[i].body);
	}
	for (; p->said != NULL; p->said = next) {
		next = p->said->next;
		free(p->said);
	}
	free(p->asked);
	nghttp2_session_del(p->session);
}

static inline bool
peer_feed(struct peer *p, struct slice s)
{
	return nghttp2_session_mem_recv(
		   p->session, (const uint8_t *)s.p, s.n) == (ssize_t)s.n;
}

static inline void
peer_take(struct peer *p, struct buf *out)
{
	const uint8_t *b;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(p->session, &b)) > 0)
		buf_add(out, (const char *)b, (size_t)n);
	must(n == 0);
}

static inline ssize_t
peer_read(nghttp2_session *s, int32_t stream, uint8_t *out, size_t room,
    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct said *said = source->ptr;

	(void)s, (void)stream, (void)arg;
	if (room > said->n - said->at)
		room = said->n - said->at;
	if (room != 0)
		memcpy(out, said->p + said->at, room);
	said->at += room;
	if (said->at == said->n)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)room;
}

/* An answer; id goes into apns-id, a text of NULL ends it with its head. */
struct peer_says {
	const char *status, *id, *text;
};

static inline nghttp2_nv
peer_nv(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
	    .value = (uint8_t *)(uintptr_t)value,
	    .namelen = strlen(name),
	    .valuelen = strlen(value)};
}

static inline void
peer_answer(struct peer *p, unsigned i, struct peer_says says)
{
	nghttp2_nv nv[] = {peer_nv(":status", says.status),
	    peer_nv("apns-id", says.id != NULL ? says.id : "")};
	size_t n = says.text != NULL ? strlen(says.text) : 0;
	struct said *said;
	nghttp2_data_provider body = {.read_callback = peer_read};

	if (says.text != NULL) {
		said = xmalloc(sizeof(*said) + n);
		*said = (struct said){.next = p->said, .n = n};
		memcpy(said->p, says.text, n);
		p->said = said;
		body.source.ptr = said;
	}
	must(nghttp2_submit_response(p->session, p->asked[i].stream, nv,
		 says.id != NULL ? 2 : 1,
		 says.text != NULL ? &body : NULL) == 0);
}

/* It takes no more, and did not look at what came after this one. */
static inline void
peer_leave(struct peer *p, int32_t last, const char *debug)
{
	must(nghttp2_submit_goaway(p->session, 0, last, NGHTTP2_NO_ERROR,
		 (const uint8_t *)debug, strlen(debug)) == 0);
}

static inline void
peer_reset(struct peer *p, unsigned i, uint32_t code)
{
	must(nghttp2_submit_rst_stream(
		 p->session, 0, p->asked[i].stream, code) == 0);
}

#endif
