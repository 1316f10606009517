/*
 * worker.c - one hand-over slot, a mutex around it, and a way back.
 */
#include "store/worker.h"

#include "common/must.h"

#include <pthread.h>
#include <signal.h>

enum state { IDLE, ASKED, DONE, LEAVING };

struct worker {
	struct engine *engine;
	struct worker_face *face;
	struct waker waker;
	pthread_t thread;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t asked;
	enum state state;
	const struct batch *batch;
	struct read *read;
	enum code code;
};

static enum code
work(struct worker *w)
{
	if (w->batch != NULL)
		return w->engine->write(w->engine, w->batch);
	w->engine->read(w->engine, w->read);
	return w->read->code;
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	enum code code;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		while (w->state != ASKED && w->state != LEAVING)
			pthread_cond_wait(&w->asked, &w->mutex);
		if (w->state == LEAVING)
			break;
		pthread_mutex_unlock(&w->mutex);
		code = work(w);
		pthread_mutex_lock(&w->mutex);
		w->code = code;
		if (w->state == ASKED)
			w->state = DONE;
		waker_wake(&w->waker);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static void
woken(struct waker *waker)
{
	struct worker *w = container_of(waker, struct worker, waker);
	bool done;

	pthread_mutex_lock(&w->mutex);
	done = w->state == DONE;
	if (done)
		w->state = IDLE;
	pthread_mutex_unlock(&w->mutex);
	if (done)
		w->face->done(w->face, w->code);
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
worker_new(struct loop *loop, struct engine *engine, struct worker_face *face)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->engine = engine;
	w->face = face;
	if (engine->immediate)
		return w;
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
	if (!w->engine->immediate) {
		pthread_mutex_lock(&w->mutex);
		w->state = LEAVING;
		pthread_cond_signal(&w->asked);
		pthread_mutex_unlock(&w->mutex);
		pthread_join(w->thread, NULL);
		loop_remove_waker(&w->waker);
		pthread_cond_destroy(&w->asked);
		pthread_mutex_destroy(&w->mutex);
	}
	free(w);
}

static void
ask(struct worker *w, const struct batch *b, struct read *q)
{
	if (w->engine->immediate) {
		w->batch = b;
		w->read = q;
		w->face->done(w->face, work(w));
		return;
	}
	pthread_mutex_lock(&w->mutex);
	must(w->state == IDLE);
	w->batch = b;
	w->read = q;
	w->state = ASKED;
	pthread_cond_signal(&w->asked);
	pthread_mutex_unlock(&w->mutex);
}

void
worker_write(struct worker *w, const struct batch *b)
{
	ask(w, b, NULL);
}

void
worker_read(struct worker *w, struct read *q)
{
	ask(w, NULL, q);
}
