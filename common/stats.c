/*
 * stats.c - the table of stats.def, and its view for Prometheus.
 */
#include "common/stats.h"

#include "common/must.h"

uint64_t stat_values[STATS];

#define STAT(name, kind, help) {SLICE_INIT(#name), STAT_KIND_##kind, help},
const struct stat_row stat_rows[STATS] = {
#include "common/stats.def"
};

enum stat_id
stats_named(struct slice name)
{
	for (unsigned i = 0; i < STATS; i++)
		if (slice_eq(stat_rows[i].name, name))
			return (enum stat_id)i;
	return STATS;
}

static int
by_name(const void *pa, const void *pb) /* of qsort(3) */
{
	const struct stat_sample *a = pa, *b = pb;
	int order = slice_order(a->name, b->name);

	if (order == 0)
		order = slice_order(a->stage, b->stage);
	return order != 0 ? order : slice_order(a->instance, b->instance);
}

static bool
is_metric_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_')
			return false;
	}
	return s.n != 0;
}

static bool
is_counter(enum stat_id id)
{
	return id != STATS && stat_rows[id].kind == STAT_KIND_counter;
}

static void
put_name(struct buf *out, struct slice name, enum stat_id id)
{
	buf_str(out, "posthorn_");
	buf_put(out, name);
	if (is_counter(id))
		buf_str(out, "_total");
}

static void
put_head(struct buf *out, struct slice name, enum stat_id id)
{
	if (id != STATS) {
		buf_str(out, "# HELP ");
		put_name(out, name, id);
		buf_chr(out, ' ');
		buf_str(out, stat_rows[id].help);
		buf_chr(out, '\n');
	}
	buf_str(out, "# TYPE ");
	put_name(out, name, id);
	buf_str(out, id == STATS      ? " untyped\n"
		     : is_counter(id) ? " counter\n"
				      : " gauge\n");
}

static void
put_label(struct buf *out, const char *label, struct slice value)
{
	buf_str(out, label);
	buf_str(out, "=\"");
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\n') {
			buf_str(out, "\\n");
			continue;
		}
		if (c == '"' || c == '\\')
			buf_chr(out, '\\');
		buf_chr(out, c);
	}
	buf_chr(out, '"');
}

static void
put_sample(struct buf *out, const struct stat_sample *s, enum stat_id id)
{
	put_name(out, s->name, id);
	put_label(out, "{stage", s->stage);
	put_label(out, ",instance", s->instance);
	buf_str(out, "} ");
	buf_num(out, s->value);
	buf_chr(out, '\n');
}

bool
stats_prometheus(struct buf *out, struct stat_sample *samples, size_t n)
{
	struct slice name = {NULL, 0};
	enum stat_id id = STATS;

	if (n != 0)
		qsort(samples, n, sizeof(*samples), by_name);
	for (size_t i = 0; i < n; i++) {
		if (!is_metric_name(samples[i].name))
			continue;
		if (name.p == NULL || !slice_eq(name, samples[i].name)) {
			name = samples[i].name;
			id = stats_named(name);
			put_head(out, name, id);
		}
		put_sample(out, &samples[i], id);
	}
	return !out->full;
}
