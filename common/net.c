/*
 * net.c - listening, accepting, connecting.
 *
 * At the descriptor limit accept fails and the connection stays in the
 * backlog, so a level-triggered loop would spin.  One descriptor is therefore
 * held in reserve: given up, it lets us accept, say 503 and close.
 */
#include "common/net.h"

#include "common/address.h"
#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 65535, /* the kernel cuts it to somaxconn */
	FIRST_FD = 3,    /* of LISTEN_FDS, sd_listen_fds(3) */
	FDS_MAX = 256,   /* a larger LISTEN_FDS is a mistake */
	FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC,
	OWN = 256,     /* descriptors: 4 for each of 64 stores */
	OWN_SHARE = 8, /* but one of so many at most */
};

static const int on = 1;

static int
close_and_keep_errno(int fd)
{
	int kept = errno;

	if (fd >= 0)
		close(fd);
	errno = kept;
	return -1;
}

/* A path left behind by the dead is removed; errno when somebody lives. */
static int
clear_path(const struct address *a, int type)
{
	struct stat st;
	int fd, rc;

	if (stat(a->un.sun_path, &st) != 0)
		return 0;
	errno = EADDRINUSE;
	if (!S_ISSOCK(st.st_mode))
		return -1;
	if ((fd = socket(AF_UNIX, type | FLAGS, 0)) < 0)
		return -1;
	rc = connect(fd, &a->sa, a->len);
	if (rc == 0 || errno != ECONNREFUSED)
		errno = EADDRINUSE;
	else
		rc = unlink(a->un.sun_path) == 0 ? 1 : -1;
	close_and_keep_errno(fd);
	return rc == 1 ? 0 : -1;
}

static int
listen_at(const struct address *a, int type)
{
	static const int off = 0;
	int fd;

	if (a->sa.sa_family == AF_UNIX && clear_path(a, type) != 0)
		return -1;
	if ((fd = socket(a->sa.sa_family, type | FLAGS, 0)) < 0)
		return -1;
	if (a->sa.sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, a->any ? &off : &on,
		    sizeof(on));
	if (bind(fd, &a->sa, a->len) != 0 || listen(fd, BACKLOG) != 0)
		return close_and_keep_errno(fd);
	return fd;
}

int
net_listen(const char *text)
{
	struct address a;
	int fd;

	if (!address_parse(slice_of(text), &a)) {
		errno = EINVAL;
		return -1;
	}
	fd = listen_at(&a, SOCK_STREAM);
	if (fd < 0 && a.any &&
	    (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		address_any4(&a); /* a host without IPv6 */
		fd = listen_at(&a, SOCK_STREAM);
	}
	return fd;
}

int
net_listen_door(const char *path)
{
	struct address a;

	if (!address_unix(path, &a)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return listen_at(&a, SOCK_SEQPACKET);
}

/* How many descriptors were passed to this very process. */
static unsigned
inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t n;

	if (pid == NULL || fds == NULL || !slice_num(slice_of(pid), &n) ||
	    n != (uint64_t)getpid() || !slice_num(slice_of(fds), &n))
		return 0;
	return n <= FDS_MAX ? (unsigned)n : 0;
}

static bool
listens_at(int fd, const struct address *a)
{
	struct address own = {.len = sizeof(own.storage)};
	int listening = 0;
	socklen_t n = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0 ||
	    listening == 0 || getsockname(fd, &own.sa, &own.len) != 0)
		return false;
	return address_same(a, &own);
}

int
net_inherited(const char *text)
{
	struct address a;
	unsigned n = inherited();

	errno = EINVAL;
	if (!address_parse(slice_of(text), &a))
		return -1;
	for (int fd = FIRST_FD; fd < FIRST_FD + (int)n; fd++) {
		/* Taken ones are marked by close-on-exec: they came without. */
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0 || (flags & FD_CLOEXEC) != 0 ||
		    !listens_at(fd, &a))
			continue;
		if (fcntl(fd, F_SETFD, flags | FD_CLOEXEC) != 0 ||
		    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
			return -1;
		return fd;
	}
	errno = ENOENT;
	return -1;
}

