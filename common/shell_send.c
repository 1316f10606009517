/*
 * shell_send.c - lines and frames from stdin to the stores.
 *
 *          whole line            answer
 *   input ------------> publish --------> counted, told
 *                          ^  | busy
 *                          +--+ after a pause, in order, before new input
 *
 * Nothing is read while the stores have no room, so that pressure reaches
 * whoever writes into the pipe.
 */
#include "common/shell_send.h"

#include "common/backoff.h"
#include "common/channel.h"
#include "common/must.h"
#include "common/receipts.h"
#include "common/shell_in.h"
#include "common/shell_read.h"
#include "common/shell_reply.h"

#include <errno.h>
#include <unistd.h>

enum {
	READ_SIZE = 64 << 10,
	LINE_MAX_BYTES = 26 << 20, /* 4 MiB, each byte spelt \u00XX, and more */
	FAILED_MAX = 99, /* as an exit status; 100 and 111 are taken */
	TRIES = 10,      /* rounds in which stores are too busy for any line */
	RETRY_MIN = 100,
	RETRY_MAX = 5000, /* ms */
};

/* One line or frame on its way. */
struct line {
	struct ticket ticket;
	struct list node; /* of send.flying or send.again */
	struct send *send;
	uint64_t number;
	char made[NATIVE_MADE]; /* id, where it has none of its own */
	size_t n;
	char p[]; /* as it was read */
};

struct send {
	struct daemon d;
	struct watch in;
	struct shell_out out;
	struct shell_in input;
	struct receipts receipts;
	uint64_t number; /* of the last line or frame */
	uint64_t failed, skipped, pending;
	bool skipping;      /* the rest of a line too long */
	struct list flying; /* struct line, published */
	struct list again;  /* to be published again */
	struct timer retry, patience;
	struct backoff backoff;
	unsigned rounds; /* of `again`, since a line was accepted */
	struct shell_read read;
	bool verbose;
	bool late; /* publish nothing more: it is pending, and stays so */
};

