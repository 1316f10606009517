/*
 * door.c - sockets through the ingress' door, both ways.
 *
 * Whatever is wrong with a hand-over is fatal for that socket only; a door
 * that is gone is looked for again, because an ingress restarts.  The kernel
 * says when one is made (inotify); a look every second is for when it could
 * not be opened then.
 */
#include "hub/door_own.h"

#include "common/log.h"
#include "common/must.h"
#include "common/net.h"
#include "common/stats.h"
#include "hub/conn.h"

#include <dirent.h>
#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	DOOR_CREDIT = 1024, /* sockets on their way to us at once */
	DOOR_TURN = 128,    /* taken in one turn of one door */
	DOOR_LOST_MS = 100, /* after that we look for it again */
};

static void
door_close(struct door *d)
{
	log_info("door_closed", "door=%llu", (unsigned long long)d->number);
	loop_unwatch(d->doors->hub->d.loop, &d->watch);
	list_remove(&d->node);
	close(d->fd);
	loop_arm(d->doors->hub->d.loop, &d->doors->look, DOOR_LOST_MS);
	free(d);
}

static enum passed
send_frame(struct door *d, int fd, const struct msg *m)
{
	struct buf *b = &d->doors->frame;

	buf_clear(b);
	msg_encode(b, m);
	return pass_send(d->fd, fd, buf_slice(b));
}

static void
offer(struct door *d)
{
	struct hub *h = d->doors->hub;
	uint64_t room = h->conns_n < h->limits.connections
	                    ? h->limits.connections - h->conns_n
	                    : 0;
	struct msg m = {.id = MSG_offer,
	    .offer = {
		.name = slice_of(h->d.name),
		.credit = room < DOOR_CREDIT ? room : DOOR_CREDIT,
		.connections = h->conns_n,
		.draining = h->d.draining,
		.tag = hub_tag(h),
	    }};

	if (h->d.draining || !hub_knows_shards(h))
		m.offer.credit = 0;
	d->taken = 0;
	send_frame(d, -1, &m); /* a full door gets the next one */
}

/* The few names that listeners have, by number: a connection keeps a byte. */
static uint8_t
listener_number(struct doors *all, struct slice name)
{
	for (unsigned i = 0; i < DOOR_LISTENERS; i++) {
		char **at = &all->listeners[i];

		if (*at == NULL) {
			*at = strndup(name.p, name.n);
			must(*at != NULL);
		}
		if (slice_is(name, *at))
			return (uint8_t)i;
	}
	return 0;
}

static void
took(struct door *d, int fd, const struct msg_pass *p)
{
	struct hub *h = d->doors->hub;
	struct msg back = {.id = MSG_pass, .pass = *p};

	stats_add(STAT_handovers_in, 1);
	if (++d->taken == DOOR_CREDIT / 2)
		offer(d);
	if (h->d.draining && send_frame(d, fd, &back) == PASSED) {
		close(fd); /* another hub shall have it */
		return;
	}
	conn_open(h, &(struct conn_offer){.fd = fd,
			 .address = p->address,
			 .bytes = p->bytes,
			 .secure = p->secure != 0,
			 .door = (uint16_t)(d->number + 1),
			 .listener = listener_number(d->doors, p->listener),
			 .personas = (unsigned)p->personas,
			 .passed = p->passed != 0,
			 .state = p->state});
}

/* One record; false when there is no more, or no door. */
static bool
receive(struct door *d)
{
	struct doors *all = d->doors;
	struct passing_room room = {all->record, sizeof(all->record), 0};
	const char *why;
	struct msg m;
	int fd = -1;

	switch (pass_receive(d->fd, &fd, &room)) {
	case PASSED:
		break;
	case PASS_AGAIN:
		return false;
	case PASS_BAD:
		stats_add(STAT_handovers_failed, 1);
		return true;
	case PASS_GONE:
	case PASS_ERROR:
		door_close(d);
		return false;
	}
	if (msg_decode((struct slice){room.p, room.got}, &m, &why) > 0 &&
	    m.id == MSG_pass && fd >= 0) {
		took(d, fd, &m.pass);
		return true;
	}
	if (fd >= 0)
		close(fd);
	stats_add(STAT_handovers_failed, 1);
	return true;
}

static void
ready(struct watch *w, unsigned events)
{
	struct door *d = container_of(w, struct door, watch);

	(void)events;
	for (unsigned i = 0; i < DOOR_TURN; i++)
		if (!receive(d))
			return;
}

