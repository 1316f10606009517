/*
 * bridge_script.h - what Redis does for the bridge in one step.
 *
 * A script runs whole or not at all, and nothing else runs meanwhile: each
 * is a line between two moments at which the bridge may die.
 */
#ifndef INGRESS_BRIDGE_SCRIPT_H
#define INGRESS_BRIDGE_SCRIPT_H

enum script {
	SCRIPT_HOLD,    /* a lease: key; token, ms, beginning of a token it may
	                 * be taken from (empty: none) -> 1 or 0 */
	SCRIPT_RELEASE, /* key; token */
	SCRIPT_ADOPT,   /* instances; prefix, list, me, token -> items */
	SCRIPT_TAKE,    /* lease, list, stage, processing, number, dead; token,
	                 * instance, items, bytes, item max, dead max
	                 * -> id, item, ...; nil is an item that
	                 * was too large and is put aside */
	SCRIPT_FETCH, /* processing; bytes, id ... -> item ..., may be fewer */
	SCRIPT_BAD,   /* processing, dead; id, reason, dead max */
	SCRIPTS
};

struct script_text {
	const char *text;
	const char *keys; /* how many, as Redis wants to be told */
};

extern const struct script_text scripts[SCRIPTS];

/* What SCRIPT_ADOPT and SCRIPT_TAKE answer whoever lost the lease. */
#define SCRIPT_LOST "LOST"

#endif