/* clang-format off */
static const struct option send_options[] = {
	{"channel", "", OPT_STR, 0, CHANNEL_MAX, "each line is a message on this channel, not an object"},
	{"text", "no", OPT_BOOL, 0, 1, "with a channel: lines are text, even those that are JSON"},
	{"msgpack", "no", OPT_BOOL, 0, 1, "read publish and deliver frames instead of lines"},
	{"verbose", "no", OPT_BOOL, 0, 1, "write the answers to stdout, one JSON object per line"},
	{"timeout", "30s", OPT_TIME, 1, 3600000, "give up when no store answers for so long"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

static struct send *
send_of(struct daemon *d)
{
	return container_of(d, struct send, d);
}

/* The status counts what failed. */
static int
sum_up(const struct send *s)
{
	if (s->skipped != 0)
		fprintf(stderr, "skipped %llu frames: of no use to a store\n",
		    (unsigned long long)s->skipped);
	return s->failed < FAILED_MAX ? (int)s->failed : FAILED_MAX;
}

static void
leave_if_done(struct send *s)
{
	if (s->input.ended && shell_in_rest(&s->input).n == 0 &&
	    s->pending == 0 && list_empty(&s->again) && s->out.pending.n == 0)
		daemon_fail(&s->d, sum_up(s));
}

static void
gave_up(struct timer *t)
{
	struct send *s = container_of(t, struct send, patience);

	fprintf(stderr, "timeout: no store answered; unanswered: %llu\n",
	    (unsigned long long)s->pending);
	daemon_fail(&s->d, EXIT_WORLD);
}

/* Somebody owes us something: an answer, or room to go on. */
static void
wait_or_rest(struct send *s)
{
	bool owed = s->pending != 0 || !list_empty(&s->again) ||
	            !bus_can_publish(s->d.bus);

	if (!owed)
		timer_cancel(&s->patience);
	else if (!timer_armed(&s->patience))
		loop_arm(
		    s->d.loop, &s->patience, opt_num(s->d.options, "timeout"));
}

static void
refuse(struct send *s, uint64_t number, const struct native_fault *no)
{
	struct shell_reply r = {s->verbose ? &s->out : NULL,
	    s->read.frames ? "frame" : "line", number};

	s->failed++;
	shell_refused(&r, no);
}

/* The id of a tracked message that has none stays the same. */
static enum code
read_again(struct send *s, const struct line *l)
{
	return shell_read_again(&s->read, (struct slice){l->p, l->n},
	    loop_unix_ms(s->d.loop), (struct slice){l->made, NATIVE_MADE});
}

static void
accepted(struct send *s, const struct line *l, const struct msg_published *p)
{
	struct shell_reply r = {
	    &s->out, s->read.frames ? "frame" : "line", l->number};
	const struct msg_publish *m = &s->read.native.msg.publish;

	backoff_worked(&s->backoff);
	s->rounds = 0;
	if (!s->verbose || read_again(s, l) != CODE_ok)
		return;
	shell_accepted(
	    &r, m, p, channel_shard(m->channel, bus_shards(s->d.bus)));
}

static void
answered(struct ticket *t, const struct msg_published *p)
{
	struct line *l = container_of(t, struct line, ticket);
	struct send *s = l->send;
	enum code code = (enum code)p->code;

	s->pending--;
	timer_cancel(&s->patience);
	if (code_passes(code) && s->rounds < TRIES) {
		list_remove(&l->node);
		list_append(&s->again, &l->node);
		if (!timer_armed(&s->retry))
			loop_arm(
			    s->d.loop, &s->retry, backoff_failed(&s->backoff));
		wait_or_rest(s);
		return;
	}
	if (code != CODE_ok)
		refuse(s, l->number, &(struct native_fault){.code = code});
	else
		accepted(s, l, p);
	list_remove(&l->node);
	free(l);
	wait_or_rest(s);
	leave_if_done(s);
}

static void
publish(struct send *s, struct line *l)
{
	s->pending++;
	list_append(&s->flying, &l->node);
	bus_publish(s->d.bus, &s->read.native.msg, &l->ticket);
}

/* What is no publish may be a receipt. */
static void
pass(struct send *s, struct slice frame)
{
	const char *why;
	struct msg m;

	must(msg_decode(frame, &m, &why) > 0);
	if (m.id == MSG_receipt)
		receipts_say(&s->receipts, &m.receipt);
	else
		s->skipped++;
}

static void
on_relay(struct daemon *d, struct bus_link *l, const struct msg *m)
{
	(void)l;
	receipts_relay(&send_of(d)->receipts, &m->relay);
}

static void
handle(struct send *s, struct slice input)
{
	struct native *n = &s->read.native;
	enum code code = shell_read(&s->read, input, loop_unix_ms(s->d.loop));
	struct line *l;

	if (s->read.frames && code == CODE_not_found)
		pass(s, input);
	else if (code != CODE_ok)
		refuse(s, s->number, &n->fault);
	s->pending += s->late && code == CODE_ok;
	if (s->late || code != CODE_ok)
		return;
	l = xmalloc(sizeof(*l) + input.n);
	*l = (struct line){.ticket.answered = answered,
	    .send = s,
	    .number = s->number,
	    .n = input.n};
	memcpy(l->p, input.p, input.n);
	if (n->made.n != 0)
		memcpy(l->made, n->made.p, NATIVE_MADE);
	publish(s, l);
}

static bool
take_line(struct send *s)
{
	struct slice line;
	bool whole = shell_in_line(&s->input, &line);

	if (!whole && line.n > LINE_MAX_BYTES) {
		s->input.at = s->input.bytes.n;
		s->skipping = true;
	}
	if (!whole)
		return false;
	s->number++;
	if (s->skipping)
		refuse(s, s->number,
		    &(struct native_fault){.code = CODE_too_large});
	else if (slice_trim(line).n != 0)
		handle(s, line);
	s->skipping = false;
	return true;
}

/* A stream that is not frames has no next frame to go on with. */
static bool
take_frame(struct send *s)
{
	struct slice rest = shell_in_rest(&s->input);
	const char *why = "the input ends inside a frame";
	struct msg m;
	long n = msg_decode(rest, &m, &why);

	if (n == 0 && (!s->input.ended || rest.n == 0))
		return false;
	s->number++;
	if (n <= 0) {
		refuse(s, s->number,
		    &(struct native_fault){
			.code = CODE_bad_request, .why = why});
		s->input.at = s->input.bytes.n;
		s->input.ended = true;
		return false;
	}
	s->input.at += (size_t)n;
	handle(s, (struct slice){rest.p, (size_t)n});
	return true;
}

static bool
has_room(const struct send *s)
{
	return bus_can_publish(s->d.bus) && list_empty(&s->again) &&
	       (s->out.broken || shell_out_room(&s->out));
}

/* Handle what was read as far as there is room; then read on, or wait. */
static void
pump(struct send *s)
{
	bool room;

	while ((room = has_room(s)) &&
	       (s->read.frames ? take_frame : take_line)(s))
		continue;
	shell_in_drop(&s->input);
	if (s->input.ended)
		loop_unwatch(s->d.loop, &s->in);
	else
		loop_watch(
		    s->d.loop, &s->in, STDIN_FILENO, room ? LOOP_READ : 0);
	wait_or_rest(s);
	leave_if_done(s);
}

static void
readable(struct watch *w, unsigned events)
{
	struct send *s = container_of(w, struct send, in);
	char *room = buf_room(&s->input.bytes, READ_SIZE);
	ssize_t n = read(STDIN_FILENO, room, READ_SIZE);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fprintf(stderr, "stdin: %s\n", strerror(errno));
		daemon_fail(&s->d, EXIT_WORLD);
		return;
	}
	s->input.ended = n == 0;
	s->input.bytes.n += (size_t)n;
	pump(s);
}

static void
publish_again(struct timer *t)
{
	struct send *s = container_of(t, struct send, retry);
	struct list *node;

	s->rounds += bus_can_publish(s->d.bus);
	while (bus_can_publish(s->d.bus) &&
	       (node = list_shift(&s->again)) != NULL) {
		struct line *l = container_of(node, struct line, node);

		must(read_again(s, l) == CODE_ok);
		publish(s, l);
	}
	if (!list_empty(&s->again))
		loop_arm(s->d.loop, &s->retry, RETRY_MIN);
	pump(s);
}

static void
out_changed(struct shell_out *o)
{
	pump(container_of(o, struct send, out));
}

static void
send_publishable(struct daemon *d)
{
	struct send *s = send_of(d);

	timer_cancel(&s->patience);
	pump(s);
}

static const char *
wrong(const struct options *o)
{
	const char *channel = opt_str(o, "channel");

	if (opt_str(o, "bus")[0] != '\0')
		return "--bus: stdin is the input already";
	if (opt_bool(o, "msgpack") && channel[0] != '\0')
		return "frames have a channel each: -m and -c exclude each "
		       "other";
	if (opt_bool(o, "text") && channel[0] == '\0')
		return "--text needs a channel";
	return channel[0] != '\0' ? channel_check(slice_of(channel)) : NULL;
}

static int
send_check(struct daemon *d)
{
	const char *why = wrong(d->options);

	if (why != NULL)
		fprintf(stderr, "send: %s\n", why);
	return why != NULL ? EXIT_SETTINGS : 0;
}

static int
send_start(struct daemon *d)
{
	struct send *s = send_of(d);

	s->read.frames = opt_bool(d->options, "msgpack");
	s->read.text = opt_bool(d->options, "text");
	s->verbose = opt_bool(d->options, "verbose");
	s->read.channel = opt_str(d->options, "channel");
	list_init(&s->flying);
	list_init(&s->again);
	timer_init(&s->retry, publish_again);
	timer_init(&s->patience, gave_up);
	backoff_init(&s->backoff, RETRY_MIN, RETRY_MAX);
	receipts_open(&s->receipts, d->bus);
	s->in.ready = readable;
	s->out.changed = out_changed;
	shell_out_open(&s->out, d->loop);
	wait_or_rest(s);
	daemon_ready(d);
	return 0;
}

/* Bytes of the whole lines or frames that were read and not used yet. */
static size_t
whole(const struct send *s)
{
	struct slice all = shell_in_rest(&s->input), rest = all;
	const char *why, *end = NULL;
	struct msg m;
	long n;

	if (s->read.frames) {
		while ((n = msg_decode(rest, &m, &why)) > 0)
			rest = slice_from(rest, (size_t)n);
		return all.n - rest.n;
	}
	if (all.n != 0)
		end = memrchr(all.p, '\n', all.n);
	return end != NULL ? (size_t)(end - all.p) + 1 : 0;
}

/* A signal ends the input, not what was read of it. */
static void
send_drain(struct daemon *d)
{
	struct send *s = send_of(d);

	s->input.bytes.n = s->input.at + whole(s);
	s->input.ended = true;
	pump(s);
}

/* What nobody answered by now has failed, and what was not sent as well. */
static int
send_late(struct daemon *d)
{
	struct send *s = send_of(d);

	s->late = true;
	while ((s->read.frames ? take_frame : take_line)(s))
		continue;
	list_each_safe (at, &s->again)
		s->pending++;
	fprintf(stderr, "drain: no time is left; unanswered: %llu\n",
	    (unsigned long long)s->pending);
	s->failed += s->pending;
	return sum_up(s);
}

static void
send_stop(struct daemon *d)
{
	struct send *s = send_of(d);
	struct list *node;

	if (s->flying.next == NULL)
		return; /* start was not reached */
	loop_unwatch(d->loop, &s->in);
	timer_cancel(&s->retry);
	timer_cancel(&s->patience);
	shell_out_close(&s->out);
	shell_read_free(&s->read);
	buf_free(&s->input.bytes);
	receipts_close(&s->receipts);
	while ((node = list_shift(&s->flying)) != NULL ||
	       (node = list_shift(&s->again)) != NULL) {
		struct line *l = container_of(node, struct line, node);

		ticket_forget(&l->ticket);
		free(l);
	}
}

const struct stage shell_send = {
    .name = "send",
    .about = "publish what comes on stdin: a JSON object per line",
    .options = send_options,
    .size = sizeof(struct send),
    .letters = "cchannel mmsgpack vverbose",
    .tool = true,
    .check = send_check,
    .start = send_start,
    .publishable = send_publishable,
    .on = {[MSG_relay] = on_relay},
    .drain = send_drain,
    .late = send_late,
    .stop = send_stop,
};
