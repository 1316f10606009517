/*
 * passing.c - SCM_RIGHTS, where every wrong turn leaks a descriptor.
 *
 * Room is made for more descriptors than one, so that a peer which sends
 * several is noticed and all of them closed; a record that did not fit is
 * useless, and so is what came with it.
 */
#include "common/passing.h"

#include "common/must.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MANY = 8 }; /* descriptors we make room for, to close them */

union control {
	struct cmsghdr align;
	char p[CMSG_SPACE(sizeof(int) * MANY)];
};

static enum passed
failed(void)
{
	if (errno == EAGAIN || errno == ENOBUFS)
		return PASS_AGAIN;
	return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN
	           ? PASS_GONE
	           : PASS_ERROR;
}

enum passed
pass_send(int door, int fd, struct slice s)
{
	union control control = {.p = {0}};
	struct iovec iov = {(char *)s.p, s.n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	must(s.n != 0);
	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control.p;
		m.msg_controllen = CMSG_SPACE(sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(door, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? failed() : PASSED;
}

/* The first descriptor of a record; how many there were is counted, and the
 * others are closed. */
static unsigned
collect(struct msghdr *m, int *fd)
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	     c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int one;

			memcpy(
			    &one, CMSG_DATA(c) + i * sizeof(int), sizeof(one));
			if (count++ == 0)
				*fd = one;
			else
				close(one);
		}
	}
	return count;
}

enum passed
pass_receive(int door, int *fd, struct passing_room *room)
{
	union control control;
	struct iovec iov = {room->p, room->n};
	struct msghdr m = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.p,
	    .msg_controllen = sizeof(control.p),
	};
	unsigned count;
	ssize_t n;

	*fd = -1;
	room->got = 0;
	do
		n = recvmsg(door, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return failed();
	count = collect(&m, fd);
	if (count > 1 || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    (n == 0 && count != 0)) {
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		return PASS_BAD;
	}
	room->got = (size_t)n;
	return n == 0 ? PASS_GONE : PASSED;
}
