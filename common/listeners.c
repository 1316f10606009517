/*
 * listeners.c - reads and opens listening sockets.
 *
 * Whoever opens them is not whoever serves them: the supervisor holds the
 * sockets, so that connections wait in the backlog while the door restarts.
 */
#include "common/listeners.h"

#include "common/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel lowers it to net.core.somaxconn. */
enum { BACKLOG = 65535 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Cut ADDRESS: off the front, if there is one. */
static const char *
read_address(struct listener *l, struct slice *word)
{
	struct slice text = {word->p, 0};
	struct in6_addr scratch;

	for (size_t i = word->n; i-- != 0 && text.n == 0;) {
		if (word->p[i] == ':')
			text.n = i;
	}
	if (text.n == 0)
		return NULL;
	*word = slice_from(*word, text.n + 1);
	if (text.n > 1 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = (struct slice){text.p + 1, text.n - 2};
	if (text.n >= sizeof(l->address))
		return "no such address";
	memcpy(l->address, text.p, text.n);
	l->address[text.n] = '\0';
	if (inet_pton(AF_INET6, l->address, &scratch) != 1 &&
	    inet_pton(AF_INET, l->address, &scratch) != 1)
		return "no such address";
	return NULL;
}

const char *
listener_parse(struct listener *l, struct slice word)
{
	struct slice tls = SLICE("+tls"), rest, port = {NULL, 0};
	const char *error;
	uint64_t n;

	*l = (struct listener){.fd = -1};
	if ((error = read_address(l, &word)) != NULL)
		return error;
	l->name = rest = word;
	if (rest.n >= tls.n &&
	    slice_eq(slice_from(rest, rest.n - tls.n), tls)) {
		l->tls = true;
		rest.n -= tls.n;
	}
	slice_cut(&rest, '=', &port);
	if (!slice_num(port, &n) || n > UINT16_MAX)
		return "no port of 0 to 65535";
	l->port = (uint16_t)n;
	for (size_t i = 0; i < rest.n; i++) {
		if (rest.p[i] < 'a' || rest.p[i] > 'z')
			return "a persona is lower-case letters";
	}
	if (rest.p != NULL && rest.n == 0)
		return "no persona behind =";
	l->persona = rest;
	return NULL;
}

const char *
listeners_parse(struct listeners *ls, struct slice text)
{
	const char *error = NULL;

	*ls = (struct listeners){.n = 0};
	while (error == NULL && text.n != 0) {
		size_t n = 0;

		while (n < text.n && strchr(" \t,", text.p[n]) == NULL)
			n++;
		ls->culprit = (struct slice){text.p, n};
		text = slice_from(text, n < text.n ? n + 1 : n);
		if (n == 0)
			continue;
		if (ls->n == LISTENERS_MAX)
			return "more than 16 listeners";
		error = listener_parse(&ls->at[ls->n], ls->culprit);
		ls->n += error == NULL;
	}
	return error;
}

static socklen_t
address_of(const struct listener *l, int family, union address *a)
{
	memset(a, 0, sizeof(*a));
	a->any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		a->v4.sin_port = htons(l->port);
		if (l->address[0] != '\0')
			inet_pton(AF_INET, l->address, &a->v4.sin_addr);
		return sizeof(a->v4);
	}
	a->v6.sin6_port = htons(l->port);
	if (l->address[0] != '\0')
		inet_pton(AF_INET6, l->address, &a->v6.sin6_addr);
	return sizeof(a->v6);
}

static int
open_family(struct listener *l, int family)
{
	union address a;
	socklen_t n = address_of(l, family, &a);
	int on = 1, off = 0, rc = -1, why;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		goto out;
	if (family == AF_INET6 && l->address[0] == '\0' &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		goto out;
	if (bind(fd, &a.any, n) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, &a.any, &n) != 0)
		goto out;
	l->port = ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	l->fd = fd;
	rc = 0;
out:
	why = errno;
	if (rc != 0)
		close(fd);
	errno = why;
	return rc;
}

/* A machine without IPv6 still has IPv4. */
static int
open_one(struct listener *l)
{
	if (l->address[0] != '\0')
		return open_family(
		    l, strchr(l->address, ':') != NULL ? AF_INET6 : AF_INET);
	if (open_family(l, AF_INET6) == 0)
		return 0;
	if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
		return -1;
	return open_family(l, AF_INET);
}

int
listeners_open(struct listeners *ls)
{
	for (size_t i = 0; i < ls->n; i++) {
		if (open_one(&ls->at[i]) != 0) {
			int why = errno;

			ls->culprit = ls->at[i].name;
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
