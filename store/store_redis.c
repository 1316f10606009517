/*
 * store_redis.c - settings to a setup, and what can be wrong with them.
 */
#include "store/store_redis.h"

#include "common/slice.h"

#include <string.h>

static const char *
check_addresses(const char *text)
{
	struct slice rest = slice_of(text), word;
	unsigned count = 0;

	while (slice_cut(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (word.n >= REDIS_ADDRESS ||
		    memchr(word.p, ':', word.n) == NULL ||
		    slice_starts(word, SLICE("redis:")))
			return "the store wants host:port or unix:/path, by "
			       "spaces";
		count++;
	}
	return count != 0 ? NULL : "it names nobody";
}

const char *
store_redis_read(
    struct redis_engine_setup *s, const struct options *o, const char **name)
{
	const char *why;

	s->net = (struct redis_net_setup){
	    .addresses = opt_str(o, "redis"),
	    .sentinel = opt_str(o, "redis_sentinel"),
	    .login = {opt_str(o, "redis_user"), opt_str(o, "redis_password"),
		opt_num(o, "redis_db")},
	    .timeout_ms = (unsigned)opt_num(o, "redis_timeout"),
	    .replicas = (unsigned)opt_num(o, "redis_replicas"),
	    .wait_ms = (unsigned)opt_num(o, "redis_wait"),
	};
	s->prefix = opt_str(o, "redis_prefix");
	s->journal_ms = opt_num(o, "journal");
	*name = "redis";
	if ((why = check_addresses(s->net.addresses)) != NULL)
		return why;
	*name = "redis_prefix";
	if (strpbrk(s->prefix, "{} ") != NULL)
		return "braces and spaces mean something else in a key";
	return NULL;
}
