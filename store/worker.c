/*
 * worker.c - two lists, a mutex around them, and a way back.
 *
 * The loop is woken when the first thing is over and takes back all that are
 * by then, so many small things cost one wake-up.
 */
#include "store/worker.h"

#include "common/must.h"

#include <pthread.h>
#include <signal.h>

struct worker {
	bool threaded;
	struct waker waker;
	pthread_t thread;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t asked;
	struct list waiting, finished; /* struct work */
	bool leaving;
};

static struct work *
first(struct list *l)
{
	struct list *node = list_shift(l);

	return node != NULL ? container_of(node, struct work, node) : NULL;
}

static void *
run(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->mutex);
	while (!w->leaving) {
		struct work *work = first(&w->waiting);

		if (work == NULL) {
			pthread_cond_wait(&w->asked, &w->mutex);
			continue;
		}
		pthread_mutex_unlock(&w->mutex);
		work->run(work);
		pthread_mutex_lock(&w->mutex);
		list_append(&w->finished, &work->node);
		if (w->finished.next == &work->node)
			waker_wake(&w->waker);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* `done` may give us more to do, and free its work. */
static void
woken(struct waker *waker)
{
	struct worker *w = container_of(waker, struct worker, waker);
	struct list done;
	struct work *work;

	list_init(&done);
	pthread_mutex_lock(&w->mutex);
	while ((work = first(&w->finished)) != NULL)
		list_append(&done, &work->node);
	pthread_mutex_unlock(&w->mutex);
	while ((work = first(&done)) != NULL)
		work->done(work);
}

/* Signals are the loop's. */
static void
start_thread(struct worker *w)
{
	sigset_t all, before;

	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	must(pthread_create(&w->thread, NULL, run, w) == 0);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

struct worker *
worker_new(struct loop *loop, bool threaded)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->threaded = threaded;
	if (!threaded)
		return w;
	list_init(&w->waiting);
	list_init(&w->finished);
	must(pthread_mutex_init(&w->mutex, NULL) == 0);
	must(pthread_cond_init(&w->asked, NULL) == 0);
	w->waker.woken = woken;
	loop_add_waker(loop, &w->waker);
	start_thread(w);
	return w;
}

void
worker_free(struct worker **wp)
{
	struct worker *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	if (w->threaded) {
		pthread_mutex_lock(&w->mutex);
		w->leaving = true;
		pthread_cond_signal(&w->asked);
		pthread_mutex_unlock(&w->mutex);
		pthread_join(w->thread, NULL);
		loop_remove_waker(&w->waker);
		pthread_cond_destroy(&w->asked);
		pthread_mutex_destroy(&w->mutex);
	}
	free(w);
}

void
worker_do(struct worker *w, struct work *work)
{
	if (!w->threaded) {
		work->run(work);
		work->done(work);
		return;
	}
	pthread_mutex_lock(&w->mutex);
	list_append(&w->waiting, &work->node);
	pthread_cond_signal(&w->asked);
	pthread_mutex_unlock(&w->mutex);
}
