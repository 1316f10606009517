/*
 * shell_read.c - from bytes of a pipe to a publish.
 */
#include "common/shell_read.h"

#include "common/json.h"
#include "common/must.h"

static enum code
read_line(struct shell_read *r, struct slice line, uint64_t unix_ms)
{
	struct native *n = &r->native;

	if (r->channel[0] == '\0')
		return native_read(n, line, unix_ms);
	native_begin(n);
	n->msg.publish.body = line;
	if (r->text || json_check(line, NULL, NULL) != NULL)
		n->msg.publish.type = SLICE("text/plain;charset=utf-8");
	if (line.n > NATIVE_BODY_MAX)
		return n->fault.code = CODE_too_large;
	return native_channel(n, slice_of(r->channel));
}

/* A track is its publisher's: what is passed on is not tracked again. */
static enum code
read_frame(struct shell_read *r, struct slice frame)
{
	struct native *n = &r->native;
	const char *why;
	struct msg m;

	must(msg_decode(frame, &m, &why) > 0);
	native_begin(n);
	n->msg = m;
	if (m.id == MSG_deliver)
		n->msg = (struct msg){.id = MSG_publish,
		    .publish = {
			.channel = m.deliver.channel,
			.type = m.deliver.type,
			.body = m.deliver.body,
			.id = m.deliver.id,
			.expires = m.deliver.expires,
			.filter = m.deliver.filter,
			.envelope = m.deliver.envelope,
		    }};
	else if (m.id != MSG_publish)
		return CODE_not_found;
	native_id(n, SLICE(""));
	return native_channel(n, n->msg.publish.channel);
}

enum code
shell_read(struct shell_read *r, struct slice input, uint64_t unix_ms)
{
	return r->frames ? read_frame(r, input) : read_line(r, input, unix_ms);
}

enum code
shell_read_again(struct shell_read *r, struct slice input, uint64_t unix_ms,
    struct slice made)
{
	enum code code = shell_read(r, input, unix_ms);

	native_id(&r->native, made);
	return code;
}

void
shell_read_free(struct shell_read *r)
{
	native_free(&r->native);
}
