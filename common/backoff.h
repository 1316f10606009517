/*
 * backoff.h - how long to leave a failing peer alone.
 *
 * The wait doubles from min to max with each failure and falls back to min at
 * the first success.  Jitter is the caller's.  A struct of 12 bytes, to be
 * embedded.
 */
#ifndef COMMON_BACKOFF_H
#define COMMON_BACKOFF_H

struct backoff {
	unsigned min, max; /* ms, 0 < min <= max */
	unsigned next;     /* min <= next <= max, always */
};

void backoff_init(struct backoff *, unsigned min, unsigned max);
unsigned backoff_failed(struct backoff *); /* ms to wait now */
void backoff_worked(struct backoff *);

#endif
