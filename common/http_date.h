/*
 * http_date.h - a moment as HTTP writes it: Sun, 06 Nov 1994 08:49:37 GMT.
 *
 * Costs a few divisions; needs no locale and no time zone.
 */
#ifndef COMMON_HTTP_DATE_H
#define COMMON_HTTP_DATE_H

#include "common/buf.h"

#include <stdint.h>

/* Append it, of a year up to 9999. */
void http_date(struct buf *, uint64_t unix_s);

#endif
