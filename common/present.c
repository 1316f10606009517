/*
 * present.c - one shape of a roster, for hubs and ingresses.
 */
#include "common/present.h"

#include "common/json_write.h"

void
present_put(struct buf *b, const struct msg_present *m)
{
	if (b->n != 0)
		buf_chr(b, ',');
	buf_str(b, "{\"user\":");
	json_escape(b, m->user);
	buf_str(b, ",\"sessions\":");
	buf_num(b, m->sessions);
	buf_str(b, ",\"since\":");
	buf_num(b, m->since);
	if (m->data.n != 0) {
		buf_str(b, ",\"data\":");
		buf_put(b, m->data);
	}
	buf_chr(b, '}');
}

void
present_end(struct buf *b, const struct msg_roster_end *m, struct slice rows,
    struct slice last)
{
	buf_str(b, "\"users\":");
	buf_num(b, m->users);
	buf_str(b, ",\"sessions\":");
	buf_num(b, m->sessions);
	buf_str(b, ",\"present\":[");
	buf_put(b, rows);
	buf_chr(b, ']');
	if (m->more == 0)
		return;
	buf_str(b, ",\"more\":true,\"after\":");
	json_escape(b, last);
}
