/*
 * question.c - one pass over the query, decoding what somebody expects.
 */
#include "ingress/question.h"

#include "common/must.h"
#include "common/url.h"

const char *
question_read(
    struct slice query, struct question *q, size_t n, struct buf *scratch)
{
	struct slice name, value;

	buf_clear(scratch);
	must(buf_room(scratch, query.n + 1) != NULL);
	while (url_query_next(&query, &name, &value)) {
		for (size_t i = 0; i < n; i++) {
			size_t from = scratch->n;

			if (!url_is(name, slice_of(q[i].name), URL_QUERY))
				continue;
			if (!url_decode(scratch, value, URL_QUERY))
				return q[i].name;
			q[i].value = (struct slice){
			    scratch->p + from, scratch->n - from};
		}
	}
	return NULL;
}
