/*
 * form_tyron.h - a message as Tyron's polls are answered with it, but for what
 * differs from client to client.
 *
 * It is converted and digested once, however many wait.  Slices borrow from
 * the form.
 */
#ifndef HUB_FORM_TYRON_H
#define HUB_FORM_TYRON_H

#include "common/buf.h"
#include "common/tyron.h"

void form_tyron_put(struct buf *, struct slice type, struct slice body);

struct form_tyron {
	struct slice etag, type, body; /* type empty: that of texts */
};
struct form_tyron form_tyron_read(struct slice);

#endif
