/*
 * api_metrics.c - GET /metrics: the counters of every stage.
 *
 * Each store knows those of its peers, by their beats; all stores are asked,
 * and after a second what has come is told.  Our own are fresher here than
 * there.
 */
#include "common/must.h"
#include "common/stats.h"
#include "ingress/api.h"

enum {
	METRICS_MS = 1000,
	SAMPLES_MAX = 65536, /* some hundred stages of all rows */
};

struct gauges {
	struct list waiting; /* struct metrics */
	uint64_t ref;        /* the last one */
};

/* A sample, its strings behind each other in `text`. */
struct sample {
	size_t at;
	uint8_t stage_n, name_n, metric_n;
	uint64_t value;
};

struct metrics {
	struct request r;
	struct list node; /* of gauges.waiting */
	uint64_t ref;
	uint64_t links; /* bits of those that have not ended */
	unsigned count, room;
	struct sample *samples;
	struct buf text;
};

struct gauges *
gauges_new(void)
{
	struct gauges *g = xcalloc(1, sizeof(*g));

	list_init(&g->waiting);
	return g;
}

void
gauges_free(struct gauges **gp)
{
	struct gauges *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	while (list_shift(&g->waiting) != NULL)
		continue;
	free(g);
}

static void
add(struct metrics *m, const struct msg_stat *s)
{
	struct sample *to;

	if (m->count == SAMPLES_MAX) {
		stats_add(STAT_drop_overflow, 1);
		return;
	}
	if (m->count == m->room) {
		m->room = m->room != 0 ? m->room * 2 : 256;
		m->samples =
		    xrealloc(m->samples, m->room * sizeof(*m->samples));
	}
	to = &m->samples[m->count++];
	*to = (struct sample){
	    .at = m->text.n,
	    .stage_n = (uint8_t)s->stage.n,
	    .name_n = (uint8_t)s->name.n,
	    .metric_n = (uint8_t)s->metric.n,
	    .value = s->value,
	};
	buf_put(&m->text, s->stage);
	buf_put(&m->text, s->name);
	buf_put(&m->text, s->metric);
}

void
gauges_stat(struct gauges *g, const struct msg_stat *s)
{
	list_each (at, &g->waiting) {
		struct metrics *m = container_of(at, struct metrics, node);

		if (m->ref != s->ref)
			continue;
		if (slice_is(s->stage, "ingress") &&
		    slice_is(s->name, request_front(&m->r)->name))
			return; /* us, a second ago */
		add(m, s);
		return;
	}
}

static uint64_t
bit_of(const struct front *f, const struct bus_link *l)
{
	for (unsigned i = 0; i < bus_links(f->bus) && i < 64; i++)
		if (bus_link_at(f->bus, i) == l)
			return UINT64_C(1) << i;
	return 0;
}

static void
heard_all_of(struct metrics *m, const struct bus_link *l)
{
	m->links &= ~bit_of(request_front(&m->r), l);
	if (m->links != 0)
		return;
	list_remove(&m->node);
	request_ready(&m->r);
}

void
gauges_end(struct gauges *g, const struct bus_link *l, uint64_t ref)
{
	list_each_safe (at, &g->waiting) {
		struct metrics *m = container_of(at, struct metrics, node);

		if (m->ref == ref)
			heard_all_of(m, l);
	}
}

void
gauges_down(struct gauges *g, const struct bus_link *l)
{
	list_each_safe (at, &g->waiting)
		heard_all_of(container_of(at, struct metrics, node), l);
}

static void
add_own(struct metrics *m)
{
	struct msg_stat s = {.stage = SLICE("ingress"),
	    .name = slice_of(request_front(&m->r)->name)};

	for (unsigned i = 0; i < STATS; i++) {
		s.metric = stat_rows[i].name;
		s.value = stats_get((enum stat_id)i);
		if (s.value != 0)
			add(m, &s);
	}
}

static bool
metrics_answer(struct request *r, struct buf *out)
{
	struct metrics *m = container_of(r, struct metrics, r);
	struct http_reply reply = request_reply(r, 200);
	struct buf *body = &request_front(r)->lines;
	struct stat_sample *samples;

	if (!list_empty(&m->node))
		return false;
	add_own(m);
	samples = xcalloc(m->count, sizeof(*samples));
	for (unsigned i = 0; i < m->count; i++) {
		const struct sample *s = &m->samples[i];
		const char *p = m->text.p + s->at;

		samples[i] = (struct stat_sample){
		    .stage = {p, s->stage_n},
		    .instance = {p + s->stage_n, s->name_n},
		    .name = {p + s->stage_n + s->name_n, s->metric_n},
		    .value = s->value,
		};
	}
	buf_clear(body);
	stats_prometheus(body, samples, m->count);
	free(samples);
	reply.type = SLICE("text/plain; version=0.0.4; charset=utf-8");
	reply.body = buf_slice(body);
	http_reply(out, &reply);
	return true;
}

/* A second has passed: what has come must do. */
static void
metrics_fail(struct request *r, const struct failure *f)
{
	(void)f;
	list_remove(&container_of(r, struct metrics, r)->node);
}

static void
metrics_free(struct request *r)
{
	struct metrics *m = container_of(r, struct metrics, r);

	list_remove(&m->node);
	free(m->samples);
	buf_free(&m->text);
	free(m);
}

static const struct request_kind metrics_kind = {
    .answer = metrics_answer,
    .fail = metrics_fail,
    .free = metrics_free,
};

struct request *
api_metrics(struct client *c, const struct http_request *h)
{
	struct front *f = api_front(c);
	struct metrics *m = xcalloc(1, sizeof(*m));
	struct msg ask = {.id = MSG_stats};

	(void)h;
	m->r.kind = &metrics_kind;
	m->r.late_at = loop_now(f->loop) + METRICS_MS;
	list_init(&m->node);
	m->ref = ask.stats.ref = ++f->gauges->ref;
	for (unsigned i = 0; i < bus_links(f->bus) && i < 64; i++) {
		struct bus_link *l = bus_link_at(f->bus, i);

		if (!bus_link_up(l))
			continue;
		m->links |= UINT64_C(1) << i;
		bus_send(l, &ask);
	}
	if (m->links != 0)
		list_append(&f->gauges->waiting, &m->node);
	return &m->r;
}