static int
connect_to(const struct address *a, int type)
{
	int fd = socket(a->sa.sa_family, type | FLAGS, 0);

	if (fd < 0)
		return -1;
	if (a->sa.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &a->sa, a->len) != 0 && errno != EINPROGRESS)
		return close_and_keep_errno(fd);
	return fd;
}

int
net_connect(const char *text)
{
	struct address a;

	if (!address_parse(slice_of(text), &a) || a.any) {
		errno = EINVAL;
		return -1;
	}
	return connect_to(&a, SOCK_STREAM);
}

int
net_connect_named(const char *text)
{
	const char *port = strrchr(text, ':');
	struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	char host[256];
	struct address a;
	int fd = net_connect(text);

	if (fd >= 0 || errno != EINVAL)
		return fd;
	errno = EHOSTUNREACH;
	if (port == NULL || (size_t)(port - text) >= sizeof(host))
		return -1;
	memcpy(host, text, (size_t)(port - text));
	host[port - text] = '\0';
	if (getaddrinfo(host, port + 1, &want, &found) != 0) {
		errno = EHOSTUNREACH;
		return -1;
	}
	memcpy(&a.storage, found->ai_addr, found->ai_addrlen);
	a.len = found->ai_addrlen;
	freeaddrinfo(found);
	return connect_to(&a, SOCK_STREAM);
}

int
net_connect_door(const char *path)
{
	struct address a;

	if (!address_unix(path, &a)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return connect_to(&a, SOCK_SEQPACKET);
}

int
net_connect_to(const struct address *a)
{
	return connect_to(a, SOCK_STREAM);
}

int
net_connected(int fd)
{
	int error = 0;
	socklen_t n = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 ? error
	                                                             : errno;
}

static int
open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void
net_listener_init(struct net_listener *l, int fd)
{
	*l = (struct net_listener){fd, open_reserve()};
}

void
net_listener_close(struct net_listener *l)
{
	close_and_keep_errno(l->fd);
	close_and_keep_errno(l->reserve);
	*l = (struct net_listener){-1, -1};
}

static enum net_accepted
accept_one(struct net_listener *l, int *fd)
{
	do
		*fd = accept4(l->fd, NULL, NULL, FLAGS);
	while (*fd < 0 && (errno == EINTR || errno == ECONNABORTED ||
			      errno == EPROTO || errno == EPERM));
	if (*fd >= 0) {
		/* Fails on a unix socket, which delays nothing anyway. */
		setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		return NET_ACCEPTED;
	}
	if (errno == EAGAIN)
		return NET_NONE;
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM)
		return NET_EXHAUSTED;
	return NET_FAILED;
}

enum net_accepted
net_accept(struct net_listener *l, int *fd)
{
	enum net_accepted got = accept_one(l, fd);

	if (got != NET_EXHAUSTED)
		return got;
	if (l->reserve >= 0)
		close(l->reserve);
	l->reserve = -1;
	if ((got = accept_one(l, fd)) == NET_ACCEPTED)
		return NET_EXHAUSTED;
	/* accept() looks for a free number before it looks for a peer: there
	 * was none of either, and the reserve is wanted for the next one. */
	l->reserve = open_reserve();
	return got;
}

void
net_refuse(struct net_listener *l, int fd, struct slice answer)
{
	char unread[4096];

	if (fd >= 0) {
		/* What stays unread would turn our close into a reset, which
		 * may overtake the answer. */
		for (int i = 0; i < 4; i++)
			if (recv(fd, unread, sizeof(unread), MSG_DONTWAIT) <= 0)
				break;
		send(fd, answer.p, answer.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	if (l->reserve < 0)
		l->reserve = open_reserve();
}

bool
net_crowded(int fd)
{
	struct rlimit limit;
	rlim_t own;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	own =
	    limit.rlim_cur / OWN_SHARE < OWN ? limit.rlim_cur / OWN_SHARE : OWN;
	return fd >= 0 && (rlim_t)fd >= limit.rlim_cur - own;
}

uint64_t
net_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t was = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			return was;
	}
	return limit.rlim_cur;
}
