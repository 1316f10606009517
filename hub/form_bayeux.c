/*
 * form_bayeux.c - an envelope around the data, or one we make.
 *
 * An envelope is text, a zero byte and text: in JSON there is no zero byte.
 */
#include "hub/form_bayeux.h"

#include "common/base64.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/message.h"

/* As the publisher wrote it.  False: it is none. */
static bool
put_enveloped(struct buf *b, const struct event *e)
{
	struct slice after = e->envelope, before;

	if (e->envelope.n == 0 || !slice_cut(&after, '\0', &before) ||
	    after.p == NULL)
		return false;
	buf_put(b, before);
	buf_put(b, e->body);
	buf_put(b, after);
	return true;
}

static void
put_id(struct buf *b, const struct event *e)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	uint64_t n = e->offset;
	char text[16], *p = text + sizeof(text);

	if (e->id.n != 0) {
		json_escape(b, e->id);
		return;
	}
	do
		*--p = digits[n % 36];
	while ((n /= 36) != 0);
	buf_chr(b, '"');
	buf_add(b, p, (size_t)(text + sizeof(text) - p));
	buf_chr(b, '"');
}

/* A store writes {"join":{..}}, {"leave":{..}} and {"update":{..}}.  False:
 * it is not told. */
static bool
put_presence(struct buf *b, struct slice body)
{
	static const struct {
		struct slice ours, theirs;
	} words[] = {
	    {SLICE_INIT("{\"join\":"), SLICE_INIT("{\"subscribe\":")},
	    {SLICE_INIT("{\"leave\":"), SLICE_INIT("{\"unsubscribe\":")},
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!slice_starts(body, words[i].ours))
			continue;
		buf_put(b, words[i].theirs);
		buf_put(b, slice_from(body, words[i].ours.n));
		return true;
	}
	return false;
}

static bool
put_data(struct buf *b, const struct event *e, enum message_shape shape)
{
	switch (shape) {
	case SHAPE_JSON:
		buf_put(b, e->body);
		return true;
	case SHAPE_PRESENCE:
		return put_presence(b, e->body);
	case SHAPE_TEXT:
		json_escape(b, e->body);
		return true;
	case SHAPE_BYTES:
		buf_chr(b, '"');
		base64_encode(b, e->body, BASE64_STD);
		buf_chr(b, '"');
	}
	return true;
}

void
form_bayeux_put(struct buf *b, const struct event *e)
{
	enum message_shape shape;
	size_t from = b->n;

	if (e->reason != GAP_NONE)
		return;
	shape = message_shape(e->type, e->body);
	if (shape == SHAPE_JSON && put_enveloped(b, e))
		return;
	buf_put(b, SLICE("{\"channel\":\""));
	buf_put(b, e->channel); /* path characters: nothing to escape */
	buf_put(b, SLICE("\",\"data\":"));
	if (!put_data(b, e, shape)) {
		b->n = from;
		return;
	}
	buf_put(b, SLICE(",\"id\":"));
	put_id(b, e);
	buf_chr(b, '}');
}

/* An envelope is believed only as far as it is JSON. */
void
form_bayeux_event(struct buf *b, struct slice object)
{
	bool line = json_one_line(object);

	if (object.n == 0 || (!line && json_check(object, NULL, NULL) != NULL))
		return;
	buf_put(b, SLICE("data: ["));
	if (line)
		buf_put(b, object);
	else
		json_compact(b, object);
	buf_put(b, SLICE("]\r\n\r\n"));
}
