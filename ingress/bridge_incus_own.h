/*
 * bridge_incus_own.h - what bridge_incus.c and bridge_incus_push.c share; for
 * nobody else.
 */
#ifndef INGRESS_BRIDGE_INCUS_OWN_H
#define INGRESS_BRIDGE_INCUS_OWN_H

#include "ingress/bridge_incus.h"

/* Say what is wrong with the item; returns the code. */
enum code bridge_incus_refuse(
    struct bridge_incus *, enum code, const char *field, const char *why);

/* Make x.id of the item's and a suffix, and a number but for 0. */
void bridge_incus_name(struct bridge_incus *, const struct incus_sink *,
    const char *suffix, unsigned);

/* As push_type has it, in small letters. */
const char *bridge_incus_type(enum incus_push);

/* What a push of this kind needs besides its message; NULL: nothing. */
const char *bridge_incus_missing(const struct bridge_incus *, enum incus_push);

/* The push is due: does it fit into jobs? */
enum code bridge_incus_check(struct bridge_incus *, enum incus_push);

/* Make jobs of what is due, as far as it is enabled. */
void bridge_incus_push(struct bridge_incus *, struct incus_sink *);

#endif
