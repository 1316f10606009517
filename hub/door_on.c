/*
 * door_on.c - sockets whose next message is for another hub of this host.
 *
 * All hubs are behind the same doors, so the ingress knows the way.  It says
 * `passed` of what it sends on or back, and who is told so answers: a socket
 * makes this way once for each of its messages.
 */
#include "hub/door_own.h"

#include "common/hash.h"
#include "common/must.h"
#include "common/routes.h"
#include "common/stats.h"
#include "hub/conn.h"
#include "hub/note.h"
#include "hub/state.h"

#include <unistd.h>

enum {
	ONWARD = 64, /* sockets that wait for a full door */
	ONWARD_MS = 2000,
	AGAIN_MS = 20, /* a full door is tried again */
};

/* A socket on its way to another hub, which the door did not take yet. */
struct onward {
	struct list node;
	uint64_t due;
	int fd;
	size_t n;
	char p[]; /* the frame */
};

/* Whatever becomes of it, it is not ours any more. */
static void
onward_end(struct doors *all, struct onward *o, enum passed how)
{
	stats_add(
	    how == PASSED ? STAT_handovers_out : STAT_handovers_failed, 1);
	list_remove(&o->node);
	all->onward_n--;
	close(o->fd);
	free(o);
}

/* An ingress that restarts is waited for as one is whose door is full. */
static enum passed
attempt(const struct door *d, int fd, struct slice frame)
{
	enum passed how = d != NULL ? pass_send(d->fd, fd, frame) : PASS_GONE;

	return how == PASS_GONE ? PASS_AGAIN : how;
}

/* By any door: all hubs are behind each. */
static enum passed
onward_send(const struct doors *all, const struct onward *o)
{
	const struct door *d = container_of(all->open.next, struct door, node);

	return attempt(list_empty(&all->open) ? NULL : d, o->fd,
	    (struct slice){o->p, o->n});
}

static void
try_again(struct timer *t)
{
	struct doors *all = container_of(t, struct doors, again);
	struct loop *loop = all->hub->d.loop;

	list_each_safe (at, &all->onward) {
		struct onward *o = container_of(at, struct onward, node);
		enum passed how = onward_send(all, o);

		if (how != PASS_AGAIN || o->due <= loop_now(loop))
			onward_end(all, o, how);
	}
	if (!list_empty(&all->onward))
		loop_arm(loop, t, AGAIN_MS);
}

void
door_on_begin(struct doors *all)
{
	list_init(&all->onward);
	timer_init(&all->again, try_again);
}

void
door_on_end(struct doors *all)
{
	timer_cancel(&all->again);
	while (!list_empty(&all->onward))
		onward_end(all,
		    container_of(all->onward.next, struct onward, node),
		    PASS_GONE);
}

uint32_t
hub_tag(const struct hub *h)
{
	uint64_t boot = bus_boot(h->d.bus);

	return (uint32_t)(hash_fixed((struct slice){
			      (const char *)&boot, sizeof(boot)}) %
			  HUB_TAGS) +
	       1;
}

/* What an upgraded connection is elsewhere; nothing of a request. */
static bool
save_state(const struct conn *c, struct buf *state)
{
	if (c->dialect == &dialect_http)
		return true;
	return state_save(c, state) && state->n <= DOOR_STATE;
}

/* The frame in all->frame is on its way, or will be. */
static void
send_on(struct doors *all, struct door *d, struct conn *c)
{
	struct slice frame = buf_slice(&all->frame);
	enum passed how = attempt(d, c->fd, frame);
	struct onward *o;

	if (c->note != NULL)
		conn_note_passed(c);
	if (how != PASS_AGAIN) {
		stats_add(
		    how == PASSED ? STAT_handovers_out : STAT_handovers_failed,
		    1);
		close(conn_release(c));
		return;
	}
	o = xmalloc(sizeof(*o) + frame.n);
	o->fd = conn_release(c);
	o->due = loop_now(c->hub->d.loop) + ONWARD_MS;
	o->n = frame.n;
	memcpy(o->p, frame.p, frame.n);
	list_append(&all->onward, &o->node);
	if (all->onward_n++ == 0)
		loop_arm(c->hub->d.loop, &all->again, AGAIN_MS);
}

/* There is an ingress, and it was not asked yet. */
static bool
has_way(const struct conn *c)
{
	struct doors *all = c->hub->doors;

	return all != NULL && (c->door != 0 || door_for(all, c) != NULL) &&
	       !c->passed && c->state == CONN_OPEN;
}

bool
door_is_too_long(const struct conn *c, struct slice bytes)
{
	return has_way(c) && bytes.n > DOOR_BYTES;
}

/* Listeners of our own have no name in an ingress; what they serve goes with
 * the socket. */
bool
door_pass_on(struct conn *c, uint32_t tag, struct slice bytes)
{
	struct doors *all = c->hub->doors;
	struct msg m = door_frame(c, bytes);
	struct buf state = {0};
	bool can;

	if (!has_way(c) || bytes.n > DOOR_BYTES || all->onward_n == ONWARD)
		return false;
	c->again = false; /* it is being read: not once more, from in here */
	if (!out_empty(&c->out) && !c->blocked)
		conn_flush(c);
	if (c->state == CONN_DEAD)
		return true;
	if ((can = out_empty(&c->out) && save_state(c, &state))) {
		m.pass.wanted = tag;
		m.pass.state = buf_slice(&state);
		if (c->door != 0 && all->listeners[c->came_by] != NULL)
			m.pass.listener = slice_of(all->listeners[c->came_by]);
		if (c->personas == 0)
			m.pass.personas =
			    persona_set(PERSONA_any, c->hub->limits.personas);
		buf_clear(&all->frame);
		msg_encode(&all->frame, &m);
		send_on(all, door_for(all, c), c);
	}
	buf_free(&state);
	return can;
}
