/*
 * form_tyron.c - an etag, a type, a line's end and the body.
 */
#include "hub/form_tyron.h"

#include "common/must.h"
#include "common/tyron_reply.h"

void
form_tyron_put(struct buf *b, struct slice type, struct slice body)
{
	struct buf room = {0};
	struct tyron_body t = tyron_body(type, body, &room);
	char etag[TYRON_ETAG];

	buf_put(b, tyron_etag(t.body, etag));
	buf_put(b, t.type);
	buf_chr(b, '\n'); /* in no type */
	buf_put(b, t.body);
	buf_free(&room);
}

struct form_tyron
form_tyron_read(struct slice form)
{
	struct form_tyron f = {.etag = {form.p, TYRON_ETAG}};
	struct slice rest;

	must(form.n > TYRON_ETAG);
	rest = slice_from(form, TYRON_ETAG);
	slice_cut(&rest, '\n', &f.type);
	f.body = rest;
	return f;
}
