/*
 * address.c - one form for addresses of both families, so that a range
 * written for IPv4 also holds for what arrives through a dual-stack socket.
 */
#include "common/address.h"

#include "common/must.h"

#include <arpa/inet.h>
#include <stdio.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool
is_v4(const struct ip *ip)
{
	return memcmp(ip->b, mapped, sizeof(mapped)) == 0;
}

static bool
parse_port(struct slice s, in_port_t *port)
{
	uint64_t n;

	if (s.n > 5 || !slice_num(s, &n) || n > 65535)
		return false;
	*port = htons((uint16_t)n);
	return true;
}

bool
address_unix(const char *path, struct address *a)
{
	size_t n = strlen(path);

	*a = (struct address){.len = sizeof(a->un)};
	if (n == 0 || n >= sizeof(a->un.sun_path))
		return false;
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path, n + 1);
	return true;
}

void
address_any4(struct address *a)
{
	in_port_t port = a->in6.sin6_port;

	*a = (struct address){.len = sizeof(a->in), .any = true};
	a->in.sin_family = AF_INET;
	a->in.sin_port = port;
}

static void
set_ip(struct address *a, const struct ip *ip, in_port_t port)
{
	if (is_v4(ip)) {
		a->len = sizeof(a->in);
		a->in.sin_family = AF_INET;
		a->in.sin_port = port;
		memcpy(&a->in.sin_addr, ip->b + 12, 4);
		return;
	}
	a->len = sizeof(a->in6);
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = port;
	memcpy(&a->in6.sin6_addr, ip->b, 16);
}

bool
address_parse(struct slice s, struct address *a)
{
	struct slice host = s;
	in_port_t port;
	struct ip ip;

	if (slice_starts(s, SLICE("unix:"))) {
		char path[sizeof(a->un.sun_path)];

		s = slice_from(s, 5);
		if (s.n >= sizeof(path) || memchr(s.p, '\0', s.n) != NULL)
			return false;
		memcpy(path, s.p, s.n);
		path[s.n] = '\0';
		return address_unix(path, a);
	}
	*a = (struct address){.any = false};
	while (host.n != 0 && host.p[host.n - 1] != ':')
		host.n--;
	if (!parse_port(slice_from(s, host.n), &port))
		return false;
	if (host.n == 0) {
		a->any = true;
		ip = (struct ip){{0}};
	} else {
		host.n--;
		if (slice_is(host, "localhost"))
			host = SLICE("127.0.0.1");
		else if (memchr(host.p, ':', host.n) != NULL &&
			 host.p[0] != '[')
			return false; /* where would the port begin? */
		if (!ip_parse(host, &ip))
			return false;
	}
	set_ip(a, &ip, port);
	return true;
}

static bool
is_any(const struct address *a)
{
	return a->sa.sa_family == AF_INET
	           ? a->in.sin_addr.s_addr == htonl(INADDR_ANY)
	           : IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

bool
address_same(const struct address *a, const struct address *b)
{
	if (a->sa.sa_family == AF_UNIX || b->sa.sa_family == AF_UNIX)
		return a->sa.sa_family == b->sa.sa_family &&
		       strcmp(a->un.sun_path, b->un.sun_path) == 0;
	if (a->in.sin_port != b->in.sin_port) /* in6's is at the same place */
		return false;
	if (a->any || b->any)
		return is_any(a) && is_any(b);
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	return a->sa.sa_family == AF_INET
	           ? a->in.sin_addr.s_addr == b->in.sin_addr.s_addr
	           : memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0;
}

bool
address_clash(const struct address *a, const struct address *b)
{
	if (address_same(a, b))
		return a->sa.sa_family == AF_UNIX || a->in.sin_port != 0;
	if (a->sa.sa_family == AF_UNIX || b->sa.sa_family == AF_UNIX ||
	    a->in.sin_port != b->in.sin_port || a->in.sin_port == 0)
		return false;
	return a->any || b->any ||
	       (a->sa.sa_family == b->sa.sa_family && (is_any(a) || is_any(b)));
}

bool
ip_parse(struct slice s, struct ip *ip)
{
	char text[INET6_ADDRSTRLEN];

	if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']') {
		s = (struct slice){s.p + 1, s.n - 2};
		if (memchr(s.p, ':', s.n) == NULL)
			return false;
	}
	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET6, text, ip->b) == 1)
		return true;
	memcpy(ip->b, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, ip->b + 12) == 1;
}

const char *
ip_text(const struct ip *ip, char out[INET6_ADDRSTRLEN])
{
	bool v4 = is_v4(ip);

	return inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? ip->b + 12 : ip->b, out,
	    INET6_ADDRSTRLEN);
}

bool
ip_loopback(const struct ip *ip)
{
	static const struct ip one = {{[15] = 1}};

	if (is_v4(ip))
		return ip->b[12] == 127;
	return memcmp(ip->b, one.b, sizeof(one.b)) == 0;
}

struct ip
ip_counted(const struct ip *ip)
{
	struct ip net = {{0}};

	if (is_v4(ip))
		return *ip;
	memcpy(net.b, ip->b, sizeof(net.b) / 2);
	return net;
}

const char *
ip_counted_text(const struct ip *ip, char out[IP_COUNTED])
{
	struct ip net = ip_counted(ip);

	ip_text(&net, out);
	if (!is_v4(ip))
		memcpy(out + strlen(out), "/64", sizeof("/64"));
	return out;
}

bool
ip_peer(int fd, struct ip *ip, unsigned *port)
{
	struct address a = {.len = sizeof(a.storage)};

	*ip = (struct ip){{[15] = 1}};
	*port = 0;
	if (getpeername(fd, &a.sa, &a.len) != 0)
		return false;
	if (a.sa.sa_family == AF_INET6) {
		memcpy(ip->b, &a.in6.sin6_addr, 16);
	} else if (a.sa.sa_family == AF_INET) {
		memcpy(ip->b, mapped, sizeof(mapped));
		memcpy(ip->b + 12, &a.in.sin_addr, 4);
	} else {
		return false;
	}
	*port = ntohs(a.in.sin_port);
	return true;
}

static bool
same_bits(const struct ip *a, const struct ip *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a->b, b->b, whole) != 0)
		return false;
	return rest == 0 || ((a->b[whole] ^ b->b[whole]) >> (8 - rest)) == 0;
}

const char *
ip_range_parse(struct slice s, struct ip_range *range)
{
	struct slice rest = s, text;
	struct ip cut = {{0}};
	uint64_t bits;
	bool v4;

	if (!slice_cut(&rest, '/', &text) || !ip_parse(text, &range->ip))
		return "not an IP address or a range of them";
	v4 = memchr(text.p, ':', text.n) == NULL;
	range->bits = 128;
	if (rest.p == NULL)
		return NULL;
	if (rest.n > 3 || !slice_num(rest, &bits) || bits > (v4 ? 32 : 128))
		return "the number of bits behind / is wrong";
	range->bits = (unsigned)bits + (v4 ? 96 : 0);
	for (unsigned i = 0; i < range->bits; i++)
		cut.b[i / 8] |= range->ip.b[i / 8] & (0x80 >> i % 8);
	if (memcmp(cut.b, range->ip.b, sizeof(cut.b)) != 0)
		return "bits are set behind the prefix";
	return NULL;
}

bool
ip_in(const struct ip *ip, const struct ip_range *ranges, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (same_bits(ip, &ranges[i].ip, ranges[i].bits))
			return true;
	return false;
}
