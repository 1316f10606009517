/*
 * curl.c - libcurl, and nothing else knows it.
 *
 *	waiting ---> a slot is free ---> on its way ---> done
 *
 * libcurl says which descriptors it wants watched and when it wants to be
 * called; the loop does both, with one timer in user space.  Each slot keeps
 * its handle, and libcurl its connections, for the next request.  Which
 * requests have ended is looked up behind each call into libcurl, so `done`
 * is never called from inside it.
 */
#include "pushers/curl.h"

#include "common/must.h"
#include "common/stats.h"

#include <curl/curl.h>

enum {
	CONNECT_MS = 10000,
	URL_MAX = 2048, /* bytes, of what we are told in settings */
};

struct post_slot {
	struct list node; /* of the free ones */
	CURL *easy;
	struct curl_slist *headers;
	struct post *t; /* NULL: free */
	char error[CURL_ERROR_SIZE];
};

struct posts {
	struct loop *loop;
	CURLM *multi;
	struct post_slot *slots;
	unsigned nslots;
	struct list free, waiting;
	struct timer timer;
	struct list sockets;
	struct list ended; /* struct post, to be told */
	struct timer tell; /* armed while any is */
	char *ca, *proxy;
};

/* A descriptor of libcurl's. */
struct socket {
	struct list node;
	struct watch watch;
	struct posts *all;
	curl_socket_t fd;
};

static void look_for_ends(struct posts *);

/* ---- What libcurl wants of the loop */

static void
act(struct posts *c, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(c->multi, fd, events, &running);
	look_for_ends(c);
}