static struct door *
find(struct doors *all, uint64_t number)
{
	list_each (at, &all->open) {
		struct door *d = container_of(at, struct door, node);

		if (d->number == number)
			return d;
	}
	return NULL;
}

static void
open_door(struct doors *all, uint64_t number, const char *file)
{
	char path[512];
	struct door *d;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", all->run, file);
	if ((fd = net_connect_door(path)) < 0)
		return; /* a stale one, or not yet */
	d = xcalloc(1, sizeof(*d));
	d->doors = all;
	d->number = number;
	d->fd = fd;
	d->watch.ready = ready;
	list_append(&all->open, &d->node);
	loop_watch(all->hub->d.loop, &d->watch, fd, LOOP_READ);
	log_info("door_open", "door=%s", file);
	offer(d);
}

static void
look(struct timer *t)
{
	struct doors *all = container_of(t, struct doors, look);
	DIR *dir = opendir(all->run);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		struct slice name = slice_of(e->d_name);
		uint64_t number;

		if (!slice_starts(name, SLICE("door.")) ||
		    !slice_num(slice_from(name, 5), &number) ||
		    number >= UINT16_MAX)
			continue;
		if (find(all, number) == NULL && !all->hub->d.draining)
			open_door(all, number, e->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	loop_arm(all->hub->d.loop, t, 1000);
}

static void
made(struct watch *w, unsigned events)
{
	struct doors *all = container_of(w, struct doors, made);

	(void)events;
	while (read(all->notify, all->record, sizeof(all->record)) > 0)
		;
	look(&all->look);
}

static void
watch_folder(struct doors *all)
{
	all->made.ready = made;
	all->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (all->notify < 0)
		return;
	inotify_add_watch(all->notify, all->run, IN_CREATE | IN_MOVED_TO);
	loop_watch(all->hub->d.loop, &all->made, all->notify, LOOP_READ);
}

struct doors *
doors_new(struct hub *h, const char *run)
{
	struct doors *all = xcalloc(1, sizeof(*all));

	all->hub = h;
	all->run = run;
	list_init(&all->open);
	timer_init(&all->look, look);
	door_on_begin(all);
	watch_folder(all);
	look(&all->look);
	return all;
}

void
doors_free(struct doors **dp)
{
	struct doors *all = *dp;

	*dp = NULL;
	if (all == NULL)
		return;
	while (!list_empty(&all->open))
		door_close(container_of(all->open.next, struct door, node));
	timer_cancel(&all->look);
	door_on_end(all);
	if (all->notify >= 0) {
		loop_unwatch(all->hub->d.loop, &all->made);
		close(all->notify);
	}
	for (unsigned i = 0; i < DOOR_LISTENERS; i++)
		free(all->listeners[i]);
	buf_free(&all->frame);
	free(all);
}

void
doors_offer(struct doors *all)
{
	list_each (at, &all->open)
		offer(container_of(at, struct door, node));
}

/* By the door it came in, else by any. */
struct door *
door_for(struct doors *all, const struct conn *c)
{
	struct door *d = find(all, (uint64_t)c->door - 1);

	if (d == NULL && !list_empty(&all->open))
		d = container_of(all->open.next, struct door, node);
	return d;
}

struct msg
door_frame(const struct conn *c, struct slice bytes)
{
	return (struct msg){.id = MSG_pass,
	    .pass = {.address = c->address != NULL ? slice_of(conn_address(c))
	                                           : SLICE("127.0.0.1"),
		.secure = c->secure,
		.personas = c->personas,
		.bytes = bytes}};
}

bool
door_give_back(struct conn *c, struct slice bytes)
{
	struct doors *all = c->hub->doors;
	struct door *d = all != NULL ? door_for(all, c) : NULL;
	struct msg m = door_frame(c, bytes);
	enum passed how;

	if (d == NULL || bytes.n > DOOR_BYTES) {
		stats_add(STAT_handovers_failed, 1);
		conn_kill(c, "no door to go back through");
		return true;
	}
	m.pass.listener = slice_of(all->listeners[c->came_by]);
	if ((how = send_frame(d, c->fd, &m)) == PASS_AGAIN)
		return false;
	stats_add(
	    how == PASSED ? STAT_handovers_out : STAT_handovers_failed, 1);
	close(conn_release(c));
	return true;
}
