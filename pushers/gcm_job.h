/*
 * gcm_job.h - what a job of the queue gcm asks for, and what is sent for it.
 *
 * A job of Incus is for some registration ids (bridge(8), INCUS JOBS).  Any
 * other is for its target, a token or /topics/NAME, and its body is
 *
 *	{"notification": N, "data": D, "android": A ...}	a message
 *	any other object	the data of one
 *	other JSON, text, bytes	{"data": B}, {"text": B}, {"base64": B}
 *
 * as data.  Values of data that are no strings are sent as their JSON, since
 * devices get strings only.  Pure; borrows the push, and owns its scratch.
 */
#ifndef PUSHERS_GCM_JOB_H
#define PUSHERS_GCM_JOB_H

#include "common/incus_body.h"
#include "common/json.h"
#include "pushers/pusher.h"

enum {
	GCM_IDS_MOST = 1000,       /* of a request; the bridge cuts at it */
	GCM_LIST_MOST = 1024,      /* bytes of a list's name, as in msg.def */
	GCM_REPORT_MOST = 4194304, /* and of what it is told */
};

enum gcm_member {
	GCM_DATA,
	GCM_NOTIFICATION,
	GCM_ANDROID,
	GCM_WEBPUSH,
	GCM_APNS,
	GCM_FCM_OPTIONS,
	GCM_MEMBERS
};

struct gcm_job {
	bool incus;
	struct slice ids; /* between commas; of others it is one, the target */
	struct slice error_queue;  /* of Incus; empty: nobody is told */
	struct incus_body message; /* of Incus */
	struct slice received;     /* likewise: unix seconds */
	struct json_value members[GCM_MEMBERS]; /* of others */
	struct slice plain; /* the data, if it is no object: a JSON string */
	const char *plain_name;
	const struct push *push;
	struct buf scratch;
};

/* Zeroed before.  NULL, or why it cannot be sent. */
const char *gcm_job_read(struct gcm_job *, const struct push *);
void gcm_job_free(struct gcm_job *);

/* Of the ids, cut at commas as they are; *rest begins as job.ids. */
bool gcm_job_id(struct slice *rest, struct slice *id);

struct gcm_sent {
	const struct slice *ids; /* v1: one */
	unsigned n;
	uint64_t unix_ms;
	bool dry; /* checked, not sent */
};
void gcm_job_put_v1(
    struct buf *, const struct gcm_job *, const struct gcm_sent *);
void gcm_job_put_legacy(
    struct buf *, const struct gcm_job *, const struct gcm_sent *);

#endif
