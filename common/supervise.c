/*
 * supervise.c - the life of a supervised process.
 *
 *             due             is ready
 *    WAITING -----> STARTING ----------> READY
 *       ^ ^             | died             | died
 *       | +-------------+------------------+
 *       | retry         | refused (100)    |
 *    FAILED <-----------+------------------+
 *
 *    alive, stop -----> STOPPING --- grace over ---> KILLED
 *    alive, stop now ------|----------------------->   |
 *    dead, stop  -----> STOPPED <------- died ---------+
 *
 * A child that dies at once, again and again, is started ever more rarely;
 * one that lived for a while is back after the shortest wait.  An empty cell
 * of the table is an event that changes nothing.
 */
#include "common/supervise.h"

#include "common/must.h"

#define NEVER UINT64_MAX

struct step {
	struct supervise *s;
	uint64_t now;
};

static enum supervise_action
enter(struct step at, enum supervise_state state, uint64_t due)
{
	at.s->state = state;
	at.s->due = due;
	return SUPERVISE_NOTHING;
}

static enum supervise_action
start(struct step at)
{
	if (at.now < at.s->due)
		return SUPERVISE_NOTHING;
	at.s->since = at.now;
	enter(at, SUPERVISE_STARTING, NEVER);
	return SUPERVISE_START;
}

static enum supervise_action
is_ready(struct step at)
{
	return enter(at, SUPERVISE_READY, NEVER);
}

static enum supervise_action
back_off(struct step at)
{
	const struct supervise_times *times = at.s->times;
	uint64_t wait = at.s->wait;

	if (at.now - at.s->since >= times->healthy)
		wait = times->first;
	at.s->wait = wait > times->last / 2 ? times->last : wait * 2;
	return enter(at, SUPERVISE_WAITING, at.now + wait);
}

static enum supervise_action
fail(struct step at)
{
	return enter(at, SUPERVISE_FAILED, NEVER);
}

static enum supervise_action
retry(struct step at)
{
	at.s->wait = at.s->times->first;
	return enter(at, SUPERVISE_WAITING, at.now);
}

static enum supervise_action
terminate(struct step at)
{
	enter(at, SUPERVISE_STOPPING, at.now + at.s->times->grace);
	return SUPERVISE_TERMINATE;
}

static enum supervise_action
slay(struct step at)
{
	enter(at, SUPERVISE_KILLED, NEVER);
	return SUPERVISE_KILL;
}

static enum supervise_action
slay_when_due(struct step at)
{
	return at.now < at.s->due ? SUPERVISE_NOTHING : slay(at);
}

static enum supervise_action
end(struct step at)
{
	return enter(at, SUPERVISE_STOPPED, NEVER);
}

static enum supervise_action (*const table[SUPERVISE_STATES][SUPERVISE_EVENTS])(
    struct step) = {
    /* clang-format off */
	[SUPERVISE_WAITING][SUPERVISE_TICK]      = start,
	[SUPERVISE_WAITING][SUPERVISE_RETRY]     = retry,
	[SUPERVISE_WAITING][SUPERVISE_STOP]      = end,
	[SUPERVISE_WAITING][SUPERVISE_STOP_NOW]  = end,
	[SUPERVISE_STARTING][SUPERVISE_IS_READY] = is_ready,
	[SUPERVISE_STARTING][SUPERVISE_DIED]     = back_off,
	[SUPERVISE_STARTING][SUPERVISE_REFUSED]  = fail,
	[SUPERVISE_STARTING][SUPERVISE_STOP]     = terminate,
	[SUPERVISE_STARTING][SUPERVISE_STOP_NOW] = slay,
	[SUPERVISE_READY][SUPERVISE_DIED]        = back_off,
	[SUPERVISE_READY][SUPERVISE_REFUSED]     = fail,
	[SUPERVISE_READY][SUPERVISE_STOP]        = terminate,
	[SUPERVISE_READY][SUPERVISE_STOP_NOW]    = slay,
	[SUPERVISE_STOPPING][SUPERVISE_TICK]     = slay_when_due,
	[SUPERVISE_STOPPING][SUPERVISE_DIED]     = end,
	[SUPERVISE_STOPPING][SUPERVISE_REFUSED]  = end,
	[SUPERVISE_STOPPING][SUPERVISE_STOP_NOW] = slay,
	[SUPERVISE_KILLED][SUPERVISE_DIED]       = end,
	[SUPERVISE_KILLED][SUPERVISE_REFUSED]    = end,
	[SUPERVISE_FAILED][SUPERVISE_RETRY]      = retry,
	[SUPERVISE_FAILED][SUPERVISE_STOP]       = end,
	[SUPERVISE_FAILED][SUPERVISE_STOP_NOW]   = end,
    /* clang-format on */
};

void
supervise_init(
    struct supervise *s, const struct supervise_times *times, uint64_t now)
{
	must(times->first != 0 && times->first <= times->last);
	*s = (struct supervise){
	    .times = times,
	    .state = SUPERVISE_WAITING,
	    .wait = times->first,
	    .due = now,
	};
}

enum supervise_action
supervise_step(struct supervise *s, enum supervise_event event, uint64_t now)
{
	must(s->state < SUPERVISE_STATES && event < SUPERVISE_EVENTS);
	if (table[s->state][event] == NULL)
		return SUPERVISE_NOTHING;
	return table[s->state][event]((struct step){s, now});
}

bool
supervise_over(const struct supervise *s)
{
	return s->state == SUPERVISE_FAILED || s->state == SUPERVISE_STOPPED;
}
