/*
 * load_rows.c - what is measured: one function per row of the table.
 *
 * A rate is taken between two looks: the first after a fifth of the time,
 * when sockets and servers are warm, the second when publishing stops.  The
 * check of every sequence number goes on until the last message is in.
 */
#include "tests/bench/load.h"

#include <inttypes.h>
#include <unistd.h>

enum {
	MS = 1000000,        /* ns */
	WARM_PART = 5,       /* the first fifth is not counted */
	SETTLE_MS = 150,     /* between the last join and the start */
	IDLE_MS = 500,       /* before a look at memory */
	NAP_US = 200,        /* see rest() */
	TURN_MS = 5,         /* longest wait of a turn */
	STUCK_MS = 2000,     /* no progress: what is missing is lost */
	PIPE_MS = 30000,     /* the same of a child that waits for a store */
	RESUME_SECONDS = 30, /* for publishing what is missed */
};

struct look {
	uint64_t time;
	struct tally tally;
	double cpu[PROCS], idle;
};

static struct look
look_now(const struct load *l)
{
	struct look k = {
	    .time = now_ns(), .tally = l->tally, .idle = core_idle()};

	for (unsigned i = 0; i < l->nprocs; i++)
		k.cpu[i] = proc_cpu(l->procs[i].pid);
	return k;
}

static void
turns_for(struct load *l, unsigned ms)
{
	uint64_t until = now_ns() + (uint64_t)ms * MS, now;

	while ((now = now_ns()) < until)
		loop_turn(l, until - now);
}

static uint64_t
percentile(const struct load *l, double part)
{
	uint64_t all = 0, seen = 0, i;

	for (i = 0; i < HISTOGRAM; i++)
		all += l->histogram[i];
	for (i = 0; i < HISTOGRAM - 1; i++) {
		seen += l->histogram[i];
		if ((double)seen >= part * (double)all)
			break;
	}
	return i;
}

static void
print_cpu(const struct load *l, const struct look *a, const struct look *b)
{
	double seconds = (double)(b->time - a->time) / 1e9;

	printf(",\"seconds\":%.3f,\"idle\":%.3f,\"cpu\":{", seconds,
	    (b->idle - a->idle) / seconds);
	for (unsigned i = 0; i < l->nprocs; i++)
		printf("%s\"%s\":%.3f", i != 0 ? "," : "", l->procs[i].name,
		    (b->cpu[i] - a->cpu[i]) / seconds);
	printf("}");
}

static void
print_tally(const struct tally *t)
{
	printf(",\"published\":%" PRIu64 ",\"answered\":%" PRIu64
	       ",\"delivered\":%" PRIu64 ",\"lost\":%" PRIu64
	       ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64
	       ",\"gaps\":%" PRIu64 ",\"errors\":%" PRIu64
	       ",\"closed\":%" PRIu64 ",\"late\":%" PRIu64,
	    t->published, t->answered, t->delivered, t->lost, t->duplicated,
	    t->reordered, t->gaps, t->errors, t->closed, t->late);
}

/* How long the next turn may wait: until the next message is due. */
static uint64_t
wait_of(const struct load *l, bool more)
{
	uint64_t due, now = now_ns();

	if (l->opt.rate == 0)
		return more ? 0 : TURN_MS * MS;
	due = l->started + (l->tally.published + 1) * 1000000000 / l->opt.rate +
	      1;
	if (due <= now)
		return l->tally.late != 0 ? MS / 10 : 0;
	return due - now < TURN_MS * MS ? due - now : TURN_MS * MS;
}

