/*
 * bayeux_reply.c - members in the order Faye writes them.
 */
#include "hub/bayeux_reply.h"

#include "hub/bayeux_said.h"

static struct slice
echo(struct json_value v)
{
	return bayeux_truthy(v) ? v.raw : (struct slice){NULL, 0};
}

void
bayeux_reply_to(struct bayeux_reply *r, const struct bayeux_said *s)
{
	*r = (struct bayeux_reply){
	    .id = echo(s->v[BAYEUX_F_ID]),
	    .client = echo(s->v[BAYEUX_F_CLIENT]),
	    .channel = echo(s->v[BAYEUX_F_CHANNEL]),
	    .refused = echo(s->v[BAYEUX_F_ERROR]),
	};
}

void
bayeux_fail(struct bayeux_reply *r, enum bayeux_code code, struct slice arg)
{
	buf_clear(&r->error);
	bayeux_put_error(&r->error, code, arg);
}

static void
put(struct buf *b, const char *name, struct slice value)
{
	if (value.n == 0)
		return;
	buf_chr(b, '"');
	buf_str(b, name);
	buf_str(b, "\":");
	buf_put(b, value);
	buf_chr(b, ',');
}

void
bayeux_put(struct buf *b, struct bayeux_reply *r)
{
	struct slice error = buf_slice(&r->error);

	buf_chr(b, '{');
	put(b, "id", r->id);
	put(b, "clientId", r->client);
	put(b, "channel", r->channel);
	if (r->refused.n != 0)
		put(b, "error", error.n != 0 ? error : r->refused);
	buf_str(b,
	    bayeux_good(r) ? "\"successful\":true," : "\"successful\":false,");
	if (r->more.n != 0) {
		buf_put(b, r->more);
		buf_chr(b, ',');
	}
	if (r->refused.n == 0)
		put(b, "error", error);
	put(b, "advice", r->advice);
	b->p[b->n - 1] = '}';
	buf_free(&r->error);
}
