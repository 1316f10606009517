/*
 * present.h - who is present, in JSON, as every way out writes it.
 *
 *	"users":N,"sessions":M,"present":[
 *	    {"user":U,"sessions":K,"since":MS,"data":D}, ...],
 *	"more":true,"after":U
 *
 * The last line is there when a limit ended it.
 */
#ifndef COMMON_PRESENT_H
#define COMMON_PRESENT_H

#include "common/buf.h"
#include "common/msg.h"

/* Append one user, behind a comma unless the buf is empty. */
void present_put(struct buf *rows, const struct msg_present *);

/* Append all of it; `last` is the last user in the rows. */
void present_end(struct buf *, const struct msg_roster_end *, struct slice rows,
    struct slice last);

#endif
