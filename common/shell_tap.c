/*
 * shell_tap.c - frames the stores handle, to stdout.
 *
 * Stores forget a watch with its link, so it is said again whenever a link
 * comes up.  That it is in force is known by an answer to a question asked
 * right behind it: then tap is ready, and misses nothing from there on but
 * what a store drops because we read too slowly.
 */
#include "common/shell_tap.h"

#include "common/channel.h"
#include "common/leases.h"
#include "common/must.h"
#include "common/shell.h"

enum { ASKED = 1 }; /* the ref of our stats; there is but one */

struct tap {
	struct daemon d;
	struct shell_out out;
	bool frames;          /* raw, not JSON */
	bool leaving;         /* as soon as stdout took the rest */
	uint64_t left;        /* frames to go; 0 has no end */
	unsigned known;       /* answers to our stats */
	struct leases leases; /* most is 0: we only watch */
	struct timer leave;
};

/* clang-format off */
static const struct option tap_options[] = {
	{"frame", "publish", OPT_STR, 1, 31, "the kind to watch: publish, deliver, job ..."},
	{"msgpack", "no", OPT_BOOL, 0, 1, "write the frames themselves instead of JSON"},
	{"lease", "0", OPT_NUM, 0, 4096, "take the jobs of the queue named, so many at a time; with -f job"},
	{"count", "0", OPT_NUM, 0, 0, "leave after so many; 0 is never"},
	{"print_protocol", "no", OPT_BOOL, 0, 1, "print every frame of the bus and leave"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

static struct tap *
tap_of(struct daemon *d)
{
	return container_of(d, struct tap, d);
}

static void
leave_if_written(struct tap *t)
{
	if (t->out.error != 0) {
		fprintf(stderr, "stdout: %s\n", strerror(t->out.error));
		daemon_fail(&t->d, EXIT_WORLD);
		return;
	}
	if (t->out.broken || (t->leaving && t->out.pending.n == 0))
		daemon_drained(&t->d);
}

static void
watch(struct tap *t, struct bus_link *l, const char *channel)
{
	struct msg m = {.id = MSG_watch,
	    .watch = {
		.frame = slice_of(opt_str(t->d.options, "frame")),
		.channel = slice_of(channel),
	    }};

	bus_send(l, &m);
}

static void
tap_up(struct daemon *d, struct bus_link *l)
{
	struct tap *t = tap_of(d);
	struct msg ask = {.id = MSG_stats, .stats = {.ref = ASKED}};
	const char *channel;
	unsigned n = 0;

	if (t->leases.most != 0) {
		leases_up(&t->leases, l);
		bus_send(l, &ask);
		return;
	}
	while ((channel = options_operand(d->options, n)) != NULL) {
		watch(t, l, channel);
		n++;
	}
	if (n == 0)
		watch(t, l, "");
	bus_send(l, &ask);
}

static void
tap_owner(struct daemon *d, unsigned shard)
{
	struct tap *t = tap_of(d);

	if (t->leases.most != 0)
		leases_owner(&t->leases, shard);
}

static void
lease_over(struct leases *l, struct lease *one)
{
	(void)l;
	free(one);
}

static void
leased(struct leases *l, const struct msg_job *m)
{
	struct lease *one = leases_find(l, m->shard, m->number);

	if (one != NULL)
		leases_again(l, one, m);
	else
		leases_add(l, xcalloc(1, sizeof(*one)), m);
}

static void
settled(struct leases *l, const struct msg_settled *m)
{
	struct lease *one = leases_settled(l, m);

	if (one == NULL)
		return;
	leases_drop(l, one);
	free(one);
}

static void
came(struct daemon *d, struct bus_link *l, const struct msg *m)
{
	struct tap *t = tap_of(d);

	(void)l;
	if (m->id == MSG_stats_end && ++t->known >= bus_links(d->bus))
		daemon_ready(d);
	if (m->id == MSG_stat || m->id == MSG_stats_end || t->leaving ||
	    t->out.broken)
		return;
	if (t->leases.most != 0 && m->id == MSG_job)
		leased(&t->leases, &m->job);
	else if (t->leases.most != 0 && m->id == MSG_settled)
		settled(&t->leases, &m->settled);
	if (t->frames) {
		msg_encode(&t->out.pending, m);
	} else {
		msg_dump(&t->out.pending, m);
		buf_chr(&t->out.pending, '\n');
	}
	t->leaving = --t->left == 0;
	shell_out_flush(&t->out);
	bus_hold(d->bus, !shell_out_room(&t->out));
	leave_if_written(t);
}

static void
out_changed(struct shell_out *o)
{
	struct tap *t = container_of(o, struct tap, out);

	bus_hold(t->d.bus, false);
	leave_if_written(t);
}

static void
leave(struct timer *timer)
{
	leave_if_written(container_of(timer, struct tap, leave));
}

static const char *
wrong(const struct options *o)
{
	const char *channel, *why;

	if (opt_str(o, "bus")[0] != '\0')
		return "--bus: stdout is the output already";
	if (msg_by_name(slice_of(opt_str(o, "frame"))) == MSG_unknown)
		return "--frame: no such frame; see --print-protocol";
	if (opt_num(o, "lease") != 0)
		return strcmp(opt_str(o, "frame"), "job") == 0 &&
		               options_operand(o, 0) != NULL &&
		               options_operand(o, 1) == NULL
		           ? NULL
		           : "--lease: wants -f job and the name of one queue";
	for (unsigned i = 0; (channel = options_operand(o, i)) != NULL; i++)
		if ((why = channel_pattern_check(slice_of(channel))) != NULL &&
		    (why = channel_check(slice_of(channel))) != NULL)
			return why;
	return NULL;
}

static int
tap_check(struct daemon *d)
{
	const char *why = wrong(d->options);

	if (why != NULL)
		fprintf(stderr, "tap: %s\n", why);
	return why != NULL ? EXIT_SETTINGS : 0;
}

static int
tap_start(struct daemon *d)
{
	struct tap *t = tap_of(d);

	t->frames = opt_bool(d->options, "msgpack");
	t->left = opt_num(d->options, "count");
	t->leases = (struct leases){
	    .bus = d->bus,
	    .loop = d->loop,
	    .queue = options_operand(d->options, 0),
	    .most = (unsigned)opt_num(d->options, "lease"),
	    .over = lease_over,
	};
	leases_open(&t->leases);
	t->out.changed = out_changed;
	timer_init(&t->leave, leave);
	shell_out_open(&t->out, d->loop);
	if (opt_bool(d->options, "print_protocol")) {
		msg_print_protocol(&t->out.pending);
		shell_out_flush(&t->out);
		t->leaving = true;
		loop_arm(d->loop, &t->leave, 0);
	}
	return 0;
}

static void
tap_drain(struct daemon *d)
{
	struct tap *t = tap_of(d);

	t->leaving = true;
	leave_if_written(t);
}

static void
tap_stop(struct daemon *d)
{
	struct tap *t = tap_of(d);

	if (t->out.loop != NULL)
		timer_cancel(&t->leave);
	shell_out_close(&t->out);
	leases_close(&t->leases);
}

/* Whatever can be watched. */
#define MSG(name, id, why) [id] = came,
#define FIELD(name, field, kind, limit, why)
#define END(name)

const struct stage shell_tap = {
    .name = "tap",
    .about = "write the frames that the stores handle to stdout",
    .options = tap_options,
    .size = sizeof(struct tap),
    .letters = "fframe mmsgpack ncount",
    .operands = "[channel-or-pattern ...]",
    .tool = true,
    .check = tap_check,
    .start = tap_start,
    .up = tap_up,
    .owner = tap_owner,
    .on =
	{
#include "common/msg.def"
	},
    .drain = tap_drain,
    .stop = tap_stop,
};
