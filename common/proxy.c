/*
 * proxy.c - PROXY v1 is a line, v2 a struct, X-Forwarded-For a rumour.
 *
 * What stands left of an address that is not ours was written by anybody, so
 * the header is read from the right and no further than it can be believed.
 */
#include "common/proxy.h"

static const struct slice v1 = SLICE_INIT("PROXY ");
static const struct slice v2 = SLICE_INIT("\r\n\r\n\0\r\nQUIT\n");

enum { V2_HEAD = 16, LOCAL = 0x20, PROXY = 0x21, TCP4 = 0x11, TCP6 = 0x21 };

static unsigned
get16(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static bool
is_port(struct slice s, unsigned *port)
{
	uint64_t n;

	if (!slice_num(s, &n) || n > 65535 || (s.n > 1 && s.p[0] == '0'))
		return false;
	*port = (unsigned)n;
	return true;
}

/* "TCP4 192.0.2.1 198.51.100.7 51234 443" */
static bool
parse_line(struct slice line, struct proxy *out)
{
	struct slice family, from, to, from_port, to_port;
	unsigned ignored;
	struct ip ip;
	bool v6;

	if (!slice_cut(&line, ' ', &family))
		return false;
	if (slice_is(family, "UNKNOWN"))
		return true;
	v6 = slice_is(family, "TCP6");
	if (!v6 && !slice_is(family, "TCP4"))
		return false;
	if (!slice_cut(&line, ' ', &from) || !slice_cut(&line, ' ', &to) ||
	    !slice_cut(&line, ' ', &from_port) ||
	    !slice_cut(&line, ' ', &to_port) || line.p != NULL)
		return false;
	if (from.n == 0 || from.p[0] == '[' || to.n == 0 || to.p[0] == '[')
		return false;
	out->told = true;
	return (memchr(from.p, ':', from.n) != NULL) == v6 &&
	       (memchr(to.p, ':', to.n) != NULL) == v6 &&
	       ip_parse(from, &out->client) && ip_parse(to, &ip) &&
	       is_port(from_port, &out->port) && is_port(to_port, &ignored);
}

static int
parse_v1(struct slice s, struct proxy *out)
{
	size_t room = s.n < PROXY_V1_MAX ? s.n : PROXY_V1_MAX;
	const char *end = memchr(s.p, '\n', room);
	struct slice line;

	if (end == NULL)
		return s.n >= PROXY_V1_MAX ? PROXY_BAD : PROXY_MORE;
	if (end[-1] != '\r') /* there is at least v1 before it */
		return PROXY_BAD;
	line = (struct slice){s.p + v1.n, (size_t)(end - s.p) - v1.n};
	if (line.n == 0)
		return PROXY_BAD;
	line.n--;
	return parse_line(line, out) ? (int)(end - s.p) + 1 : PROXY_BAD;
}

static int
parse_v2(struct slice s, struct proxy *out)
{
	static const struct ip mapped = {{[10] = 0xff, [11] = 0xff}};
	unsigned char command, family;
	unsigned n;

	if (s.n < V2_HEAD)
		return PROXY_MORE;
	command = (unsigned char)s.p[12];
	family = (unsigned char)s.p[13];
	n = get16(s.p + 14);
	if ((command != LOCAL && command != PROXY) ||
	    V2_HEAD + n > PROXY_V2_MAX)
		return PROXY_BAD;
	if (s.n < V2_HEAD + n)
		return PROXY_MORE;
	if (command == PROXY && family == TCP4) {
		if (n < 12)
			return PROXY_BAD;
		out->client = mapped;
		memcpy(out->client.b + 12, s.p + V2_HEAD, 4);
		out->port = get16(s.p + V2_HEAD + 8);
		out->told = true;
	} else if (command == PROXY && family == TCP6) {
		if (n < 36)
			return PROXY_BAD;
		memcpy(out->client.b, s.p + V2_HEAD, 16);
		out->port = get16(s.p + V2_HEAD + 32);
		out->told = true;
	}
	return (int)(V2_HEAD + n);
}

/* Whether s begins like that, as far as both go. */
static bool
begins(struct slice s, struct slice like)
{
	size_t n = s.n < like.n ? s.n : like.n;

	return n == 0 || memcmp(s.p, like.p, n) == 0;
}

int
proxy_parse(struct slice s, struct proxy *out)
{
	bool one = begins(s, v1), two = begins(s, v2);

	*out = (struct proxy){.told = false};
	if (!one && !two)
		return PROXY_NONE;
	if (s.n < (one ? v1.n : v2.n))
		return PROXY_MORE;
	return one ? parse_v1(s, out) : parse_v2(s, out);
}

/* 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1]:80. */
static bool
parse_entry(struct slice s, struct ip *ip)
{
	struct slice host = s;
	unsigned port;

	if (ip_parse(s, ip))
		return true;
	while (host.n != 0 && host.p[host.n - 1] != ':')
		host.n--;
	if (host.n < 2 || !is_port(slice_from(s, host.n), &port))
		return false;
	host.n--;
	return (host.p[0] == '[' || memchr(host.p, ':', host.n) == NULL) &&
	       ip_parse(host, ip);
}

bool
proxy_forwarded(struct slice header, const struct ip_range *trusted, unsigned n,
    struct ip *ip)
{
	struct ip entry;

	while (ip_in(ip, trusted, n)) {
		size_t at = header.n;

		if (header.n == 0)
			return true;
		while (at != 0 && header.p[at - 1] != ',')
			at--;
		if (!parse_entry(slice_trim(slice_from(header, at)), &entry))
			return false;
		*ip = entry;
		header.n = at != 0 ? at - 1 : 0;
	}
	return false;
}
