/*
 * jobs_row.c - a job as a row: its number in order, and a job_is frame.
 *
 * What a list tells of a job is what has to be kept of it, so there is one
 * form for both; fields are only ever appended to a frame, so rows of other
 * versions can be read.
 */
#include "common/must.h"
#include "store/jobs_own.h"

void
job_key(char key[JOB_KEY], uint64_t number)
{
	key[0] = 'j';
	for (unsigned i = 0; i < 8; i++)
		key[1 + i] = (char)(unsigned char)(number >> (56 - 8 * i));
}

/* The body is borrowed with the rest: a list leaves it out. */
struct msg_job_is
job_is(const struct job *j)
{
	struct msg_job_is m = {
	    .shard = j->shard,
	    .number = j->number,
	    .state = j->state,
	    .attempt = j->attempt,
	    .queue = lane_queue(j->lane),
	    .app = lane_app(j->lane),
	    .target = job_target(j),
	    .collapse = {j->bytes + j->target_n, j->collapse_n},
	    .priority = j->priority,
	    .created = j->created,
	    .due = j->due,
	    .expires = j->expires,
	    .type = {j->bytes + j->target_n + j->collapse_n, j->type_n},
	    .replays = j->replays,
	};

	if (j->body != NULL)
		m.body = (struct slice){j->body->p, j->body->n};
	if (j->why != NULL) {
		m.why = slice_of(j->why);
		m.vendor_id = slice_of(j->why + m.why.n + 1);
	}
	return m;
}

void
job_row(struct buf *b, const struct msg_job_is *is)
{
	struct msg m = {.id = MSG_job_is, .job_is = *is};

	msg_encode(b, &m);
}

/* Rows of jobs do not vanish by themselves: what expires is counted. */
struct op
job_put(const struct job *j, struct slice key, struct slice row)
{
	return (struct op){.kind = OP_PUT,
	    .row = {
		.key = key,
		.value = row,
		.shard = j->shard,
		.space = SPACE_JOB,
	    }};
}

struct op
job_delete(const struct job *j, struct slice key)
{
	return (struct op){.kind = OP_DELETE,
	    .row = {.key = key, .shard = j->shard, .space = SPACE_JOB}};
}
