/*
 * http_date.h - the time of day as HTTP spells it (RFC 9110 5.6.7).
 *
 * Costs a division or ten; locale and zone are of no matter.
 */
#ifndef COMMON_HTTP_DATE_H
#define COMMON_HTTP_DATE_H

#include "common/slice.h"

#include <stdint.h>

enum { HTTP_DATE = 30 }; /* with the NUL */

/* "Sun, 06 Nov 1994 08:49:37 GMT", in room. */
struct slice http_date(char room[HTTP_DATE], uint64_t unix_s);

#endif
