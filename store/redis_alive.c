/*
 * redis_alive.c - the stores that live, as far as Redis lets them say so.
 */
#include "store/redis_alive.h"

#include <stdio.h>
#include <string.h>

/* In its place, once. */
static void
add(struct redis_alive *a, const char *name, uint64_t seen)
{
	unsigned i = 0, n = a->count;

	while (i < n && strcmp(a->names[i], name) < 0)
		i++;
	if ((i < n && strcmp(a->names[i], name) == 0) || n == REDIS_STORES)
		return;
	memmove(a->names[i + 1], a->names[i], (n - i) * REDIS_NAME);
	memmove(&a->seen[i + 1], &a->seen[i], (n - i) * sizeof(*a->seen));
	snprintf(a->names[i], REDIS_NAME, "%s", name);
	a->seen[i] = seen;
	a->count++;
}

static bool
same(const struct redis_alive *a, const struct redis_alive *b)
{
	unsigned i = 0;

	while (i < a->count && strcmp(a->names[i], b->names[i]) == 0)
		i++;
	return i == a->count && i == b->count;
}

void
redis_alive_trouble(struct redis_alive *a, uint64_t now)
{
	a->doubt = now + REDIS_DOUBT_MS;
}

void
redis_alive_hear(struct redis_alive *a, uint64_t now, const struct slice *names,
    unsigned count)
{
	struct redis_alive before = *a;
	char name[REDIS_NAME];

	a->count = 0;
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(names[i]));
		add(a, name, now);
	}
	for (unsigned i = 0; now < a->doubt && i < before.count; i++)
		if (now < before.seen[i] + REDIS_MISSED_MS)
			add(a, before.names[i], before.seen[i]);
	a->calm = same(a, &before) ? a->calm + 1 : 0;
}

const char *
redis_alive_share(const struct redis_alive *a, unsigned shard, unsigned shards)
{
	return a->count != 0 ? a->names[shard * a->count / shards] : "";
}
