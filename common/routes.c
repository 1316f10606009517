/*
 * routes.c - the table of routes.def, and the walk over it.
 */
#include "common/routes.h"

#include "common/must.h"
#include "common/options.h"

#define PERSONA(name)
#define ROUTE(methods, path, persona, owner, handler)                          \
	{methods, SLICE_INIT(path), PERSONA_##persona, OWNER_##owner,          \
	    HANDLER_##handler},
static const struct route routes[] = {
#include "common/routes.def"
};

#define PERSONA(name) SLICE_INIT(#name),
#define ROUTE(methods, path, persona, owner, handler)
static const struct slice personas[] = {
#include "common/routes.def"
};

enum persona
persona_named(struct slice name)
{
	for (unsigned i = 0; i < LENGTH(personas); i++)
		if (slice_eq(personas[i], name))
			return (enum persona)i;
	return PERSONAS;
}

static bool
matches(struct slice pattern, struct slice path)
{
	const char *star = memchr(pattern.p, '*', pattern.n), *end;
	struct slice front = {pattern.p, 0}, back, rest;
	bool deep;

	if (star == NULL)
		return slice_eq(pattern, path);
	front.n = (size_t)(star - pattern.p);
	back = slice_from(pattern, front.n + 1);
	if (!slice_starts(path, front) || back.n == 0)
		return slice_starts(path, front);
	rest = slice_from(path, front.n);
	if (back.p[0] != '/' && back.p[0] != '*')
		return rest.n > back.n &&
		       slice_eq(slice_from(rest, rest.n - back.n), back);
	if ((deep = back.p[0] == '*'))
		back = slice_from(back, 1);
	end = deep ? memrchr(rest.p, '/', rest.n) : memchr(rest.p, '/', rest.n);
	return end != NULL &&
	       slice_eq(slice_from(rest, (size_t)(end - rest.p)), back);
}

bool
route_is_open(const struct route *r)
{
	return r->letters[0] == '*';
}

unsigned
persona_set(enum persona bound, unsigned besides)
{
	return bound == PERSONA_any
	           ? PERSONA_SET(native) | PERSONA_SET(ops) | besides
	           : 1U << bound;
}

bool
personas_read(struct slice words, unsigned *set, struct slice *culprit)
{
	enum persona p;

	*set = 0;
	while (opt_word(&words, culprit)) {
		if ((p = persona_named(*culprit)) == PERSONAS)
			return false;
		*set |= 1U << p;
	}
	return true;
}

static unsigned
allowed(const struct route *r)
{
	unsigned set = 0;

	if (route_is_open(r))
		return HTTP_ALLOW(HTTP_METHODS_END) - 1;
	for (const char *l = r->letters; *l != '\0'; l++) {
		if (*l == 'G')
			set |= HTTP_ALLOW(HTTP_GET);
		if (*l == 'G' && r->owner == OWNER_ingress)
			set |= HTTP_ALLOW(HTTP_HEAD);
		if (*l == 'P')
			set |= HTTP_ALLOW(HTTP_POST);
		if (*l == 'U')
			set |= HTTP_ALLOW(HTTP_PUT);
		if (*l == 'D')
			set |= HTTP_ALLOW(HTTP_DELETE);
	}
	return set == 0 ? 0 : set | HTTP_ALLOW(HTTP_OPTIONS);
}

enum route_verdict
route_find(unsigned set, enum http_method method, struct slice path,
    struct route_found *found)
{
	*found = (struct route_found){NULL, 0};
	for (size_t i = 0; i < LENGTH(routes); i++) {
		const struct route *r = &routes[i];

		if ((set & (1U << r->persona)) == 0)
			continue;
		if (!matches(r->path, path))
			continue;
		found->allow = allowed(r);
		if (found->allow == 0)
			return ROUTE_UNKNOWN;
		found->route = r;
		return (found->allow & HTTP_ALLOW(method)) != 0
		           ? ROUTE_FOUND
		           : ROUTE_NOT_METHOD;
	}
	return ROUTE_UNKNOWN;
}
