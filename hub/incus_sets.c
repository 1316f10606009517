/*
 * incus_sets.c - the difference between what is so and what Redis has.
 *
 *          begin: 0 left                  all have gone
 *   BEGINS --------------> LIVES ----------------------> LEAVES ---> OVER
 *      ^________ 0: Redis does not know us _/                 end
 */
#include "hub/incus_sets_own.h"

#include "common/code.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/must.h"
#include "common/redis_reader.h"
#include "common/stats.h"

enum { RETRY_MS = 250, RETRY_MAX_MS = 5000 };

static uint64_t
now_ms(const struct incus_sets *s)
{
	return s->face->now(s->face);
}

/* ---- Steps to come */

static void
step_in(struct incus_sets *s, uint64_t ms)
{
	s->next = now_ms(s) + ms;
	s->face->wake(s->face, ms);
}

/* Unless it is sooner anyway, or must not be. */
void
incus_sets_soon(struct incus_sets *s)
{
	if (s->asked_for == VERB_none && !s->failing &&
	    s->next > now_ms(s) + INCUS_SETS_WAIT_MS)
		step_in(s, INCUS_SETS_WAIT_MS);
}

/* The asked ones have their answer. */
static void
answered(struct incus_sets *s, enum code code)
{
	struct list *node;

	while ((node = list_shift(&s->asked)) != NULL) {
		struct incus_item *i =
		    container_of(node, struct incus_item, node);

		if (code == CODE_ok) {
			i->told = i->sent;
			i->told_at = now_ms(s);
			stats_add(STAT_incus_sets_told, 1);
		} else if (code == CODE_timeout) {
			i->told = INCUS_UNKNOWN;
		}
		incus_item_rest(s, i);
		incus_item_settle(s, i);
	}
}

/* ---- Asks */

static void
failed(struct incus_sets *s, enum code code)
{
	unsigned wait = backoff_failed(&s->backoff);

	s->asked_for = VERB_none;
	s->failing = true;
	stats_add(STAT_incus_sets_failed, 1);
	answered(s, code);
	if (wait == RETRY_MAX_MS && !s->complained) {
		s->complained = true;
		log_warn("incus_sets", "code=%s waiting=%zu", code_name(code),
		    s->waiting);
	}
	if (s->phase == INCUS_BEGINS)
		s->life = hash_random();
	step_in(s, wait);
}

/* It is well again when it lives for a while: two hubs of one name make each
 * other begin anew. */
static void
worked(struct incus_sets *s, enum verb verb)
{
	s->failing = false;
	if (verb != VERB_incus_sweep)
		return;
	backoff_worked(&s->backoff);
	if (s->complained)
		log_info("incus_sets", "code=ok waiting=%zu", s->waiting);
	s->complained = false;
}

static void
ask(struct incus_sets *s, enum verb verb)
{
	bool numbered = verb == VERB_incus_sets || verb == VERB_incus_sweep;
	struct msg m = {.id = MSG_ask_redis};

	buf_clear(&s->field);
	buf_printf(&s->field, "%llx", (unsigned long long)s->life);
	if (numbered)
		buf_printf(&s->field, ":%llu:%llu", (unsigned long long)s->done,
		    (unsigned long long)++s->number);
	m.ask_redis = (struct msg_ask_redis){
	    .ref = ++s->ref,
	    .verb = verb,
	    .key = slice_of(s->name),
	    .field = buf_slice(&s->field),
	};
	if (verb == VERB_incus_sets)
		m.ask_redis.value = buf_slice(&s->value);
	s->asked_for = verb;
	s->late = now_ms(s) + INCUS_SETS_LATE_MS;
	step_in(s, INCUS_SETS_LATE_MS);
	if (!s->face->ask(s->face, &m))
		failed(s, CODE_unavailable);
}

static void
put_word(struct buf *b, struct slice word)
{
	buf_printf(b, "%zu:", word.n);
	buf_put(b, word);
}

/* An item and its value. */
static void
put(struct incus_sets *s, const struct incus_item *i)
{
	char number[24];
	struct slice value = {number, 0}, user;

	put_word(&s->value, table_key(&i->entry));
	if (!incus_item_is_session(i)) {
		value.n = (size_t)snprintf(
		    number, sizeof(number), "%u", (unsigned)i->now);
		put_word(&s->value, value);
		return;
	}
	if (i->now == 0) {
		put_word(&s->value, value);
		return;
	}
	user = incus_item_name(i->user);
	value.n = (size_t)snprintf(number, sizeof(number), "%llu ",
	    (unsigned long long)s->face->unix_s(s->face));
	buf_printf(&s->value, "%zu:", value.n + user.n);
	buf_put(&s->value, value);
	buf_put(&s->value, user);
}

static void
tell(struct incus_sets *s)
{
	unsigned n = 0;

	buf_clear(&s->value);
	while (!list_empty(&s->due) && n++ < INCUS_SETS_MOST &&
	       s->value.n < INCUS_SETS_BYTES) {
		struct incus_item *i =
		    container_of(s->due.next, struct incus_item, node);

		list_remove(&i->node);
		list_append(&s->asked, &i->node);
		i->where = INCUS_ASKED;
		i->sent = i->now;
		put(s, i);
	}
	ask(s, VERB_incus_sets);
}

/* Sessions told long ago are due again. */
static void
refresh(struct incus_sets *s)
{
	uint64_t now = now_ms(s);

	while (!list_empty(&s->fresh)) {
		struct incus_item *i =
		    container_of(s->fresh.next, struct incus_item, node);

		if (i->told_at + INCUS_SETS_RENEW_MS > now)
			return;
		i->told = INCUS_UNKNOWN;
		incus_item_settle(s, i);
	}
}

