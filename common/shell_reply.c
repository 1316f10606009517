/*
 * shell_reply.c - what became of a line.
 */
#include "common/shell_reply.h"

#include "common/cursor.h"
#include "common/json_write.h"
#include "common/message.h"

#include <stdio.h>

static void
begin(struct buf *out, const struct shell_reply *r)
{
	buf_printf(out, "{\"%s\":%llu", r->unit, (unsigned long long)r->number);
}

void
shell_refused(const struct shell_reply *r, const struct native_fault *no)
{
	char room[NATIVE_WHY];
	const char *why = native_why(no, room);
	const char *field = no->field != NULL ? no->field : "";
	const char *name = code_name(no->code);
	struct buf *out;

	fprintf(stderr, "%s %llu: %s: %s%s%s\n", r->unit,
	    (unsigned long long)r->number, name, field,
	    *field != '\0' ? ": " : "", why);
	if (r->out == NULL)
		return;
	out = &r->out->pending;
	begin(out, r);
	buf_printf(out, ",\"error\":{\"code\":\"%s\",\"message\":", name);
	json_escape(out, slice_of(why));
	if (no->field != NULL) {
		buf_str(out, ",\"field\":");
		json_escape(out, slice_of(no->field));
	}
	buf_str(out, "}}\n");
	shell_out_flush(r->out);
}

void
shell_accepted(const struct shell_reply *r, const struct msg_publish *m,
    const struct msg_published *p, unsigned shard)
{
	struct buf *out = &r->out->pending;
	struct cursor_part at = {shard, p->epoch, p->offset};

	begin(out, r);
	if (m->id.n != 0) {
		buf_str(out, ",\"id\":");
		json_escape(out, m->id);
	}
	buf_str(out, ",\"channel\":");
	json_escape(out, m->channel);
	buf_str(out, ",\"cursor\":\"");
	cursor_put(out, &at, 1);
	buf_str(out, "\",\"hubs\":");
	buf_num(out, p->hubs);
	kept_put(out, (unsigned)p->kept);
	buf_str(out, "}\n");
	shell_out_flush(r->out);
}
