/*
 * bridge_queue.c - steps of a list as commands of Redis, items as publishes.
 */
#include "ingress/bridge_queue.h"

#include "common/log.h"
#include "common/must.h"
#include "ingress/bridge_list.h"
#include "ingress/bridge_script.h"

enum {
	WAIT_MS = 1000,  /* of BLMOVE; so long a stage list may be overlooked */
	ADOPT_MS = 1000, /* between looks for dead instances */
	FIXED = 16,      /* most words of a command but for ids */
	WORDS = FIXED + 256,
};

struct queue {
	struct queue_setup setup;
	struct list_io io;
	struct bridge_list *list;
	struct redis *redis;
	struct redis_face face;
	struct redis_call call; /* the open question */
	enum list_step step;    /* and what it was */
	struct timer pause, adopt;
	struct turn turn;
	struct list notes;
	struct carry carry;
	char *source, *stage, *processing, *number, *dead, *lease, *instances;
	char item_max[24], dead_max[24], take_items[24], take_bytes[24];
	bool running;
};

/* An answer that only matters when it is an error. */
struct note {
	struct redis_call call;
	struct list node; /* of queue.notes */
	struct queue *queue;
	enum list_step step;
};

struct words {
	struct slice at[WORDS];
	size_t n;
};

static void
add(struct words *w, const char *word)
{
	must(w->n < WORDS);
	w->at[w->n++] = slice_of(word);
}

static void
add_ids(struct words *w, const struct list_command *c)
{
	must(w->n + c->n <= WORDS);
	for (size_t i = 0; i < c->n; i++)
		w->at[w->n++] = c->ids[i];
}

static void
add_script(struct words *w, enum script script)
{
	add(w, "EVAL");
	add(w, scripts[script].text);
	add(w, scripts[script].keys);
}

static void
add_take(struct words *w, const struct queue *q)
{
	add_script(w, SCRIPT_TAKE);
	add(w, q->lease);
	add(w, q->source);
	add(w, q->stage);
	add(w, q->processing);
	add(w, q->number);
	add(w, q->dead);
	w->at[w->n++] = buf_slice(&q->setup.lease->token);
	add(w, q->setup.instance);
	add(w, q->take_items);
	add(w, q->take_bytes);
	add(w, q->item_max);
	add(w, q->dead_max);
}

static void
add_adopt(struct words *w, const struct queue *q)
{
	add_script(w, SCRIPT_ADOPT);
	add(w, q->instances);
	add(w, q->setup.prefix);
	add(w, q->source);
	add(w, q->setup.instance);
	w->at[w->n++] = buf_slice(&q->setup.lease->token);
}

static void
add_command(
    struct words *w, const struct queue *q, const struct list_command *c)
{
	switch (c->step) {
	case LIST_ADOPT:
		add_adopt(w, q);
		break;
	case LIST_KEYS:
		add(w, "HKEYS");
		add(w, q->processing);
		break;
	case LIST_FETCH:
		add_script(w, SCRIPT_FETCH);
		add(w, q->processing);
		add(w, q->take_bytes);
		break;
	case LIST_TAKE:
		add_take(w, q);
		break;
	case LIST_WAIT:
		add(w, "BLMOVE");
		add(w, q->source);
		add(w, q->stage);
		add(w, "LEFT");
		add(w, "RIGHT");
		add(w, "1");
		break;
	case LIST_DONE:
		add(w, "HDEL");
		add(w, q->processing);
		break;
	case LIST_BAD:
		add_script(w, SCRIPT_BAD);
		add(w, q->processing);
		add(w, q->dead);
		break;
	}
	add_ids(w, c);
	if (c->step == LIST_BAD) {
		add(w, c->reason);
		add(w, q->dead_max);
	}
}

static void
answered(struct redis_call *c, const struct redis_reply *r)
{
	struct queue *q = container_of(c, struct queue, call);

	bridge_list_answer(q->list, q->step, r);
}

static void
noted(struct redis_call *c, const struct redis_reply *r)
{
	struct note *n = container_of(c, struct note, call);

	list_remove(&n->node);
	bridge_list_answer(n->queue->list, n->step, r);
	free(n);
}

static void
io_ask(struct list_io *io, const struct list_command *c)
{
	struct queue *q = container_of(io, struct queue, io);
	struct words w = {.n = 0};
	struct note *n;

	add_command(&w, q, c);
	if (c->step == LIST_DONE || c->step == LIST_BAD) {
		n = xcalloc(1, sizeof(*n));
		n->call.answered = noted;
		n->queue = q;
		n->step = c->step;
		list_append(&q->notes, &n->node);
		redis_ask(q->setup.control, &n->call, w.at, w.n);
		return;
	}
	q->step = c->step;
	q->call.wait_ms = c->step == LIST_WAIT ? WAIT_MS + REDIS_ANSWER_MS : 0;
	redis_ask(q->redis, &q->call, w.at, w.n);
}

static bool
io_can_publish(struct list_io *io)
{
	return carry_room(&container_of(io, struct queue, io)->carry);
}