/* What is to be asked now; VERB_none: nothing. */
static enum verb
due_verb(const struct incus_sets *s)
{
	if (s->phase == INCUS_BEGINS)
		return VERB_incus_begin;
	if (s->phase == INCUS_OVER)
		return VERB_none;
	if (s->phase == INCUS_LIVES && s->renew <= now_ms(s))
		return VERB_incus_sweep;
	if (!list_empty(&s->due))
		return VERB_incus_sets;
	return s->phase == INCUS_LEAVES ? VERB_incus_end : VERB_none;
}

void
incus_sets_step(struct incus_sets *s)
{
	uint64_t now = now_ms(s);
	enum verb verb;

	if (s->asked_for != VERB_none && now < s->late) {
		step_in(s, s->late - now);
		return;
	}
	if (s->asked_for != VERB_none) {
		failed(s, CODE_timeout);
		return;
	}
	if (s->phase == INCUS_LIVES && s->renew <= now)
		refresh(s);
	verb = due_verb(s);
	if (verb == VERB_incus_sets)
		tell(s);
	else if (verb != VERB_none)
		ask(s, verb);
	else if (s->phase == INCUS_LIVES)
		step_in(s, s->renew - now);
}

/* ---- Answers */

/* Redis has nothing of us, and of an earlier life nothing either. */
static void
begun(struct incus_sets *s)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	stats_add(STAT_incus_sets_begun, 1);
	log_info("incus_sets_begin", "items=%zu", table_count(s->items));
	s->phase = INCUS_LIVES;
	s->number = s->done = 0;
	s->renew = now_ms(s) + INCUS_SETS_RENEW_MS;
	while ((e = table_next(s->items, &at)) != NULL) {
		struct incus_item *i =
		    container_of(e, struct incus_item, entry);

		i->told = 0;
		incus_item_settle(s, i);
	}
}

/* Redis was emptied or is an older one, we were silent for too long, or
 * another hub has our name. */
static void
forgotten(struct incus_sets *s)
{
	if (s->phase == INCUS_LEAVES) {
		s->phase = INCUS_OVER;
		return;
	}
	s->phase = INCUS_BEGINS;
	failed(s, CODE_older);
}

/* A number of Redis: how much is left of what is forgotten by and by. */
static void
taken(struct incus_sets *s, enum verb verb, uint64_t n)
{
	bool numbered = verb == VERB_incus_sets || verb == VERB_incus_sweep;

	if (numbered && n == 0) {
		forgotten(s);
		return;
	}
	worked(s, verb);
	if (numbered)
		s->done = s->number;
	answered(s, CODE_ok);
	if (verb == VERB_incus_sets)
		stats_add(STAT_incus_sets_skipped, n - 1);
	else if (verb == VERB_incus_sweep)
		s->renew = now_ms(s) + (n == 1 ? INCUS_SETS_RENEW_MS : 1);
	else if (verb == VERB_incus_begin && n == 0)
		begun(s);
	else if (verb == VERB_incus_end && n == 0)
		s->phase = INCUS_OVER;
	if (verb == VERB_incus_sets && s->phase == INCUS_LIVES &&
	    s->waiting < INCUS_SETS_MOST)
		step_in(s, INCUS_SETS_WAIT_MS);
	else
		step_in(s, 0);
}

void
incus_sets_told(struct incus_sets *s, const struct msg_told_redis *m)
{
	enum verb verb = s->asked_for;
	uint64_t n;

	if (verb == VERB_none || m->ref != s->ref)
		return;
	s->asked_for = VERB_none;
	if (m->code != CODE_ok)
		failed(s, (enum code)m->code);
	else if (m->kind == REDIS_IS_NUMBER && slice_num(m->value, &n))
		taken(s, verb, n);
	else /* half of it may have been done */
		failed(s, CODE_timeout);
}

void
incus_sets_lost(struct incus_sets *s)
{
	if (s->asked_for != VERB_none)
		failed(s, CODE_timeout);
}

void
incus_sets_again(struct incus_sets *s)
{
	if (s->asked_for != VERB_none || !s->failing)
		return;
	backoff_worked(&s->backoff);
	step_in(s, 0);
}

bool
incus_sets_leave(struct incus_sets *s)
{
	if (s->phase == INCUS_BEGINS)
		s->phase = INCUS_OVER;
	if (s->phase == INCUS_LIVES) {
		s->phase = INCUS_LEAVES;
		s->failing = false;
		if (s->asked_for == VERB_none)
			step_in(s, 0);
	}
	return s->phase == INCUS_OVER || s->failing;
}

/* ---- All of it */

struct incus_sets *
incus_sets_new(struct incus_sets_face *face, struct slice name)
{
	struct incus_sets *s = xcalloc(1, sizeof(*s));

	s->face = face;
	s->items = table_new();
	list_init(&s->due);
	list_init(&s->asked);
	list_init(&s->fresh);
	backoff_init(&s->backoff, RETRY_MS, RETRY_MAX_MS);
	s->name = xcalloc(1, name.n + 1);
	memcpy(s->name, name.p, name.n);
	s->life = hash_random();
	step_in(s, 0);
	return s;
}

void
incus_sets_free(struct incus_sets **sp)
{
	struct incus_sets *s = *sp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*sp = NULL;
	if (s == NULL)
		return;
	while ((e = table_next(s->items, &at)) != NULL)
		incus_item_free(s, container_of(e, struct incus_item, entry));
	table_free(&s->items);
	buf_free(&s->field);
	buf_free(&s->value);
	buf_free(&s->key);
	free(s->name);
	free(s);
}