/* Wait for what is still under way. */
static void
drain(struct load *l)
{
	uint64_t progress = now_ns(), seen = 0;
	bool pipes = l->opt.publisher == PUB_SEND;
	uint64_t stuck = (uint64_t)(pipes ? PIPE_MS : STUCK_MS) * MS;

	while (subs_owed(l) != 0 || !pub_ended(l)) {
		uint64_t sum = l->tally.delivered + l->tally.answered;

		if (sum != seen) {
			seen = sum;
			progress = now_ns();
		} else if (now_ns() > progress + stuck) {
			break;
		}
		pub_pump(l); /* what was made but not yet written */
		pub_ack(l);
		loop_turn(l, TURN_MS * MS);
	}
}

/* A reader that chases a writer takes one message per system call and has
 * the writer wake it each time, which is the client's slowness and not the
 * server's.  Where nobody waits for us we let a little gather; one request
 * at a time waits for us. */
static void
rest(const struct load *l)
{
	if (l->opt.rate == 0 && l->opt.publisher != PUB_HTTP &&
	    l->opt.publisher != PUB_POST)
		loop_nap(NAP_US * 1000);
}

/* Publish for the time given, between the two looks. */
static void
publish(struct load *l, struct look looks[2])
{
	uint64_t now, length = (uint64_t)(l->opt.seconds * 1e9);
	bool warm = false, more;

	if (l->opt.publisher == PUB_NONE)
		die("--publisher is missing");
	if (l->pub == NULL)
		pub_open(l);
	turns_for(l, SETTLE_MS);
	l->started = now_ns();
	l->stop = l->started + length;
	l->warm =
	    l->opt.messages != 0 ? l->started : l->started + length / WARM_PART;
	while ((now = now_ns()) < l->stop &&
	       (l->opt.messages == 0 || l->tally.published < l->opt.messages)) {
		if (!warm && now >= l->warm) {
			looks[0] = look_now(l);
			warm = true;
		}
		more = pub_pump(l);
		pub_ack(l);
		loop_turn(l, wait_of(l, more));
		rest(l);
	}
	if (l->opt.messages == 0)
		looks[1] = look_now(l);
	drain(l);
	if (l->opt.messages != 0)
		looks[1] = look_now(l);
}

/* Deliveries per second, and how long they took if that was asked. */
static int
row_deliver(struct load *l, bool timed)
{
	struct look looks[2];
	double rate, sent;

	if (l->opt.clients == 0)
		die("--clients is missing");
	l->timed = timed;
	subs_connect(l, l->opt.clients);
	publish(l, looks);
	pub_close(l);
	subs_settle(l);
	rate = (double)(looks[1].tally.delivered - looks[0].tally.delivered);
	sent = (double)(looks[1].tally.published - looks[0].tally.published);
	rate /= (double)(looks[1].time - looks[0].time) / 1e9;
	sent /= (double)(looks[1].time - looks[0].time) / 1e9;
	printf("{\"rate\":%.0f,\"publishes\":%.0f", rate, sent);
	if (timed)
		printf(",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64
		       ",\"p999\":%" PRIu64,
		    percentile(l, 0.5), percentile(l, 0.99),
		    percentile(l, 0.999));
	print_tally(&l->tally);
	print_cpu(l, &looks[0], &looks[1]);
	printf("}\n");
	return 0;
}

/* What a process holds when all is quiet. */
static void
print_memory(struct load *l)
{
	int pid = (int)strtol(l->opt.memory, NULL, 10);

	turns_for(l, IDLE_MS);
	printf(",\"mib\":%.0f", (double)proc_memory(pid) / (1 << 20));
}

/* Answers per second; of a child, lines per second of its whole life. */
static int
row_publish(struct load *l)
{
	struct look looks[2];
	uint64_t ended;
	double rate;

	l->opt.clients = 0;
	publish(l, looks);
	pub_close(l);
	ended = now_ns();
	rate = (double)(looks[1].tally.answered - looks[0].tally.answered) /
	       ((double)(looks[1].time - looks[0].time) / 1e9);
	if (l->opt.publisher == PUB_SEND)
		rate = (double)l->tally.answered /
		       ((double)(ended - l->started) / 1e9);
	printf("{\"rate\":%.0f", rate);
	if (l->opt.memory != NULL)
		print_memory(l);
	print_tally(&l->tally);
	print_cpu(l, &looks[0], &looks[1]);
	printf("}\n");
	return 0;
}

