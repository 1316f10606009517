/*
 * json_write.h - write JSON: strings, and values on one line.
 *
 * Both append to a buf with one pass over the input, which must not lie in
 * that buf.  False: past the buf's cap; nothing is left of the attempt but
 * `full`.
 */
#ifndef COMMON_JSON_WRITE_H
#define COMMON_JSON_WRITE_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>

/* Any bytes as a quoted string.  Escaped is what RFC 8259 demands, and
 * U+2028 and U+2029, which end a line in older JavaScript; what is not UTF-8
 * becomes U+FFFD. */
bool json_escape(struct buf *, struct slice);

/* A checked value without the blanks between its parts, so on one line;
 * strings and numbers stay as spelt.  The cap is held against its length
 * with the blanks. */
bool json_compact(struct buf *, struct slice checked);

/* A checked value that stands on one line already: inside its strings no
 * line can end, so a look for the two bytes is enough. */
bool json_one_line(struct slice checked);

#endif
