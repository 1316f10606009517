/*
 * bridge_incus_push.c - pushes of Incus, made into jobs.
 *
 * A job holds all that the original would have sent, and where it told of what
 * went wrong: a pusher knows vendors, and nothing of Incus.
 */
#include "common/json_write.h"
#include "common/log.h"
#include "common/must.h"
#include "common/segment.h"
#include "common/stats.h"
#include "ingress/bridge_incus_own.h"

static const struct {
	const char *type, *queue, *suffix;
	enum stat_id made, off;
} kinds[INCUS_PUSHES] = {
    [INCUS_IOS] = {"ios", "apns", "/i", STAT_incus_pushes_ios,
	STAT_incus_pushes_ios_off},
    [INCUS_ANDROID] = {"android", "gcm", "/a", STAT_incus_pushes_android,
	STAT_incus_pushes_android_off},
};

static void
put_string(struct buf *out, const char *name, struct slice s)
{
	buf_printf(out, ",\"%s\":", name);
	json_escape(out, s);
}

/* What is not set is not there. */
static void
put_setting(struct buf *out, const char *name, const char *value)
{
	if (value[0] != '\0')
		put_string(out, name, slice_of(value));
}

/* The body of a job, with these registration ids. */
static void
put_job(struct bridge_incus *x, enum incus_push k, struct slice ids, uint64_t s)
{
	struct buf *out = &x->body;

	buf_clear(out);
	buf_printf(out, "{\"push_type\":\"%s\"", kinds[k].type);
	if (k == INCUS_IOS) {
		put_string(
		    out, "device_token", x->in.words[INCUS_DEVICE_TOKEN]);
		put_string(out, "build", x->in.words[INCUS_BUILD]);
		put_setting(out, "sound", x->sound);
	} else {
		put_string(out, "registration_ids", ids);
		put_setting(out, "error_queue", x->error_queue);
	}
	buf_str(out, ",\"message\":");
	incus_body_put(out, &x->pushes[k]);
	buf_printf(out, ",\"received\":%llu}", (unsigned long long)s);
}

/* What a byte takes in a JSON string, at most: the rest of it is UTF-8. */
static size_t
escaped(unsigned char c)
{
	if (c < 0x20)
		return 6;
	return c == '"' || c == '\\' || c >= 0x80 ? 2 : 1;
}

/* Cut as many whole ids off the front as fit.  False: none is left, or not
 * even the first does; then *ids is empty. */
static bool
cut_ids(struct slice *rest, size_t room, struct slice *ids)
{
	size_t n = 0, used = 0;
	unsigned count = 0;

	*ids = (struct slice){rest->p, 0};
	if (rest->p == NULL)
		return false;
	for (size_t i = 0; i <= rest->n && count < INCUS_JOB_IDS; i++) {
		if (i == rest->n || rest->p[i] == ',') {
			n = i;
			count++;
		}
		if (i < rest->n)
			used += escaped((unsigned char)rest->p[i]);
		if (used > room)
			break;
	}
	ids->n = n;
	if (n == rest->n)
		*rest = (struct slice){NULL, 0};
	else
		*rest = slice_from(*rest, n + 1);
	return n != 0;
}

/* What a body without ids leaves for them. */
static size_t
room_for_ids(struct bridge_incus *x)
{
	put_job(x, INCUS_ANDROID, SLICE(""), UINT64_MAX);
	return x->body.n < INCUS_JOB_BODY ? INCUS_JOB_BODY - x->body.n : 0;
}

static bool
ids_fit(struct bridge_incus *x)
{
	struct slice rest = x->in.words[INCUS_REGISTRATION_IDS], ids;
	size_t room = room_for_ids(x);
	unsigned jobs = 0;

	while (cut_ids(&rest, room, &ids))
		jobs++;
	return rest.p == NULL && jobs != 0 && jobs <= INCUS_JOBS;
}

