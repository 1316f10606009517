/*
 * bridge_envelope.c - the envelopes the bridge opens.
 */
#include "ingress/bridge_envelope.h"

#include "common/must.h"
#include "common/tyron.h"

static enum code
read_native(struct native *n, struct slice item, const struct envelope_rules *r)
{
	return native_read(n, item, r->unix_ms);
}

static enum code
read_tyron(struct native *n, struct slice item, const struct envelope_rules *r)
{
	return tyron_read(n, r->tyron, item);
}

static const struct envelope envelopes[] = {
    {"native", read_native},
    {"incus", NULL},
    {"tyron", read_tyron},
};

const struct envelope *
envelope_named(struct slice name)
{
	for (size_t i = 0; i < LENGTH(envelopes); i++)
		if (slice_is(name, envelopes[i].name))
			return &envelopes[i];
	return NULL;
}

const char *
binding_parse(struct slice word, struct binding *b)
{
	const char *at = word.n != 0 ? memrchr(word.p, '=', word.n) : NULL;

	b->name = word;
	b->envelope = &envelopes[0];
	if (at != NULL) {
		b->name.n = (size_t)(at - word.p);
		b->envelope = envelope_named(slice_from(word, b->name.n + 1));
	}
	if (b->name.n == 0)
		return "has no name before the envelope";
	if (b->envelope == NULL)
		return "names an envelope that does not exist";
	return NULL;
}
