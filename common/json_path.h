/*
 * json_path.h - reach into a small nested document by path.
 *
 * For envelopes whose parts lie deep ("command.user"); the hot path walks
 * instead (json.h).  A document holds a fixed number of tokens, is made once
 * and read into again and again; it borrows the bytes it read.  A lookup is
 * O(tokens) and allocates nothing.
 */
#ifndef COMMON_JSON_PATH_H
#define COMMON_JSON_PATH_H

#include "common/json.h"

#include <stdbool.h>

struct json_doc;

/* Room for that many tokens: one for each value and each member name. */
struct json_doc *json_doc_new(unsigned tokens);
void json_doc_free(struct json_doc **); /* and sets it to NULL */

/* Check and index; NULL, or the reason and *at where (at may be NULL), and
 * the document is empty.  Depth is JSON_DEPTH. */
const char *json_doc_read(struct json_doc *, struct slice, size_t *at);

/* The value at a path of names and array indices joined by dots; "" is the
 * whole.  JSON_NONE when it is not there.  Of two members of one name the
 * first counts.  A name with a dot in it cannot be said. */
struct json_value json_path(const struct json_doc *, const char *path);

#endif