static void
write_job(struct bridge_incus *x, struct incus_sink *sink, enum incus_push k,
    struct slice target)
{
	struct msg m = {.id = MSG_enqueue,
	    .enqueue = {
		.target = target,
		.queue = slice_of(kinds[k].queue),
		.app = SLICE("incus"),
		.body = buf_slice(&x->body),
		.id = buf_slice(&x->id),
	    }};

	sink->write(sink, &m);
}

static void
push_ios(struct bridge_incus *x, struct incus_sink *sink)
{
	put_job(x, INCUS_IOS, SLICE(""), sink->unix_s);
	bridge_incus_name(x, sink, kinds[INCUS_IOS].suffix, 0);
	write_job(x, sink, INCUS_IOS, x->in.words[INCUS_DEVICE_TOKEN]);
}

/* What does not fit, or not onto a line, is a digest. */
static struct slice
target_of(struct bridge_incus *x, struct slice ids)
{
	bool plain = ids.n <= INCUS_JOB_TARGET;

	for (size_t i = 0; plain && i < ids.n; i++)
		plain = (unsigned char)ids.p[i] >= ' ';
	if (plain)
		return ids;
	buf_clear(&x->target);
	segment_put(&x->target, ids, INCUS_JOB_TARGET);
	return buf_slice(&x->target);
}

static void
push_android(struct bridge_incus *x, struct incus_sink *sink)
{
	struct slice rest = x->in.words[INCUS_REGISTRATION_IDS], ids;
	size_t room = room_for_ids(x);
	unsigned n = 0;

	while (cut_ids(&rest, room, &ids)) {
		put_job(x, INCUS_ANDROID, ids, sink->unix_s);
		bridge_incus_name(x, sink, kinds[INCUS_ANDROID].suffix, n++);
		write_job(x, sink, INCUS_ANDROID, target_of(x, ids));
	}
}

void
bridge_incus_push(struct bridge_incus *x, struct incus_sink *sink)
{
	for (enum incus_push k = 0; k < INCUS_PUSHES; k++) {
		if (!x->due[k])
			continue;
		stats_add(x->enabled[k] ? kinds[k].made : kinds[k].off, 1);
		if (!x->enabled[k]) {
			log_warn("push_off", "kind=%s", kinds[k].type);
		} else if (k == INCUS_IOS) {
			push_ios(x, sink);
		} else {
			push_android(x, sink);
		}
	}
}

/* ---- Reading */

const char *
bridge_incus_type(enum incus_push k)
{
	return kinds[k].type;
}

const char *
bridge_incus_missing(const struct bridge_incus *x, enum incus_push k)
{
	const struct slice *w = x->in.words;

	if (k == INCUS_ANDROID)
		return w[INCUS_REGISTRATION_IDS].n == 0 ? "registration_ids"
		                                        : NULL;
	if (w[INCUS_DEVICE_TOKEN].n == 0)
		return "device_token";
	return w[INCUS_BUILD].n == 0 ? "build" : NULL;
}

enum code
bridge_incus_check(struct bridge_incus *x, enum incus_push k)
{
	struct slice token = x->in.words[INCUS_DEVICE_TOKEN];

	x->due[k] = true;
	if (k == INCUS_ANDROID)
		return ids_fit(x) ? CODE_ok
		                  : bridge_incus_refuse(x, CODE_too_large,
					"registration_ids", NULL);
	if (token.n > INCUS_JOB_TARGET)
		return bridge_incus_refuse(
		    x, CODE_too_large, "device_token", NULL);
	for (size_t i = 0; i < token.n; i++)
		if ((unsigned char)token.p[i] < ' ')
			return bridge_incus_refuse(x, CODE_bad_field,
			    "device_token", "has a character it may not have");
	put_job(x, k, SLICE(""), UINT64_MAX);
	return x->body.n <= INCUS_JOB_BODY
	           ? CODE_ok
	           : bridge_incus_refuse(x, CODE_too_large, "message", NULL);
}
