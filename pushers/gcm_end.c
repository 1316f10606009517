/*
 * gcm_end.c - what became of a push, told to whoever wants to know.
 *
 * Of a push of Incus the list of failures is told before its job ends: a
 * pusher that dies in between tells it twice, and none is silent.
 */
#include "common/json_write.h"
#include "common/must.h"
#include "common/stats.h"
#include "pushers/gcm_own.h"

static const enum outcome outcomes[] = {
    [GCM_DELIVERED] = OUTCOME_DELIVERED,
    [GCM_GONE] = OUTCOME_GONE,
    [GCM_REFUSED] = OUTCOME_REFUSED,
    [GCM_LATER] = OUTCOME_RETRY,
    [GCM_LOCKED_OUT] = OUTCOME_RETRY,
};

/* At least so long, and up to half more, that not all come at once. */
static uint64_t
moment(struct gcm *g, uint64_t ms)
{
	g->random = g->random * 6364136223846793005u + 1442695040888963407u;
	return loop_unix_ms(g->pusher.d.loop) + ms +
	       (g->random >> 33) % (ms / 2 + 1);
}

static void
end_as(struct gcm_push *x, const struct gcm_answer *a)
{
	struct push_end end = {
	    .outcome = outcomes[a->verdict],
	    .why = a->error,
	    .vendor_id = a->id,
	    .replacement = a->replacement,
	};

	if (end.outcome == OUTCOME_RETRY && a->unheard)
		end.outcome = OUTCOME_RETURNED;
	if (end.outcome == OUTCOME_RETURNED || a->wait_ms != 0)
		end.at = moment(x->gcm, a->wait_ms);
	push_end(&x->push, &end);
}

/* ---- Incus */

static unsigned
count(const struct gcm_push *x, enum gcm_verdict verdict)
{
	unsigned n = 0;

	for (unsigned i = 0; i < x->n; i++)
		n += x->ids[i].answer.verdict == verdict;
	return n;
}

static bool
is_whole(const struct gcm_push *x)
{
	for (unsigned i = 0; i < x->n; i++)
		if (!x->ids[i].answer.whole)
			return false;
	return true;
}

/* v1 has the project before it. */
static struct slice
message_id(struct slice id)
{
	const char *slash = id.n != 0 ? memrchr(id.p, '/', id.n) : NULL;

	return slash != NULL ? slice_from(id, (size_t)(slash + 1 - id.p)) : id;
}

/* Byte for byte as Incus did. */
static void
put_report(struct buf *b, const struct gcm_push *x)
{
	buf_str(b, "{\"registration_ids\":[");
	for (unsigned i = 0; i < x->n; i++) {
		if (i != 0)
			buf_chr(b, ',');
		json_escape(b, x->ids[i].id);
	}
	buf_str(b, "],\"results\":[");
	for (unsigned i = 0; i < x->n; i++) {
		const struct gcm_answer *a = &x->ids[i].answer;
		bool good = a->verdict == GCM_DELIVERED;

		buf_str(b, i != 0 ? ",{\"message_id\":" : "{\"message_id\":");
		json_escape(b, message_id(a->id));
		buf_str(b, ",\"registration_id\":");
		json_escape(b, a->replacement);
		buf_str(b, ",\"error\":");
		json_escape(b, good ? SLICE("") : gcm_legacy_word(a));
		buf_chr(b, '}');
	}
	buf_str(b, "]}");
}

/* Of a job with one id the store tells it. */
static void
tell_gone(struct gcm_push *x)
{
	struct pusher *p = &x->gcm->pusher;
	struct slice channel = SLICE("/incus/meta/feedback");
	struct buf b = {0};

	for (unsigned i = 0; x->n > 1 && i < x->n; i++) {
		struct msg m = {
		    .id = MSG_publish, .publish = {.channel = channel}};

		if (x->ids[i].answer.verdict != GCM_GONE)
			continue;
		if (!bus_has_room(p->d.bus, channel)) {
			stats_add(STAT_drop_feedback, 1);
			continue;
		}
		buf_clear(&b);
		buf_printf(&b, "{\"job\":\"%llu-%llu\",\"queue\":",
		    (unsigned long long)x->push.lease.job[0],
		    (unsigned long long)x->push.lease.job[1]);
		json_escape(&b, slice_of(p->leases.queue));
		buf_str(&b, ",\"target\":");
		json_escape(&b, x->ids[i].id);
		buf_str(&b, ",\"why\":");
		json_escape(&b, x->ids[i].answer.error);
		buf_chr(&b, '}');
		m.publish.body = buf_slice(&b);
		bus_publish(p->d.bus, &m, NULL);
	}
	buf_free(&b);
}

/* Failures are told by now, so nothing is tried again: who was reached would
 * hear it twice. */
static void
end_told(struct gcm_push *x)
{
	const struct gcm_answer *a = &x->ids[0].answer;
	struct gcm_answer end = {.verdict = GCM_REFUSED, .error = a->error};

	for (unsigned i = 0; i < x->n; i++)
		if (x->ids[i].answer.verdict == GCM_DELIVERED) {
			end = x->ids[i].answer;
			end.replacement = SLICE("");
			break;
		}
	if (x->n == 1 && a->verdict == GCM_GONE)
		end = *a;
	tell_gone(x);
	end_as(x, &end);
}

static void
report_told(struct report *r)
{
	end_told(container_of(r, struct gcm_push, report));
}

static void
report(struct gcm_push *x)
{
	struct gcm *g = x->gcm;

	if (g->pusher.pipe) { /* there is no way to a bridge */
		stats_add(STAT_drop_push_report, 1);
		end_told(x);
		return;
	}
	x->report.told = report_told;
	buf_put(&x->report.list, x->job.error_queue);
	put_report(&x->report.value, x);
	if (x->report.value.n > GCM_REPORT_MOST) {
		stats_add(STAT_drop_push_report, 1);
		end_told(x);
		return;
	}
	push_extend(&x->push, REPORT_MS + g->pusher.timeout);
	report_tell(&g->reports, &x->report);
}

void
gcm_push_done(struct gcm_push *x)
{
	if (!x->job.incus) {
		end_as(x, &x->ids[0].answer);
	} else if (is_whole(x)) {
		stats_add(STAT_incus_gcm_errors, 1);
		end_as(x, &x->ids[0].answer);
	} else if (count(x, GCM_DELIVERED) == x->n) {
		end_told(x);
	} else {
		stats_add(STAT_incus_gcm_fails, 1);
		if (x->job.error_queue.n != 0)
			report(x);
		else
			end_told(x);
	}
}
