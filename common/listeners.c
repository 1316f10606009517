/*
 * listeners.c - reads and opens a list of listening sockets.
 *
 * Whoever opens them is not whoever serves them: the supervisor holds the
 * sockets, so that connections wait in the backlog while the door restarts.
 */
#include "common/listeners.h"

#include "common/address.h"
#include "common/must.h"
#include "common/net.h"

#include <errno.h>
#include <unistd.h>

static struct slice
after_last_colon(struct slice s)
{
	size_t n = s.n;

	while (n != 0 && s.p[n - 1] != ':')
		n--;
	return slice_from(s, n);
}

/* Cut a mark off the end; twice the same is not a mark any more. */
static bool
take_mark(struct slice *word, struct slice mark, bool *flag)
{
	if (*flag || word->n < mark.n ||
	    !slice_eq(slice_from(*word, word->n - mark.n), mark))
		return false;
	word->n -= mark.n;
	*flag = true;
	return true;
}

static const char *
listener_parse(struct listener *l, struct slice word)
{
	struct slice rest = word, where = {NULL, 0};
	struct address address;

	*l = (struct listener){.word = word, .fd = -1};
	l->name = after_last_colon(word);
	while (take_mark(&rest, SLICE("+tls"), &l->tls) ||
	       take_mark(&rest, SLICE("+proxy"), &l->proxy))
		continue;
	slice_cut(&rest, '=', &where);
	if (where.n >= sizeof(l->address) || !address_parse(where, &address))
		return "no such address or port";
	memcpy(l->address, where.p, where.n);
	l->address[where.n] = '\0';
	for (size_t i = 0; i < rest.n; i++) {
		if (rest.p[i] < 'a' || rest.p[i] > 'z')
			return "a persona is lower-case letters";
	}
	if (rest.p != NULL && rest.n == 0)
		return "no persona behind =";
	l->persona = rest;
	return NULL;
}

/* Does an earlier one listen where this one wants to? */
static bool
is_taken(const struct listeners *ls, const struct listener *l)
{
	struct address own, other;

	must(address_parse(slice_of(l->address), &own));
	for (size_t i = 0; i < ls->n; i++) {
		must(address_parse(slice_of(ls->at[i].address), &other));
		if (address_clash(&own, &other))
			return true;
	}
	return false;
}

const char *
listeners_parse(struct listeners *ls, struct slice text)
{
	const char *error = NULL;

	*ls = (struct listeners){.n = 0};
	while (error == NULL && text.n != 0) {
		size_t n = 0;

		while (n < text.n && text.p[n] != ' ' && text.p[n] != '\t' &&
		       text.p[n] != ',')
			n++;
		ls->culprit = (struct slice){text.p, n};
		text = slice_from(text, n < text.n ? n + 1 : n);
		if (n == 0)
			continue;
		if (ls->n == LISTENERS_MAX)
			return "more than 16 listeners";
		error = listener_parse(&ls->at[ls->n], ls->culprit);
		if (error == NULL && is_taken(ls, &ls->at[ls->n]))
			error = "an earlier listener has this port";
		ls->n += error == NULL;
	}
	return error;
}

int
listeners_open(struct listeners *ls)
{
	for (size_t i = 0; i < ls->n; i++) {
		ls->at[i].fd = net_listen(ls->at[i].address);
		if (ls->at[i].fd < 0) {
			int why = errno;

			ls->culprit = ls->at[i].word;
			listeners_close(ls);
			errno = why;
			return -1;
		}
	}
	return 0;
}

void
listeners_close(struct listeners *ls)
{
	for (size_t i = 0; i < ls->n; i++) {
		if (ls->at[i].fd >= 0)
			close(ls->at[i].fd);
		ls->at[i].fd = -1;
	}
}
