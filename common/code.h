/*
 * code.h - the outcomes of code.def, and small enums that cross the bus.
 */
#ifndef COMMON_CODE_H
#define COMMON_CODE_H

#include <stdbool.h>

#define CODE(name, number, status, text) CODE_##name = number,
enum code {
#include "common/code.def"
};

/* Never NULL: a number nobody knows is "internal". */
const char *code_name(enum code); /* "bad_channel" */
const char *code_text(enum code); /* one English sentence, no full stop */
unsigned code_status(enum code);  /* of HTTP */
/* What was refused so may be accepted when it is tried again. */
bool code_passes(enum code);
/* The field of a publish that is to blame where the store says so; NULL. */
const char *code_field(enum code);

/* What a publisher waits for. */
enum receipt { RECEIPT_ROUTED, RECEIPT_STORED };

/* How an accepted message is kept.  KEPT_REPLICAS + n is by 1 + n replicas
 * besides the one that answered. */
enum kept {
	KEPT_NOT,
	KEPT_MEMORY,
	KEPT_FSYNC,
	KEPT_REPLICAS,
	KEPT_REPLICAS_MOST = 15,
};

/* What a join asks for. */
enum resume { RESUME_NOW, RESUME_POSITION, RESUME_HISTORY };

/* Why messages cannot be had any more. */
enum gap_reason {
	GAP_NONE,
	GAP_TRIMMED,   /* older than what the channel keeps */
	GAP_EPOCH,     /* the numbering began anew */
	GAP_NOT_KEPT,  /* the channel keeps nothing */
	GAP_FORGOTTEN, /* the channel was idle too long */
	GAP_SLOW,      /* the reader was too slow */
};
const char *gap_reason_name(enum gap_reason);

/* What becomes of a job. */
enum job_state {
	JOB_ANY,       /* in a question; no job is in it */
	JOB_WAITING,   /* for its time, or behind another of its collapse key */
	JOB_READY,     /* a pusher with credit gets it */
	JOB_LEASED,    /* a pusher has it */
	JOB_DELIVERED, /* this and what follows is the end, told for a while */
	JOB_EXPIRED,
	JOB_DEAD,      /* failed for good; may be replayed */
	JOB_REPLACED,  /* by a newer one of its collapse key */
	JOB_GONE,      /* its target is */
	JOB_CANCELLED, /* deleted by its application */
	JOB_STATES,
};
const char *job_state_name(enum job_state);

/* What a pusher says of a job. */
enum outcome {
	OUTCOME_NONE,
	OUTCOME_DELIVERED,
	OUTCOME_RETRY,
	OUTCOME_GONE,     /* the target is no more */
	OUTCOME_REFUSED,  /* and would be again */
	OUTCOME_RETURNED, /* it was not tried: a retry that is no attempt */
};

#endif
