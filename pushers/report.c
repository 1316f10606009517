/*
 * report.c - ask, wait, ask again.
 *
 * An answer that says that nothing was done, or none at all, is a reason to
 * ask once more after a while.
 */
#include "pushers/report.h"

#include "common/code.h"
#include "common/log.h"
#include "common/must.h"
#include "common/redis_reader.h"
#include "common/stats.h"
#include "common/verb.h"

enum {
	ANSWER_MS = 6000, /* the store waits 5000 for its bridge */
	AGAIN_MS = 500,   /* doubles */
	AGAIN_MAX_MS = 10000,
};

void
reports_open(struct reports *all, struct bus *bus, struct loop *loop)
{
	*all = (struct reports){.bus = bus, .loop = loop};
	all->by_ref = table_new();
}

void
reports_close(struct reports *all)
{
	if (all->by_ref != NULL)
		table_free(&all->by_ref);
}

static void
leave(struct report *r)
{
	table_remove(r->all->by_ref, &r->entry);
	timer_cancel(&r->again);
}

static void
ask(struct report *r)
{
	struct reports *all = r->all;
	struct bus_link *link = bus_any(all->bus);
	struct msg m = {.id = MSG_ask_redis,
	    .ask_redis = {
		.ref = r->ref,
		.verb = VERB_rpush,
		.key = buf_slice(&r->list),
		.value = buf_slice(&r->value),
	    }};

	r->tries++;
	stats_add(STAT_push_reports, 1);
	if (link != NULL)
		bus_send(link, &m);
	loop_arm(all->loop, &r->again, ANSWER_MS);
}

static void
lose(const struct report *r, const char *why)
{
	char list[LOG_VALUE];

	stats_add(STAT_drop_push_report, 1);
	log_warn("push_report", "lost=1 list=%s why=\"%s\"",
	    log_value(list, sizeof(list), buf_slice(&r->list)), why);
}

static void
rang(struct timer *t)
{
	struct report *r = container_of(t, struct report, again);

	if (!r->answered && loop_now(r->all->loop) < r->end) {
		ask(r);
		return;
	}
	if (!r->answered)
		lose(r, "no Redis");
	leave(r);
	r->all = NULL;
	r->told(r);
}

void
report_tell(struct reports *all, struct report *r)
{
	must(r->all == NULL);
	r->all = all;
	r->ref = ++all->ref;
	r->end = loop_now(all->loop) + REPORT_MS;
	r->answered = false;
	r->tries = 0;
	timer_init(&r->again, rang);
	table_insert(all->by_ref, &r->entry,
	    (struct slice){(const char *)&r->ref, sizeof(r->ref)});
	ask(r);
}

void
report_end(struct report *r)
{
	if (r->all != NULL)
		leave(r);
	r->all = NULL;
	buf_free(&r->list);
	buf_free(&r->value);
}

void
reports_frame(struct reports *all, const struct msg_told_redis *m)
{
	struct table_entry *e = table_find(
	    all->by_ref, (struct slice){(const char *)&m->ref, sizeof(m->ref)});
	struct report *r;
	uint64_t ms = AGAIN_MS;
	bool wrong;

	if (e == NULL)
		return;
	r = container_of(e, struct report, entry);
	wrong = m->kind == REDIS_IS_ERROR;
	/* a key of another type will never take it */
	r->answered = m->code == CODE_ok &&
	              (!wrong || slice_starts(m->value, SLICE("WRONGTYPE")));
	if (r->answered && wrong)
		lose(r, "not a list");
	for (unsigned i = 1; i < r->tries && ms < AGAIN_MAX_MS; i++)
		ms *= 2;
	loop_arm(all->loop, &r->again, r->answered ? 0 : ms);
}
