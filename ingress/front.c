/*
 * front.c - the turn of all connections, and what they share.
 */
#include "ingress/front.h"

#include "common/http.h"
#include "common/must.h"
#include "ingress/client_own.h"

static void
free_gone(struct front *f)
{
	struct list *node;

	while ((node = list_shift(&f->gone)) != NULL) {
		struct client *c = container_of(node, struct client, node);

		buf_free(&c->input);
		buf_free(&c->output);
		buf_free(&c->body);
		free(c);
	}
}

/* Who waits for the bus goes on as long as it takes more, in turn.  Those for
 * whose store there is no room wait again, behind the others. */
static void
serve_waiting(struct front *f)
{
	struct list all;

	if (list_empty(&f->waiting) || f->rooms == bus_rooms(f->bus))
		return;
	f->rooms = bus_rooms(f->bus);
	list_init(&all);
	while (!list_empty(&f->waiting))
		list_append(&all, list_shift(&f->waiting));
	while (!list_empty(&all) && front_can_publish(f)) {
		struct list *node = list_shift(&all);

		client_serve(container_of(node, struct client, waiting));
	}
	while (!list_empty(&all))
		list_append(&f->waiting, list_shift(&all));
}

/* Before the sleep, and before the bus sends: what is said to a client frees
 * its next request, whose publish then leaves with this turn. */
static bool
end_turn(struct turn *t)
{
	struct front *f = container_of(t, struct front, turn);
	struct list *node;
	bool any = !list_empty(&f->gone);

	while ((node = list_shift(&f->dirty)) != NULL)
		client_serve(container_of(node, struct client, dirty));
	serve_waiting(f);
	any = any || !list_empty(&f->gone);
	free_gone(f);
	if (any && f->nclients == 0 && f->empty != NULL)
		f->empty(f);
	return false;
}

void
front_init(struct front *f, struct loop *loop)
{
	f->loop = loop;
	list_init(&f->clients);
	list_init(&f->dirty);
	list_init(&f->waiting);
	list_init(&f->gone);
	f->turn.end = end_turn;
	loop_add_turn(loop, &f->turn);
}

void
front_end(struct front *f)
{
	if (f->loop == NULL)
		return;
	while (!list_empty(&f->clients))
		client_gone(container_of(f->clients.next, struct client, node));
	free_gone(f);
	list_remove(&f->turn.node);
	buf_free(&f->out);
	buf_free(&f->text);
	buf_free(&f->lines);
	native_free(&f->native);
	for (unsigned i = 0; i < f->origins.n; i++)
		free(f->origins.lines[i]);
	f->origins.n = 0;
}

bool
front_shed(struct front *f)
{
	list_each (at, &f->clients) {
		struct client *c = container_of(at, struct client, node);

		if (c->state == CLIENT_HEAD && c->owed == 0 &&
		    c->input.n == 0 && c->output.n == 0) {
			client_gone(c);
			return true;
		}
	}
	return false;
}

bool
front_can_publish(const struct front *f)
{
	return f->bus != NULL && bus_may_publish(f->bus);
}

bool
front_has_room(const struct front *f, struct slice home)
{
	return bus_has_room(f->bus, home);
}

#define EXPOSE "Access-Control-Expose-Headers: ETag, Retry-After\r\n"

bool
front_add_origin(struct front *f, struct slice word)
{
	struct origins *o = &f->origins;
	struct buf b = {0};

	if (slice_is(word, "*")) {
		o->any = true;
		return true;
	}
	if (o->n == ORIGINS_MAX ||
	    !http_line(&b, "Access-Control-Allow-Origin", word))
		return false;
	buf_str(&b, "Vary: Origin\r\n" EXPOSE);
	must(buf_chr(&b, '\0'));
	o->at[o->n] = word;
	o->lines[o->n++] = b.p;
	return true;
}

struct slice
front_cors(const struct front *f, struct slice origin, bool *may)
{
	*may = origin.p != NULL;
	if (f->origins.any)
		return *may ? SLICE("Access-Control-Allow-Origin: *\r\n" EXPOSE)
		            : SLICE("");
	for (unsigned i = 0; *may && i < f->origins.n; i++)
		if (http_same(f->origins.at[i], origin))
			return slice_of(f->origins.lines[i]);
	*may = false;
	return SLICE("Vary: Origin\r\n");
}

/* A page that may not read the answer takes it for the end of the server: old
 * clients of Incus never ask again. */
struct slice
front_cors_of(const struct front *f, struct slice head)
{
	struct http_request r;
	size_t seen = 0;
	bool may;

	if (http_parse(head, &seen, HTTP_HEAD_MAX, &r) <= 0)
		return SLICE("");
	return front_cors(f, http_header(&r, SLICE("Origin")), &may);
}
