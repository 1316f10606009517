/*
 * accept.c - taking connections, also when there is no descriptor left: then
 * a client is told 503 and the listener rests, instead of a busy loop.
 */
#include "hub/accept.h"

#include "common/http_reply.h"
#include "common/log.h"
#include "common/must.h"
#include "common/net.h"
#include "common/stats.h"
#include "hub/conn.h"

#include <errno.h>

enum {
	ACCEPTS_MAX = 16,   /* listeners */
	ACCEPTS_TURN = 128, /* connections of one turn: others wait too */
	ACCEPTS_REST = 100, /* ms without descriptors */
};

struct accept {
	struct watch watch;
	struct timer rest;
	struct net_listener listener;
	struct hub *hub;
};

struct accepts {
	struct accept at[ACCEPTS_MAX];
	unsigned n;
};

static void
exhausted(struct accept *a, int fd)
{
	struct http_reply r = {.status = 503,
	    .close = true,
	    .extra = SLICE("Retry-After: 1\r\n"),
	    .date = hub_date(a->hub)};
	struct buf out = {0};

	stats_add(STAT_descriptors_exhausted, 1);
	stats_add(STAT_connections_refused, 1);
	log_warn("no_descriptors", "connections=%zu", a->hub->conns_n);
	http_reply_fault(&out, &r,
	    &(struct http_fault){.code = "too_many",
		.message = "no descriptor is left; try later"});
	net_refuse(&a->listener, fd, buf_slice(&out));
	buf_free(&out);
	loop_watch(a->hub->d.loop, &a->watch, a->listener.fd, 0);
	loop_arm(a->hub->d.loop, &a->rest, ACCEPTS_REST);
}

static void
rested(struct timer *t)
{
	struct accept *a = container_of(t, struct accept, rest);

	loop_watch(a->hub->d.loop, &a->watch, a->listener.fd, LOOP_READ);
}

static void
ready(struct watch *w, unsigned events)
{
	struct accept *a = container_of(w, struct accept, watch);
	int fd;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_TURN; i++) {
		switch (net_accept(&a->listener, &fd)) {
		case NET_ACCEPTED:
			conn_open(a->hub, &(struct conn_offer){.fd = fd});
			break;
		case NET_NONE:
			return;
		case NET_EXHAUSTED:
			exhausted(a, fd);
			return;
		case NET_FAILED:
			log_err("accept", "error=\"%s\"", strerror(errno));
			loop_unwatch(a->hub->d.loop, w);
			return;
		}
	}
}

static bool
add(struct accepts *all, struct hub *h, struct slice address)
{
	struct accept *a = &all->at[all->n];
	char text[128], shown[LOG_VALUE];
	int fd;

	if (all->n == ACCEPTS_MAX || address.n >= sizeof(text)) {
		errno = EINVAL;
		return false;
	}
	memcpy(text, address.p, address.n);
	text[address.n] = '\0';
	if ((fd = net_inherited(text)) < 0 && (fd = net_listen(text)) < 0)
		return false;
	net_listener_init(&a->listener, fd);
	a->hub = h;
	a->watch.ready = ready;
	timer_init(&a->rest, rested);
	loop_watch(h->d.loop, &a->watch, fd, LOOP_READ);
	all->n++;
	log_info("listening", "address=%s",
	    log_value(shown, sizeof(shown), address));
	return true;
}

struct accepts *
accepts_new(struct hub *h, const char *addresses, int *status)
{
	struct accepts *all = xcalloc(1, sizeof(*all));
	struct slice rest = slice_of(addresses), word;

	while (opt_word(&rest, &word)) {
		char shown[LOG_VALUE];

		if (add(all, h, word))
			continue;
		*status = errno == EINVAL ? EXIT_SETTINGS : EXIT_WORLD;
		log_err("listen", "address=%s error=\"%s\"",
		    log_value(shown, sizeof(shown), word), strerror(errno));
		accepts_free(&all);
		return NULL;
	}
	return all;
}

void
accepts_free(struct accepts **ap)
{
	struct accepts *all = *ap;

	*ap = NULL;
	if (all == NULL)
		return;
	for (unsigned i = 0; i < all->n; i++) {
		struct accept *a = &all->at[i];

		loop_unwatch(a->hub->d.loop, &a->watch);
		timer_cancel(&a->rest);
		net_listener_close(&a->listener);
	}
	free(all);
}