/* Subscribed connections per second, from the first connect to the last
 * confirmation; they all stay open. */
static int
row_connect(struct load *l)
{
	struct look a = look_now(l), b;

	subs_connect(l, l->opt.clients);
	b = look_now(l);
	printf("{\"rate\":%.0f",
	    l->opt.clients / ((double)(b.time - a.time) / 1e9));
	print_tally(&l->tally);
	print_cpu(l, &a, &b);
	printf("}\n");
	return 0;
}

/* Memory per connection: those up to --warm pay for what is there once. */
static int
row_idle(struct load *l)
{
	uint64_t before, after;
	int pid =
	    (int)strtol(l->opt.memory != NULL ? l->opt.memory : "0", NULL, 10);
	double each;

	if (pid == 0 || l->opt.clients <= l->opt.warm)
		die("idle needs --memory PID and more clients than --warm");
	subs_connect(l, l->opt.warm);
	turns_for(l, IDLE_MS);
	before = proc_memory(pid);
	subs_connect(l, l->opt.clients);
	turns_for(l, IDLE_MS);
	after = proc_memory(pid);
	each =
	    ((double)after - (double)before) / (l->opt.clients - l->opt.warm);
	printf("{\"bytes\":%.0f", each);
	print_tally(&l->tally);
	printf("}\n");
	return 0;
}

/* So many messages to each channel, and all that was published before. */
static void
publish_each(struct load *l, unsigned each)
{
	struct look looks[2];

	l->opt.messages =
	    l->tally.published + each * (l->opt.own ? l->opt.clients : 1);
	publish(l, looks);
}

/* All hang up, each misses some messages, all come back at once: ms until the
 * last of them has everything. */
static int
row_resume(struct load *l)
{
	struct look a, b;

	if (l->opt.clients == 0)
		die("--clients is missing");
	l->resumes = true;
	l->opt.seconds = RESUME_SECONDS;
	subs_connect(l, l->opt.clients);
	publish_each(l, 1);
	subs_leave(l);
	l->away = true;
	publish_each(l, l->opt.missed);
	l->away = false;
	a = look_now(l);
	subs_connect(l, l->opt.clients);
	drain(l);
	b = look_now(l);
	subs_settle(l);
	printf("{\"ms\":%.0f,\"rate\":%.0f", (double)(b.time - a.time) / MS,
	    l->opt.clients / ((double)(b.time - a.time) / 1e9));
	print_tally(&l->tally);
	print_cpu(l, &a, &b);
	printf("}\n");
	return 0;
}

/* Subscribe, say so, and stay until somebody ends us, or is gone. */
static int
row_hold(struct load *l)
{
	subs_connect(l, l->opt.clients);
	printf("{\"joined\":%u}\n", l->joined * l->opt.each);
	fflush(stdout);
	while (getppid() != 1)
		turns_for(l, IDLE_MS);
	return 0;
}

int
row_run(struct load *l, const char *row)
{
	l->subs = subs_new(l->opt.clients);
	l->spread = l->opt.clients;
	if (strcmp(row, "fan") == 0)
		return row_deliver(l, false);
	if (strcmp(row, "latency") == 0)
		return row_deliver(l, true);
	if (strcmp(row, "publish") == 0)
		return row_publish(l);
	if (strcmp(row, "connect") == 0)
		return row_connect(l);
	if (strcmp(row, "polls") == 0)
		return row_polls(l);
	if (strcmp(row, "resume") == 0)
		return row_resume(l);
	if (strcmp(row, "idle") == 0)
		return row_idle(l);
	if (strcmp(row, "hold") == 0)
		return row_hold(l);
	die("no such row: %s", row);
}
