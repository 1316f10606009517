/*
 * door_wait.c - sockets that no hub can take now, for a while.
 *
 * Those that may go to any hub are served in the order they came; one that is
 * for a certain hub neither waits for others nor holds them up.
 */
#include "ingress/door_own.h"

#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/client.h"
#include "ingress/note.h"
#include "ingress/request.h"

#include <sys/socket.h>
#include <unistd.h>

struct waiter {
	struct list node;
	uint64_t due;
	struct handover h;
	char p[]; /* address, bytes, state */
};

static void
answer_503(const struct door *d, const struct handover *h, unsigned waited_ms)
{
	struct buf b = {0}, lines = {0};

	stats_add(STAT_handovers_failed, 1);
	stats_add(STAT_connections_refused, 1);
	if (h->state.n != 0) { /* it speaks no HTTP any more */
		close(h->fd);
		return;
	}
	buf_str(&lines, "Retry-After: 2\r\n");
	buf_put(&lines, front_cors_of(d->front, h->bytes));
	failure_last(
	    &b, CODE_unavailable, buf_slice(&lines), loop_date(d->front->loop));
	(void)!send(h->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(h->fd, SHUT_WR);
	close(h->fd);
	note_handed(d->front, h,
	    &(struct note_handed){
		.status = 503,
		.bytes = b.n,
		.us = (uint64_t)waited_ms * 1000,
	    });
	buf_free(&lines);
	buf_free(&b);
}

static void
waiter_end(struct door *d, struct waiter *w)
{
	list_remove(&w->node);
	d->nwaiting--;
	stats_set(STAT_door_waiting, d->nwaiting);
	free(w);
}

static struct waiter *
first(const struct list *l)
{
	return list_empty(l) ? NULL
	                     : container_of(l->next, struct waiter, node);
}

static struct waiter *
oldest(const struct door *d)
{
	struct waiter *a = first(&d->waiting), *b = first(&d->wanting);

	return a == NULL || (b != NULL && b->due < a->due) ? b : a;
}

void
door_serve_waiting(struct door *d)
{
	struct waiter *w;

	while ((w = first(&d->waiting)) != NULL && door_hand_over(d, &w->h))
		waiter_end(d, w);
	list_each_safe (at, &d->wanting) {
		w = container_of(at, struct waiter, node);
		if (door_hand_over(d, &w->h))
			waiter_end(d, w);
	}
}

static void
rang(struct timer *t)
{
	struct door *d = container_of(t, struct door, timer);
	struct waiter *w;

	while ((w = oldest(d)) != NULL && w->due <= loop_now(d->front->loop)) {
		log_warn("no_hub", "answer=503 waited_ms=%u", d->setup.wait_ms);
		answer_503(d, &w->h, d->setup.wait_ms);
		waiter_end(d, w);
	}
	if (w != NULL)
		wheel_arm(loop_wheel(d->front->loop), t, w->due);
}

void
door_wait(struct door *d, const struct handover *h)
{
	struct waiter *w;
	char *at;

	if (d->nwaiting == DOOR_WAITING) {
		answer_503(d, h, 0);
		return;
	}
	w = xmalloc(sizeof(*w) + h->address.n + h->bytes.n + h->state.n);
	w->h = *h;
	at = w->p;
	w->h.address = slice_keep(&at, h->address);
	w->h.bytes = slice_keep(&at, h->bytes);
	w->h.state = slice_keep(&at, h->state);
	w->due = loop_now(d->front->loop) + d->setup.wait_ms;
	list_append(h->hub == 0 ? &d->waiting : &d->wanting, &w->node);
	stats_set(STAT_door_waiting, ++d->nwaiting);
	if (!timer_armed(&d->timer))
		wheel_arm(loop_wheel(d->front->loop), &d->timer, w->due);
}

void
door_wait_begin(struct door *d)
{
	list_init(&d->waiting);
	list_init(&d->wanting);
	timer_init(&d->timer, rang);
}

void
door_wait_end(struct door *d)
{
	struct waiter *w;

	while ((w = oldest(d)) != NULL) {
		answer_503(d, &w->h, 0);
		waiter_end(d, w);
	}
	timer_cancel(&d->timer);
}
