/*
 * owners.c - the table is computed, so that all stores and peers agree on it
 * by having the same settings.
 */
#include "store/owners.h"

#include <stdio.h>

static const char *
add(struct owners *o, struct slice word)
{
	struct owners_row *row = &o->rows[o->count];
	const char *at = word.n != 0 ? memchr(word.p, '@', word.n) : NULL;
	const char *scheme = memmem(word.p, word.n, "://", 3);
	struct slice name = {0}, endpoint = word;

	if (o->count == OWNERS_MOST)
		return "more than 64 stores";
	if (scheme == NULL)
		return "a store is [name@]endpoint, tcp://... or ipc://...";
	if (at != NULL && at < scheme) {
		name = (struct slice){word.p, (size_t)(at - word.p)};
		endpoint = slice_from(word, name.n + 1);
	}
	if (name.n >= sizeof(row->name) || endpoint.n >= sizeof(row->endpoint))
		return "the name or endpoint of a store is too long";
	o->count++;
	if (name.n != 0)
		snprintf(
		    row->name, sizeof(row->name), "%.*s", SLICE_ARGS(name));
	else
		snprintf(row->name, sizeof(row->name), "store.%u", o->count);
	snprintf(
	    row->endpoint, sizeof(row->endpoint), "%.*s", SLICE_ARGS(endpoint));
	return NULL;
}

const char *
owners_read(struct owners *o, const struct owners_setup *setup)
{
	struct slice rest = setup->stores, word;
	char alone[sizeof(o->rows[0].endpoint)];
	const char *why;

	*o = (struct owners){.shards = setup->shards};
	while (slice_cut(&rest, ' ', &word))
		if (word.n != 0 && (why = add(o, word)) != NULL)
			return why;
	if (o->count == 0) {
		snprintf(alone, sizeof(alone), "ipc://%s/store", setup->run);
		if ((why = add(o, slice_of(alone))) != NULL)
			return why;
	}
	if (o->count > setup->shards)
		return "there are more stores than shards";
	for (o->self = 0; o->self < o->count; o->self++)
		if (strcmp(o->rows[o->self].name, setup->self) == 0)
			return NULL;
	o->self = 0;
	return o->count == 1 ? NULL : "this store's name is not among them";
}

static unsigned
owner(const struct owners *o, unsigned shard)
{
	return shard * o->count / o->shards;
}

bool
owners_own(const struct owners *o, unsigned shard)
{
	return owner(o, shard) == o->self;
}

const char *
owners_name(const struct owners *o)
{
	return o->rows[o->self].name;
}

const char *
owners_endpoint(const struct owners *o)
{
	return o->rows[o->self].endpoint;
}

void
owners_tell(const struct owners *o, struct wire *wire, struct bus_peer *to)
{
	unsigned first = 0;

	for (unsigned s = 1; s <= o->shards; s++) {
		struct msg m = {.id = MSG_owner,
		    .owner = {
			.term = OWNERS_TERM,
			.first = first,
			.last = s - 1,
			.name = slice_of(o->rows[owner(o, first)].name),
		    }};

		if (s < o->shards && owner(o, s) == owner(o, first))
			continue;
		wire->send(wire, to, &m);
		first = s;
	}
}
