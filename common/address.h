/*
 * address.h - addresses as text, as numbers, and as ranges.
 *
 * No names are looked up but localhost: a lookup would block.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include "common/slice.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	};
	socklen_t len;
	bool any; /* a port alone: every address of this host */
};

/* 4000, 127.0.0.1:4000, [::1]:4000, localhost:4000, unix:/path. */
bool address_parse(struct slice, struct address *);
bool address_unix(const char *path, struct address *);
void address_any4(struct address *); /* turn any of IPv6 into any of IPv4 */

/* Whether they are one place; an any stands for both families' any. */
bool address_same(const struct address *, const struct address *);

/* Whether one host cannot listen on both at a time.  Port 0 is another one
 * each time. */
bool address_clash(const struct address *, const struct address *);

/* 16 bytes for both families: IPv4 is held as ::ffff:a.b.c.d. */
struct ip {
	unsigned char b[16];
};

/* 192.0.2.1, 2001:db8::1, [2001:db8::1]; strict, without a port. */
bool ip_parse(struct slice, struct ip *);

/* Shortest usual text, IPv4 dotted; out has INET6_ADDRSTRLEN bytes. */
const char *ip_text(const struct ip *, char out[INET6_ADDRSTRLEN]);
bool ip_loopback(const struct ip *);

/* What limits per address count it as: IPv4 whole, IPv6 its /64, since one
 * client has all of that. */
struct ip ip_counted(const struct ip *);

enum { IP_COUNTED = INET6_ADDRSTRLEN + 3 }; /* bytes of its text */
/* As 192.0.2.1 or 2001:db8::/64. */
const char *ip_counted_text(const struct ip *, char out[IP_COUNTED]);

/* The peer of a connected socket.  False: not an IP one (unix), which is
 * this host; *ip is then ::1. */
bool ip_peer(int fd, struct ip *, unsigned *port);

/* Ranges, like 10.0.0.0/8, ::1 or fd00::/8. */
struct ip_range {
	struct ip ip;
	unsigned bits; /* 0 to 128; IPv4 counts from 96 */
};

/* NULL, or what is wrong.  Bits behind the prefix must be zero. */
const char *ip_range_parse(struct slice, struct ip_range *);
bool ip_in(const struct ip *, const struct ip_range *, unsigned n);

#endif
