/*
 * bridge_errand.c - commands from frames, and frames from replies.
 */
#include "ingress/bridge_errand.h"

#include "common/code.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/verb.h"

enum { WORDS_MOST = 12, VALUE_MAX = 4194304 /* as in msg.def */ };

struct errand {
	struct redis_call call;
	struct errands *all;
	struct bus_link *link;
	uint64_t ref;
	bool says; /* what a client of Incus says */
	struct list node;
};

struct errands {
	struct errands_setup *setup;
	struct redis *redis;
	struct redis_face face;
	struct list on_way; /* struct errand */
	size_t n;
};

#define VERB(name, number, why, ...) [VERB_##name] = {__VA_ARGS__},
static const char *const commands[VERBS][WORDS_MOST + 1] = {
#include "common/verb.def"
};

static void
tell(struct errands *all, struct bus_link *link, const struct msg_told_redis *t)
{
	struct msg m = {.id = MSG_told_redis, .told_redis = *t};

	all->setup->told(all->setup, link, &m);
}

/* Nobody waits to hear that it was not said. */
static void
count_unsaid(bool says, bool done)
{
	if (says && !done)
		stats_add(STAT_incus_messages_failed, 1);
}

/* What a reply says, without the items of an array. */
static void
say(struct msg_told_redis *t, const struct redis_reply *r, char number[24])
{
	t->kind = r->kind;
	if (r->kind == REDIS_IS_NUMBER) {
		snprintf(number, 24, "%lld", (long long)r->number);
		t->value = slice_of(number);
	} else if (r->kind != REDIS_IS_NIL && r->kind != REDIS_IS_ARRAY) {
		t->value = r->text;
	}
	if (t->value.n <= VALUE_MAX)
		return;
	t->code = CODE_too_large;
	t->value = (struct slice){NULL, 0};
}

static void
answered(struct redis_call *c, const struct redis_reply *r)
{
	struct errand *e = container_of(c, struct errand, call);
	struct msg_told_redis t = {.ref = e->ref, .code = CODE_timeout};
	char number[24];

	if (r != NULL) {
		t.code = CODE_ok;
		say(&t, r, number);
	}
	count_unsaid(e->says, r != NULL && r->kind == REDIS_IS_NUMBER);
	tell(e->all, e->link, &t);
	list_remove(&e->node);
	e->all->n--;
	free(e);
}

/* The words of a command; how many. */
static size_t
words_of(const struct msg_ask_redis *m, struct slice words[WORDS_MOST])
{
	size_t n = 0;

	for (const char *const *w = commands[m->verb]; *w != NULL; w++) {
		struct slice word = slice_of(*w);

		if (slice_is(word, "$key"))
			word = m->key;
		else if (slice_is(word, "$field"))
			word = m->field;
		else if (slice_is(word, "$value"))
			word = m->value;
		words[n++] = word;
	}
	return n;
}

static enum code
check(const struct errands *all, const struct msg_ask_redis *m)
{
	if (m->verb >= VERBS || commands[m->verb][0] == NULL)
		return CODE_unknown_op;
	if (!redis_is_up(all->redis))
		return CODE_unavailable;
	return all->n < ERRANDS_MOST ? CODE_ok : CODE_busy;
}

void
errands_take(struct errands *all, struct bus_link *link, const struct msg *m)
{
	struct msg_told_redis no = {
	    .ref = m->ask_redis.ref, .code = check(all, &m->ask_redis)};
	struct slice words[WORDS_MOST];
	struct errand *e;

	if (no.code != CODE_ok) {
		count_unsaid(m->ask_redis.verb == VERB_publish, false);
		tell(all, link, &no);
		return;
	}
	e = xcalloc(1, sizeof(*e));
	e->call.answered = answered;
	e->call.wait_ms = ERRAND_WAIT_MS;
	e->all = all;
	e->link = link;
	e->ref = m->ask_redis.ref;
	e->says = m->ask_redis.verb == VERB_publish;
	list_append(&all->on_way, &e->node);
	all->n++;
	stats_add(STAT_redis_asks_done, 1);
	redis_ask(all->redis, &e->call, words, words_of(&m->ask_redis, words));
}

bool
errands_idle(const struct errands *all)
{
	return all->n == 0;
}

struct errands *
errands_new(struct errands_setup *setup)
{
	struct errands *all = xcalloc(1, sizeof(*all));

	all->setup = setup;
	list_init(&all->on_way);
	setup->redis.face = &all->face;
	setup->redis.label = "errands";
	all->redis = redis_new(&setup->redis);
	return all;
}

void
errands_up(struct errands *all)
{
	redis_open(all->redis);
}

void
errands_free(struct errands **ep)
{
	struct errands *all = *ep;
	struct list *node;

	*ep = NULL;
	if (all == NULL)
		return;
	redis_free(&all->redis);
	while ((node = list_shift(&all->on_way)) != NULL)
		free(container_of(node, struct errand, node));
	free(all);
}
