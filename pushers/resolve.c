/*
 * resolve.c - getaddrinfo(), which blocks for as long as name servers like.
 *
 * A thread cannot be called off, and may outlive who asked.  So the lookup is
 * a block of its own: whoever comes last, the thread that is done or the owner
 * who stops, frees it.
 */
#include "pushers/resolve.h"

#include "common/must.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>

struct resolve_lookup {
	pthread_mutex_t mutex; /* of what follows */
	struct resolve *owner; /* NULL: it has stopped */
	bool done;

	struct waker waker;
	char host[256], port[16];
	struct address addresses[RESOLVED];
	unsigned n;
};

static void
lookup_free(struct resolve_lookup *l)
{
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

static void
fill(struct resolve_lookup *l, const struct addrinfo *found)
{
	for (; found != NULL && l->n < RESOLVED; found = found->ai_next) {
		struct address *a = &l->addresses[l->n];

		if (found->ai_addrlen > sizeof(a->storage))
			continue;
		memcpy(&a->storage, found->ai_addr, found->ai_addrlen);
		a->len = found->ai_addrlen;
		l->n++;
	}
}

static void *
run(void *arg)
{
	struct resolve_lookup *l = arg;
	struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	bool alone;

	if (getaddrinfo(l->host, l->port, &want, &found) == 0) {
		fill(l, found);
		freeaddrinfo(found);
	}
	pthread_mutex_lock(&l->mutex);
	l->done = true;
	alone = l->owner == NULL;
	if (!alone)
		waker_wake(&l->waker);
	pthread_mutex_unlock(&l->mutex);
	if (alone)
		lookup_free(l);
	return NULL;
}

/* The lookup is done and ours alone. */
static void
woken(struct waker *w)
{
	struct resolve_lookup *l =
	    container_of(w, struct resolve_lookup, waker);
	struct resolve *r;

	pthread_mutex_lock(&l->mutex); /* until the thread has left it */
	r = l->owner;
	pthread_mutex_unlock(&l->mutex);
	memcpy(r->addresses, l->addresses, sizeof(r->addresses));
	r->n = l->n;
	r->lookup = NULL;
	loop_remove_waker(&l->waker);
	lookup_free(l);
	r->found(r);
}

static void
at_once(struct timer *t)
{
	struct resolve *r = container_of(t, struct resolve, at_once);

	r->found(r);
}

/* Signals are for the loop's thread. */
static bool
start(struct resolve_lookup *l)
{
	sigset_t all, before;
	pthread_attr_t detached;
	pthread_t thread;
	bool began;

	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	must(pthread_attr_init(&detached) == 0);
	must(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED) ==
	     0);
	began = pthread_create(&thread, &detached, run, l) == 0;
	pthread_attr_destroy(&detached);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	return began;
}

/* A number or localhost, or nothing that could be a name. */
static bool
known(struct resolve *r, const char *host, const char *port)
{
	char text[256 + 16 + 4];

	r->n = 0;
	if (strlen(host) >= 256 || strlen(port) >= 16)
		return true;
	snprintf(text, sizeof(text),
	    strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
	if (!address_parse(slice_of(text), &r->addresses[0]))
		return false;
	r->n = 1;
	return true;
}

void
resolve(struct resolve *r, const char *host, const char *port)
{
	struct resolve_lookup *l;

	resolve_stop(r);
	timer_init(&r->at_once, at_once);
	if (known(r, host, port)) {
		loop_arm(r->loop, &r->at_once, 0);
		return;
	}
	l = r->lookup = xcalloc(1, sizeof(*l));
	must(pthread_mutex_init(&l->mutex, NULL) == 0);
	l->owner = r;
	l->waker.woken = woken;
	snprintf(l->host, sizeof(l->host), "%s", host);
	snprintf(l->port, sizeof(l->port), "%s", port);
	loop_add_waker(r->loop, &l->waker);
	if (start(l))
		return;
	r->lookup = NULL; /* too many threads: as if nobody knew it */
	loop_remove_waker(&l->waker);
	lookup_free(l);
	loop_arm(r->loop, &r->at_once, 0);
}

void
resolve_stop(struct resolve *r)
{
	struct resolve_lookup *l = r->lookup;
	bool done;

	if (r->at_once.fire != NULL)
		timer_cancel(&r->at_once);
	if (l == NULL)
		return;
	r->lookup = NULL;
	pthread_mutex_lock(&l->mutex);
	loop_remove_waker(&l->waker);
	done = l->done;
	l->owner = NULL; /* from here on it is the thread's, unless done */
	pthread_mutex_unlock(&l->mutex);
	if (done)
		lookup_free(l);
}
