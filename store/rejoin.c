/*
 * rejoin.c - a list of names to wait for, and a list of frames.
 */
#include "store/rejoin.h"

#include "common/buf.h"
#include "common/list.h"
#include "common/log.h"
#include "common/must.h"
#include "store/data.h"

enum { NAME = 64, FILE_BYTES = REJOIN_HUBS * NAME };

struct hub {
	struct list node;
	unsigned links; /* a new one may come before the old one goes */
	bool missed;    /* it was there before, and has not rejoined */
	char name[NAME];
};

struct held {
	struct list node;
	struct bus_peer *peer;
	size_t n;
	char bytes[];
};

struct rejoin {
	struct rejoin_setup *setup;
	struct timer timer;
	struct list hubs; /* struct hub */
	unsigned count, missing;
	bool waits;
	struct list held;   /* struct held */
	struct held *taken; /* lent by the last rejoin_take() */
	char file[NAME + 8];
};

static struct hub *
find(struct rejoin *r, struct slice name)
{
	list_each (at, &r->hubs) {
		struct hub *h = container_of(at, struct hub, node);

		if (slice_is(name, h->name))
			return h;
	}
	return NULL;
}

static struct hub *
add(struct rejoin *r, struct slice name)
{
	struct hub *h;

	if (name.n == 0 || name.n >= NAME || r->count == REJOIN_HUBS)
		return NULL;
	h = xcalloc(1, sizeof(*h));
	memcpy(h->name, name.p, name.n);
	list_append(&r->hubs, &h->node);
	r->count++;
	return h;
}

static void
hub_free(struct rejoin *r, struct hub *h)
{
	list_remove(&h->node);
	r->count--;
	free(h);
}

static void
end_wait(struct rejoin *r)
{
	if (!r->waits)
		return;
	r->waits = false;
	timer_cancel(&r->timer);
	r->setup->over(r->setup);
}

static void
time_over(struct timer *t)
{
	struct rejoin *r = container_of(t, struct rejoin, timer);

	log_info("rejoin", "missing=%u", r->missing);
	end_wait(r);
}

static void
read_names(struct rejoin *r)
{
	struct buf text = {0};
	struct slice rest, name;

	if (data_read(r->setup->folder, r->file, FILE_BYTES, &text)) {
		rest = buf_slice(&text);
		while (slice_cut(&rest, '\n', &name)) {
			struct hub *h =
			    find(r, name) == NULL ? add(r, name) : NULL;

			if (h == NULL)
				continue;
			h->missed = true;
			r->missing++;
		}
	}
	buf_free(&text);
}

/* Whoever is linked, and whoever we still wait for. */
static void
write_names(struct rejoin *r)
{
	struct buf text = {0};

	if (r->setup->folder == NULL)
		return;
	list_each (at, &r->hubs) {
		const struct hub *h = container_of(at, struct hub, node);

		if (h->links == 0 && !(h->missed && r->waits))
			continue;
		must(buf_add(&text, h->name, strlen(h->name)));
		must(buf_add(&text, "\n", 1));
	}
	data_write(r->setup->folder, r->file, buf_slice(&text));
	buf_free(&text);
}

struct rejoin *
rejoin_new(struct rejoin_setup *setup)
{
	struct rejoin *r = xcalloc(1, sizeof(*r));

	r->setup = setup;
	list_init(&r->hubs);
	list_init(&r->held);
	timer_init(&r->timer, time_over);
	if (setup->folder == NULL)
		return r;
	snprintf(r->file, sizeof(r->file), "hubs.%s", setup->name);
	read_names(r);
	r->waits = r->missing != 0;
	if (r->waits)
		loop_arm(setup->loop, &r->timer, REJOIN_MS);
	return r;
}

void
rejoin_free(struct rejoin **rp)
{
	struct rejoin *r = *rp;
	struct list *node;

	*rp = NULL;
	if (r == NULL)
		return;
	timer_cancel(&r->timer);
	while ((node = list_shift(&r->held)) != NULL)
		free(container_of(node, struct held, node));
	while (!list_empty(&r->hubs))
		hub_free(r, container_of(r->hubs.next, struct hub, node));
	free(r->taken);
	free(r);
}

bool
rejoin_waits(const struct rejoin *r)
{
	return r->waits;
}

void
rejoin_hold(struct rejoin *r, struct bus_peer *peer, const struct msg *m)
{
	struct buf b = {0};
	struct held *h;

	msg_encode(&b, m);
	h = xmalloc(sizeof(*h) + b.n);
	h->peer = peer;
	h->n = b.n;
	memcpy(h->bytes, b.p, b.n);
	list_append(&r->held, &h->node);
	buf_free(&b);
}

bool
rejoin_take(struct rejoin *r, struct bus_peer **peer, struct msg *m)
{
	struct list *node = list_shift(&r->held);
	const char *why;

	free(r->taken);
	r->taken = NULL;
	if (node == NULL)
		return false;
	r->taken = container_of(node, struct held, node);
	*peer = r->taken->peer;
	must(msg_decode((struct slice){r->taken->bytes, r->taken->n}, m, &why) >
	     0);
	return true;
}

static bool
is_hub(const struct bus_peer *peer)
{
	return strcmp(peer->stage, "hub") == 0;
}

void
rejoin_hello(struct rejoin *r, const struct bus_peer *peer)
{
	struct slice name = slice_of(peer->name);
	struct hub *h = find(r, name);

	if (!is_hub(peer) || (h == NULL && (h = add(r, name)) == NULL))
		return;
	h->links++;
	write_names(r);
}

void
rejoin_said(struct rejoin *r, const struct bus_peer *peer)
{
	struct hub *h = find(r, slice_of(peer->name));

	if (!is_hub(peer) || h == NULL || !h->missed)
		return;
	h->missed = false;
	if (--r->missing == 0)
		end_wait(r);
}

void
rejoin_gone(struct rejoin *r, const struct bus_peer *peer)
{
	struct hub *h = find(r, slice_of(peer->name));

	list_each_safe (at, &r->held) {
		struct held *held = container_of(at, struct held, node);

		if (held->peer != peer)
			continue;
		list_remove(&held->node);
		free(held);
	}
	if (!is_hub(peer) || h == NULL)
		return;
	if (h->links != 0)
		h->links--;
	if (h->links == 0 && (!h->missed || !r->waits)) {
		if (h->missed)
			r->missing--;
		hub_free(r, h);
	}
}
