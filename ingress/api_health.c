/*
 * api_health.c - /healthz: this process lives.  /readyz: so does what it
 * needs, and if not, which stage is sick.
 */
#include "common/json_write.h"
#include "common/must.h"
#include "ingress/api.h"
#include "ingress/door.h"

struct health {
	struct request r;
	bool ready; /* the question: all of it, or only us */
};

static void
put_stage(struct buf *b, const char *name, const char *why)
{
	if (b->n != 0)
		buf_chr(b, ',');
	buf_str(b, "{\"stage\":");
	json_escape(b, slice_of(name));
	buf_str(b, why == NULL ? ",\"ready\":true" : ",\"ready\":false");
	if (why != NULL)
		buf_printf(b, ",\"why\":\"%s\"", why);
	buf_chr(b, '}');
}

/* One object per stage we depend on; true when all are well. */
static bool
look(const struct front *f, struct buf *b)
{
	bool well = !f->draining, up;

	put_stage(b, f->name, f->draining ? "it is leaving" : NULL);
	for (unsigned i = 0; i < bus_links(f->bus); i++) {
		const struct bus_link *l = bus_link_at(f->bus, i);

		up = bus_link_up(l);
		put_stage(b, bus_link_name(l), up ? NULL : "no link to it");
		well = well && up;
	}
	if (well && !bus_ready(f->bus)) {
		put_stage(b, "store", "not every shard has an owner");
		well = false;
	}
	up = f->door != NULL && door_hubs(f->door) != 0;
	put_stage(b, "hub",
	    up ? NULL : "none that takes connections has come to the door");
	return well && up;
}

static bool
health_answer(struct request *r, struct buf *out)
{
	const struct health *h = container_of(r, struct health, r);
	struct front *f = request_front(r);
	struct http_reply reply = request_reply(r, 200);
	struct buf *body = &f->lines, *stages = &f->text;

	buf_clear(body);
	buf_clear(stages);
	if (!h->ready) {
		buf_str(body, "{\"healthy\":true}\n");
	} else {
		bool well = look(f, stages);

		reply.status = well ? 200 : 503;
		buf_printf(body, "{\"ready\":%s,\"stages\":[",
		    well ? "true" : "false");
		buf_put(body, buf_slice(stages));
		buf_str(body, "]}\n");
	}
	reply.type = SLICE("application/json");
	reply.extra = SLICE("Cache-Control: no-store\r\n");
	reply.body = buf_slice(body);
	http_reply(out, &reply);
	return true;
}

static void
health_fail(struct request *r, const struct failure *f)
{
	(void)r; /* it is answered already */
	(void)f;
}

static void
health_free(struct request *r)
{
	free(container_of(r, struct health, r));
}

static const struct request_kind health_kind = {
    .answer = health_answer, .fail = health_fail, .free = health_free};

static struct request *
new_health(bool is_ready)
{
	struct health *h = xcalloc(1, sizeof(*h));

	h->r.kind = &health_kind;
	h->ready = is_ready;
	return &h->r;
}

struct request *
api_healthz(struct client *c, const struct http_request *h)
{
	(void)c;
	(void)h;
	return new_health(false);
}

struct request *
api_readyz(struct client *c, const struct http_request *h)
{
	(void)c;
	(void)h;
	return new_health(true);
}
