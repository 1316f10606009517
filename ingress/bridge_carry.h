/*
 * bridge_carry.h - items of one source become writes, in their order.
 *
 * Most items are one publish, and that is all.  An item of Incus may be
 * several writes, or none, or wait until it is known who is present; what
 * comes behind it then waits too, as a copy.  Whatever it is, its ticket is
 * answered once: with ok when all is accepted, or what has become of the
 * write that fared worst.  Then it may be carried again: with the same id,
 * what was accepted is recognised.
 *
 * Borrows the tickets until they are answered, and items for the call.
 */
#ifndef INGRESS_BRIDGE_CARRY_H
#define INGRESS_BRIDGE_CARRY_H

#include "ingress/bridge_envelope.h"
#include "ingress/bridge_incus.h"
#include "ingress/bridge_present.h"

struct statsd;

/* What all sources share; borrowed. */
struct carriage {
	struct loop *loop;
	struct bus *bus;
	struct presents *presents;
	struct statsd *statsd; /* may be NULL */
	struct bridge_incus incus;
	struct native native;
	struct slice tyron; /* prefix of its channels */
};
void carriage_end(struct carriage *);

struct carry {
	/* carry_room() may be true again. */
	void (*room)(struct carry *);
	struct carriage *with;    /* the rest is bridge_carry.c's business */
	struct list held, flying; /* struct load */
	struct timer soon;
};

/* Zeroed but for `room`. */
void carry_open(struct carry *, struct carriage *);
void carry_close(struct carry *); /* tickets are forgotten */

/* The bus has room, and nothing waits here. */
bool carry_room(const struct carry *);

/* CODE_ok: the ticket will be answered, not within the call.  Else the item
 * is bad, and the fault says why. */
struct carry_item {
	const struct envelope *envelope;
	struct slice id; /* of its repetition; at most INCUS_ITEM_ID bytes */
	struct slice item;
	struct ticket *ticket;
	struct native_fault fault;
};
enum code carry_take(struct carry *, struct carry_item *);

#endif
