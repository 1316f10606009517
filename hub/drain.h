/*
 * drain.h - taking leave of clients without a stampede.
 */
#ifndef HUB_DRAIN_H
#define HUB_DRAIN_H

struct hub;

void drain_init(struct hub *);

/* SIGTERM: take nobody any more, and send who is here away over the time that
 * setting `spread` gives. */
void drain_begin(struct hub *);

/* At the end of a turn: the last one left, so does the hub. */
void drain_step(struct hub *);

#endif