static void
socket_ready(struct watch *w, unsigned events)
{
	struct socket *s = container_of(w, struct socket, watch);

	act(s->all, s->fd,
	    ((events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
		((events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static void
timer_rang(struct timer *t)
{
	act(container_of(t, struct posts, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void
socket_free(struct socket *s)
{
	loop_unwatch(s->all->loop, &s->watch);
	list_remove(&s->node);
	free(s);
}

static int
want_socket(CURL *easy, curl_socket_t fd, int what, void *all, void *socket)
{
	struct posts *c = all;
	struct socket *s = socket;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			socket_free(s);
		curl_multi_assign(c->multi, fd, NULL);
		return 0;
	}
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->all = c;
		s->fd = fd;
		s->watch.ready = socket_ready;
		list_append(&c->sockets, &s->node);
		curl_multi_assign(c->multi, fd, s);
	}
	loop_watch(c->loop, &s->watch, fd,
	    ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0) |
		((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0));
	return 0;
}

static int
want_timer(CURLM *multi, long ms, void *all)
{
	struct posts *c = all;

	(void)multi;
	if (ms < 0)
		timer_cancel(&c->timer);
	else
		loop_arm(c->loop, &c->timer, (uint64_t)ms);
	return 0;
}

/* ---- One request */

static size_t
take_reply(char *p, size_t size, size_t n, void *post)
{
	struct post *t = post;

	n *= size;
	return buf_add(&t->reply, p, n) ? n : 0;
}

static void
add_header(struct post_slot *s, const char *name, struct slice value)
{
	struct buf line = {0};
	struct curl_slist *more;

	buf_printf(&line, "%s:%s%.*s", name, value.n != 0 ? " " : "",
	    SLICE_ARGS(value));
	buf_chr(&line, '\0');
	more = curl_slist_append(s->headers, line.p);
	must(more != NULL);
	s->headers = more;
	buf_free(&line);
}

/* A header with nothing behind its colon is left out by libcurl. */
static void
add_headers(struct post_slot *s, const struct post *t)
{
	add_header(s, "Content-Type", slice_of(t->type));
	add_header(s, "Expect", SLICE(""));
	if (t->authorization.n != 0)
		add_header(s, "Authorization", t->authorization);
}

static void
start(struct posts *c, struct post_slot *s, struct post *t)
{
	s->t = t;
	t->slot = s;
	add_headers(s, t);
	curl_easy_setopt(s->easy, CURLOPT_URL, t->url);
	curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, t->body.p);
	curl_easy_setopt(
	    s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.n);
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
	curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
	stats_add(STAT_push_requests, 1);
	must(curl_multi_add_handle(c->multi, s->easy) == CURLM_OK);
}

/* The slot is free again; nothing is told. */
static void
leave_slot(struct post *t)
{
	struct post_slot *s = t->slot;

	curl_multi_remove_handle(t->all->multi, s->easy);
	curl_slist_free_all(s->headers);
	s->headers = NULL;
	s->t = NULL;
	t->slot = NULL;
	list_append(&t->all->free, &s->node);
}

static void
fill_slots(struct posts *c)
{
	while (!list_empty(&c->free) && !list_empty(&c->waiting)) {
		struct list *slot = list_shift(&c->free);
		struct list *next = list_shift(&c->waiting);

		stats_sub(STAT_push_requests_waiting, 1);
		start(c, container_of(slot, struct post_slot, node),
		    container_of(next, struct post, node));
	}
}

/* Not even a connection that could carry it was there. */
static bool
is_unsent(struct post_slot *s, CURLcode code)
{
	curl_off_t us = 0;

	if (code == CURLE_OPERATION_TIMEDOUT)
		curl_easy_getinfo(s->easy, CURLINFO_PRETRANSFER_TIME_T, &us);
	return (code == CURLE_OPERATION_TIMEDOUT && us == 0) ||
	       code == CURLE_COULDNT_CONNECT ||
	       code == CURLE_COULDNT_RESOLVE_HOST ||
	       code == CURLE_COULDNT_RESOLVE_PROXY ||
	       code == CURLE_SSL_CONNECT_ERROR ||
	       code == CURLE_PEER_FAILED_VERIFICATION;
}

static void
note_answer(struct post *t, CURLcode code)
{
	struct post_slot *s = t->slot;
	curl_off_t wait = 0;
	long status = 0;

	if (code == CURLE_OK) {
		curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &wait);
	} else {
		stats_add(STAT_push_requests_failed, 1);
	}
	t->status = (unsigned)status;
	t->retry_after = wait > 0 ? (uint64_t)wait : 0;
	t->unsent = is_unsent(s, code);
	t->why = code == CURLE_WRITE_ERROR ? "answer too large"
	                                   : curl_easy_strerror(code);
}

static void
look_for_ends(struct posts *c)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
		CURLcode code = m->data.result;
		struct post_slot *s = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
		list_append(&c->ended, &s->t->node);
		note_answer(s->t, code);
		leave_slot(s->t);
	}
	if (!list_empty(&c->ended) && !timer_armed(&c->tell))
		loop_arm(c->loop, &c->tell, 0);
	fill_slots(c);
}

/* In a timer of its own: what it calls may post and cancel. */
static void
tell(struct timer *timer)
{
	struct posts *c = container_of(timer, struct posts, tell);
	struct list *node;

	while ((node = list_shift(&c->ended)) != NULL) {
		struct post *t = container_of(node, struct post, node);

		t->all = NULL;
		t->done(t);
	}
}

void
post_send(struct posts *c, struct post *t)
{
	must(t->all == NULL);
	t->all = c;
	t->status = 0;
	t->why = "";
	t->retry_after = 0;
	t->unsent = false;
	t->slot = NULL;
	t->reply.max = POST_REPLY_MAX;
	buf_clear(&t->reply);
	list_init(&t->node);
	list_append(&c->waiting, &t->node);
	stats_add(STAT_push_requests_waiting, 1);
	fill_slots(c);
}

void
post_cancel(struct post *t)
{
	struct posts *c = t->all;

	if (c == NULL)
		return;
	stats_sub(STAT_push_requests_waiting, post_waits(t));
	list_remove(&t->node);
	if (t->slot != NULL)
		leave_slot(t);
	t->all = NULL;
	fill_slots(c);
}

bool
post_waits(const struct post *t)
{
	return t->all != NULL && t->slot == NULL && t->status == 0 &&
	       t->why[0] == '\0';
}

/* ---- A life */

static void
open_slot(struct posts *c, struct post_slot *s)
{
	s->easy = curl_easy_init();
	must(s->easy != NULL);
	curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
	curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(
	    s->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(s->easy, CURLOPT_USERAGENT, "posthorn");
	curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(s->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(
	    s->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* A lookup that nobody waits for any more ends by itself: else who
	 * leaves off waits for the name server, and with him the loop. */
	curl_easy_setopt(s->easy, CURLOPT_QUICK_EXIT, 1L);
	if (c->ca[0] != '\0') { /* and not the system's as well */
		curl_easy_setopt(s->easy, CURLOPT_CAINFO, c->ca);
		curl_easy_setopt(s->easy, CURLOPT_CAPATH, NULL);
	}
	if (c->proxy[0] != '\0')
		curl_easy_setopt(s->easy, CURLOPT_PROXY, c->proxy);
	list_append(&c->free, &s->node);
}

static void
open_multi(struct posts *c)
{
	c->multi = curl_multi_init();
	must(c->multi != NULL);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->nslots);
	curl_multi_setopt(
	    c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)c->nslots);
}

struct posts *
posts_new(const struct posts_setup *setup, const char **why)
{
	struct posts *c;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		*why = "libcurl does not start";
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->loop = setup->loop;
	c->nslots = setup->connections;
	c->ca = xstrdup(setup->ca);
	c->proxy = xstrdup(setup->proxy);
	list_init(&c->free);
	list_init(&c->waiting);
	list_init(&c->sockets);
	list_init(&c->ended);
	timer_init(&c->timer, timer_rang);
	timer_init(&c->tell, tell);
	open_multi(c);
	c->slots = xcalloc(c->nslots, sizeof(*c->slots));
	for (unsigned i = 0; i < c->nslots; i++)
		open_slot(c, &c->slots[i]);
	return c;
}

void
posts_free(struct posts **cp)
{
	struct posts *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	while (!list_empty(&c->waiting))
		post_cancel(container_of(c->waiting.next, struct post, node));
	while (!list_empty(&c->ended))
		post_cancel(container_of(c->ended.next, struct post, node));
	for (unsigned i = 0; i < c->nslots; i++) {
		if (c->slots[i].t != NULL)
			post_cancel(c->slots[i].t);
		curl_easy_cleanup(c->slots[i].easy);
	}
	curl_multi_cleanup(c->multi);
	while (!list_empty(&c->sockets))
		socket_free(container_of(c->sockets.next, struct socket, node));
	timer_cancel(&c->timer);
	timer_cancel(&c->tell);
	free(c->slots);
	free(c->ca);
	free(c->proxy);
	free(c);
	curl_global_cleanup();
}
