/*
 * bridge_present.h - is a user present on Incus' channel?
 *
 * Each question is one frame to the store that has the channel, answered
 * within five seconds, if only with why not.  Borrows the question until it
 * is answered or forgotten; O(1) each, a link that breaks O(questions).
 */
#ifndef INGRESS_BRIDGE_PRESENT_H
#define INGRESS_BRIDGE_PRESENT_H

#include "common/bus.h"
#include "common/code.h"
#include "common/table.h"

struct presents;

/* Whoever asks embeds one, zeroed but for `told`. */
struct present_ask {
	void (*told)(struct present_ask *, enum code, bool present);
	struct table_entry entry; /* the rest is bridge_present.c's business */
	struct list node;
	struct bus_link *link;
	uint64_t ref, due;
	bool waits, present;
};

struct presents *presents_new(struct bus *, struct loop *);
void presents_free(struct presents **); /* who waits hears nothing */

/* CODE_ok: it will be told, not within the call.  Else why not. */
enum code presents_ask(
    struct presents *, struct present_ask *, struct slice user);
void present_forget(struct presents *, struct present_ask *);

void presents_frame(struct presents *, const struct msg *);
void presents_down(struct presents *, const struct bus_link *);

#endif
