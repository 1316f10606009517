/*
 * routes.c - the table of routes.def, and the walk over it.
 */
#include "common/routes.h"

#include "common/must.h"

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
	struct slice front = {pattern.p, 0}, rest;

	if (star == NULL)
		return slice_eq(pattern, path);
	front.n = (size_t)(star - pattern.p);
	if (!slice_starts(path, front) || front.n + 1 == pattern.n)
		return slice_starts(path, front);
	rest = slice_from(path, front.n);
	end = memchr(rest.p, '/', rest.n);
	return end != NULL && slice_eq(slice_from(rest, (size_t)(end - rest.p)),
				  slice_from(pattern, front.n + 1));
}

static unsigned
allowed(const struct route *r)
{
	unsigned set = 0;

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
route_find(enum persona bound, enum http_method method, struct slice path,
    struct route_found *found)
{
	*found = (struct route_found){NULL, 0};
	for (size_t i = 0; i < LENGTH(routes); i++) {
		const struct route *r = &routes[i];

		if (bound != PERSONA_any && bound != r->persona)
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
