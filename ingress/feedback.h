/*
 * feedback.h - a device whose vendor says it is gone leaves its user.
 *
 * What becomes of pushes is told on /<app>/meta/feedback; every ingress
 * listens there for each application it knows a key of, from the oldest that
 * is kept, and does the same rows' work: doing it twice changes nothing.  A
 * device that was seen after its vendor missed it stays.
 */
#ifndef INGRESS_FEEDBACK_H
#define INGRESS_FEEDBACK_H

#include "common/bus.h"

struct feedback;
struct front;

struct feedback *feedback_new(struct front *); /* borrows */
void feedback_free(struct feedback **);

/* A key of this application was told. */
void feedback_app(struct feedback *, struct slice app);
/* A link is up: listen on it again. */
void feedback_up(struct feedback *, struct bus_link *);
/* joined, gap, lag or deliver. */
void feedback_frame(struct feedback *, const struct msg *);

#endif
