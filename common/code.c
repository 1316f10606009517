/*
 * code.c - names, sentences and HTTP status of every outcome.
 */
#include "common/code.h"

#include "common/must.h"

struct row {
	const char *name, *text;
	unsigned status;
};

#define CODE(name, number, status, text) [number] = {#name, text, status},
static const struct row rows[] = {
#include "common/code.def"
};

static const struct row *
row_of(enum code code)
{
	if ((size_t)code >= LENGTH(rows) || rows[code].name == NULL)
		return &rows[CODE_internal];
	return &rows[code];
}

const char *
code_name(enum code code)
{
	return row_of(code)->name;
}

const char *
code_text(enum code code)
{
	return row_of(code)->text;
}

unsigned
code_status(enum code code)
{
	return row_of(code)->status;
}

bool
code_passes(enum code code)
{
	return code == CODE_busy || code == CODE_moved ||
	       code == CODE_unavailable || code == CODE_draining;
}

const char *
code_field(enum code code)
{
	return code == CODE_not_kept ? "receipt" : NULL;
}

const char *
gap_reason_name(enum gap_reason reason)
{
	static const char *const names[] = {
	    [GAP_NONE] = "none",
	    [GAP_TRIMMED] = "trimmed",
	    [GAP_EPOCH] = "epoch",
	    [GAP_NOT_KEPT] = "not_kept",
	    [GAP_FORGOTTEN] = "forgotten",
	    [GAP_SLOW] = "slow",
	};

	return (size_t)reason < LENGTH(names) ? names[reason] : "unknown";
}

const char *
job_state_name(enum job_state state)
{
	static const char *const names[] = {
	    [JOB_ANY] = "any",
	    [JOB_WAITING] = "waiting",
	    [JOB_READY] = "ready",
	    [JOB_LEASED] = "leased",
	    [JOB_DELIVERED] = "delivered",
	    [JOB_EXPIRED] = "expired",
	    [JOB_DEAD] = "dead",
	    [JOB_REPLACED] = "replaced",
	    [JOB_GONE] = "gone",
	    [JOB_CANCELLED] = "cancelled",
	};

	return (size_t)state < LENGTH(names) ? names[state] : "unknown";
}