/* Without an id of the user's, the number the item was given is the id. */
static enum code
io_publish(struct list_io *io, struct slice id, struct slice item,
    struct ticket *ticket)
{
	struct queue *q = container_of(io, struct queue, io);
	struct carry_item i = {.envelope = q->setup.binding.envelope,
	    .id = id,
	    .item = item,
	    .ticket = ticket};

	return carry_take(&q->carry, &i);
}

static void
io_pause(struct list_io *io, unsigned ms)
{
	struct queue *q = container_of(io, struct queue, io);

	loop_arm(q->setup.with->loop, &q->pause, ms);
}

static void
io_lost(struct list_io *io)
{
	lease_lost(container_of(io, struct queue, io)->setup.lease);
}

static void
room(struct carry *c)
{
	bridge_list_room(container_of(c, struct queue, carry)->list);
}

static void
pause_over(struct timer *t)
{
	bridge_list_resume(container_of(t, struct queue, pause)->list);
}

static void
adopt(struct timer *t)
{
	struct queue *q = container_of(t, struct queue, adopt);

	loop_arm(q->setup.with->loop, t, ADOPT_MS);
	bridge_list_adopt(q->list);
}

static bool
turn_end(struct turn *t)
{
	bridge_list_settle(container_of(t, struct queue, turn)->list);
	return false;
}

static void
redis_came_up(struct redis_face *f)
{
	struct queue *q = container_of(f, struct queue, face);

	bridge_list_start(q->list);
	loop_arm(q->setup.with->loop, &q->adopt, ADOPT_MS);
}

static void
redis_went_down(struct redis_face *f)
{
	struct queue *q = container_of(f, struct queue, face);

	timer_cancel(&q->adopt);
	bridge_list_stop(q->list);
}

void
queue_run(struct queue *q, bool run)
{
	if (q->running == run)
		return;
	q->running = run;
	if (run) {
		redis_open(q->redis);
	} else {
		redis_drop(q->redis);
		redis_went_down(&q->face);
	}
}

void
queue_room(struct queue *q)
{
	bridge_list_room(q->list);
}

void
queue_drain(struct queue *q)
{
	bridge_list_drain(q->list);
}

bool
queue_idle(const struct queue *q)
{
	return bridge_list_idle(q->list);
}

static char *
join(const char *a, const char *b, const char *c)
{
	struct buf out = {0};

	buf_str(&out, a);
	buf_str(&out, b);
	buf_str(&out, c);
	buf_chr(&out, '\0');
	return out.p;
}

static void
name_keys(struct queue *q)
{
	const struct queue_setup *s = &q->setup;
	char *of;

	q->source = strndup(s->binding.name.p, s->binding.name.n);
	must(q->source != NULL);
	q->dead = join(q->source, ":dead", "");
	q->lease = join(s->prefix, "lease:", s->instance);
	q->number = join(s->prefix, "number:", s->instance);
	q->instances = join(s->prefix, "instances:", q->source);
	of = join(q->source, ":", s->instance);
	q->stage = join(s->prefix, "stage:", of);
	q->processing = join(s->prefix, "processing:", of);
	free(of);
	snprintf(q->item_max, sizeof(q->item_max), "%llu",
	    (unsigned long long)s->item_max);
	snprintf(q->dead_max, sizeof(q->dead_max), "%llu",
	    (unsigned long long)s->dead_max);
	snprintf(q->take_items, sizeof(q->take_items), "%d", LIST_TAKE_ITEMS);
	snprintf(q->take_bytes, sizeof(q->take_bytes), "%d", LIST_TAKE_BYTES);
}

struct queue *
queue_new(const struct queue_setup *setup)
{
	struct queue *q = xcalloc(1, sizeof(*q));

	q->setup = *setup;
	q->io = (struct list_io){.ask = io_ask,
	    .can_publish = io_can_publish,
	    .publish = io_publish,
	    .pause = io_pause,
	    .lost = io_lost};
	name_keys(q);
	list_init(&q->notes);
	q->list = bridge_list_new(&q->io);
	q->face =
	    (struct redis_face){.up = redis_came_up, .down = redis_went_down};
	q->setup.redis.face = &q->face;
	q->setup.redis.label = q->source;
	q->redis = redis_new(&q->setup.redis);
	q->call.answered = answered;
	q->carry.room = room;
	carry_open(&q->carry, setup->with);
	timer_init(&q->pause, pause_over);
	timer_init(&q->adopt, adopt);
	q->turn.end = turn_end;
	loop_add_turn(setup->with->loop, &q->turn);
	return q;
}

void
queue_free(struct queue **qp)
{
	struct queue *q = *qp;
	struct list *node;

	*qp = NULL;
	if (q == NULL)
		return;
	redis_free(&q->redis);
	timer_cancel(&q->pause);
	timer_cancel(&q->adopt);
	list_remove(&q->turn.node);
	carry_close(&q->carry);
	bridge_list_free(&q->list);
	while ((node = list_shift(&q->notes)) != NULL)
		free(container_of(node, struct note, node));
	free(q->source);
	free(q->stage);
	free(q->processing);
	free(q->number);
	free(q->dead);
	free(q->lease);
	free(q->instances);
	free(q);
}
