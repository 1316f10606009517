/*
 * auth.c - a few grants, found by the header that earned them.
 *
 * The hash is seeded and compared whole before the bytes are, so the time a
 * look takes tells a stranger nothing about the headers of others.
 */
#include "ingress/auth.h"

#include "common/hash.h"
#include "common/must.h"

enum { REMEMBERED = 64 }; /* headers; a power of two */

struct entry {
	uint64_t hash;
	char *header;
	size_t n;
	struct credential *who; /* NULL: empty */
};

struct auth {
	struct keys *keys;
	uint64_t seed;
	struct entry entries[REMEMBERED];
};

struct auth *
auth_new(void)
{
	struct auth *a = xcalloc(1, sizeof(*a));

	a->keys = keys_new();
	a->seed = hash_random();
	return a;
}

struct credential *
credential_ref(struct credential *c)
{
	c->refs++;
	return c;
}

void
credential_unref(struct credential **cp)
{
	struct credential *c = *cp;

	*cp = NULL;
	if (c != NULL && --c->refs == 0)
		free(c);
}

static void
empty(struct entry *e)
{
	free(e->header);
	e->header = NULL;
	credential_unref(&e->who);
}

static void
forget(struct auth *a)
{
	for (size_t i = 0; i < REMEMBERED; i++)
		empty(&a->entries[i]);
}

void
auth_free(struct auth **ap)
{
	struct auth *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	forget(a);
	keys_free(&a->keys);
	free(a);
}

const char *
auth_told(struct auth *a, const struct msg_key *m)
{
	forget(a);
	return keys_told(a->keys, m);
}

bool
auth_stands(const struct auth *a, const struct grant *g, uint64_t unix_s)
{
	return keys_stand(a->keys, g, unix_s);
}

/* A key or token that has expired since is looked at again. */
static bool
is_fresh(const struct entry *e, uint64_t unix_s)
{
	uint64_t expires = e->who->grant.expires;

	return expires == 0 || expires > unix_s;
}

enum code
auth_check(struct auth *a, struct slice header, uint64_t unix_s,
    struct auth_result *result)
{
	struct credential *who;
	struct entry *e;
	uint64_t hash;
	enum code code;

	*result = (struct auth_result){NULL, NULL};
	if (header.p == NULL)
		return CODE_unauthorized;
	hash = hash_bytes(header, a->seed);
	e = &a->entries[hash & (REMEMBERED - 1)];
	result->who = e->who;
	if (e->who != NULL && e->hash == hash && e->n == header.n &&
	    memcmp(e->header, header.p, header.n) == 0 && is_fresh(e, unix_s))
		return CODE_ok;
	who = xcalloc(1, sizeof(*who));
	who->refs = 1;
	code = keys_authorize(a->keys, header, unix_s, &who->grant);
	who->grant.who = (struct slice){NULL, 0}; /* nobody asks, and it goes */
	result->why = who->grant.why;
	if (code != CODE_ok) {
		credential_unref(&who);
		result->who = NULL;
		return code;
	}
	empty(e);
	*e = (struct entry){hash, xmalloc(header.n), header.n, who};
	memcpy(e->header, header.p, header.n);
	*result = (struct auth_result){.who = who};
	return CODE_ok;
}

const char *
auth_pandapush(struct auth *a, const struct pandapush_ask *ask, struct grant *g)
{
	return pandapush_judge(a->keys, ask, g);
}
