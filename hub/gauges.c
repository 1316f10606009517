/*
 * gauges.c - one question at a time: what answers an older one is of no use.
 */
#include "hub/gauges.h"

#include "common/log.h"
#include "common/stats.h"
#include "common/statsd.h"

enum { SAY_S = 20 }; /* Incus' rhythm */

void
gauges_ask(struct hub *h)
{
	struct msg m = {.id = MSG_stats};
	struct bus_link *l = h->statsd != NULL ? bus_any(h->d.bus) : NULL;

	if (++h->age % SAY_S == 0)
		log_go("There are %llu connected clients",
		    (unsigned long long)(stats_get(STAT_incus_sockets) +
					 stats_get(STAT_incus_polls)));
	if (l == NULL)
		return;
	statsd_forget(h->statsd);
	m.stats.ref = ++h->gauges_ref;
	bus_send(l, &m);
}

void
gauges_frame(struct hub *h, const struct msg *m)
{
	if (m->id == MSG_stat && m->stat.ref == h->gauges_ref)
		statsd_sample(h->statsd, m->stat.metric, m->stat.value);
	else if (m->id == MSG_stats_end && m->stats_end.ref == h->gauges_ref)
		statsd_sampled(h->statsd);
}
