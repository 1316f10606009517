/*
 * routes_test.c - every path has one owner, and a bound port knows no other.
 */
#include "common/routes.h"

#include "common/must.h"
#include "tests/unit/test.h"

/* clang-format off */
static const struct row {
	const char *bound;
	enum http_method method;
	const char *path;
	enum route_verdict verdict;
	enum route_owner owner;
	enum route_handler handler;
} rows[] = {
	{"any", HTTP_POST, "/v1/publish", ROUTE_FOUND, OWNER_ingress, HANDLER_publish},
	{"any", HTTP_GET, "/v1/publish", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_publish},
	{"any", HTTP_PUT, "/v1/publish", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_publish},
	{"any", HTTP_OTHER, "/v1/publish", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_publish},
	{"any", HTTP_OPTIONS, "/v1/publish", ROUTE_FOUND, OWNER_ingress, HANDLER_publish},
	{"any", HTTP_POST, "/v1/publish/", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_POST, "/v1/publis", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_POST, "/v1/%70ublish", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/v1/ws", ROUTE_FOUND, OWNER_hub, HANDLER_ws},
	{"any", HTTP_POST, "/v1/ws", ROUTE_NOT_METHOD, OWNER_hub, HANDLER_ws},
	{"any", HTTP_GET, "/v1/sse", ROUTE_FOUND, OWNER_hub, HANDLER_sse},
	{"any", HTTP_GET, "/v1/poll", ROUTE_FOUND, OWNER_hub, HANDLER_poll},
	{"any", HTTP_GET, "/v1/echo", ROUTE_FOUND, OWNER_hub, HANDLER_echo},
	{"any", HTTP_GET, "/v1/history", ROUTE_FOUND, OWNER_ingress, HANDLER_history},
	{"any", HTTP_HEAD, "/v1/history", ROUTE_FOUND, OWNER_ingress, HANDLER_history},
	{"any", HTTP_GET, "/v1/messages/x%2Fy", ROUTE_FOUND, OWNER_ingress, HANDLER_messages},
	{"any", HTTP_GET, "/v1/presence", ROUTE_FOUND, OWNER_ingress, HANDLER_presence},
	{"any", HTTP_DELETE, "/v1/history", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_history},
	{"any", HTTP_GET, "/v1/jobs", ROUTE_FOUND, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_POST, "/v1/jobs", ROUTE_FOUND, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_DELETE, "/v1/jobs", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_GET, "/v1/jobs/0-1", ROUTE_FOUND, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_DELETE, "/v1/jobs/0-1", ROUTE_FOUND, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_POST, "/v1/jobs/0-1", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_POST, "/v1/jobs/replay", ROUTE_FOUND, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_POST, "/v1/jobs/0-1/replay", ROUTE_FOUND, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_GET, "/v1/jobs/0-1/replay", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_jobs},
	{"any", HTTP_GET, "/v1/feedback", ROUTE_FOUND, OWNER_ingress, HANDLER_feedback},
	{"any", HTTP_PUT, "/v1/devices", ROUTE_FOUND, OWNER_ingress, HANDLER_devices},
	{"any", HTTP_DELETE, "/v1/devices", ROUTE_FOUND, OWNER_ingress, HANDLER_devices},
	{"any", HTTP_POST, "/v1/devices", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_devices},
	{"any", HTTP_GET, "/v1/apps", ROUTE_FOUND, OWNER_ingress, HANDLER_apps},
	{"any", HTTP_PUT, "/v1/apps", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_apps},
	{"any", HTTP_POST, "/v1/apps/a/keys", ROUTE_FOUND, OWNER_ingress, HANDLER_apps},
	{"any", HTTP_DELETE, "/v1/apps/a", ROUTE_FOUND, OWNER_ingress, HANDLER_apps},
	{"any", HTTP_GET, "/v1/appsx", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/v1/openapi.json", ROUTE_FOUND, OWNER_ingress, HANDLER_openapi},
	{"any", HTTP_GET, "/v1/", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/v1/nothing", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_OPTIONS, "/v1/nothing", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/v1", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/healthz", ROUTE_FOUND, OWNER_ingress, HANDLER_healthz},
	{"any", HTTP_GET, "/readyz", ROUTE_FOUND, OWNER_ingress, HANDLER_readyz},
	{"any", HTTP_GET, "/metrics", ROUTE_FOUND, OWNER_ingress, HANDLER_metrics},
	{"any", HTTP_POST, "/metrics", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_metrics},
	{"any", HTTP_GET, "/metrics/", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/", ROUTE_FOUND, OWNER_ingress, HANDLER_demo},
	{"any", HTTP_POST, "/", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_demo},
	{"any", HTTP_GET, "/favicon.ico", ROUTE_FOUND, OWNER_ingress, HANDLER_favicon},
	{"any", HTTP_GET, "/robots.txt", ROUTE_FOUND, OWNER_ingress, HANDLER_robots},
	{"any", HTTP_GET, "/nothing", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_OPTIONS, "*", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/ping", ROUTE_UNKNOWN, 0, 0},
	{"any+tyron", HTTP_GET, "/ping", ROUTE_UNKNOWN, 0, 0},
	{"any+incus", HTTP_GET, "/ping", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_ping},
	{"any", HTTP_GET, "/incus.js", ROUTE_UNKNOWN, 0, 0},
	{"incus", HTTP_GET, "/incus.js", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_js},
	{"incus", HTTP_HEAD, "/incus.d.ts", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_types},
	{"incus", HTTP_POST, "/incus.js", ROUTE_NOT_METHOD, OWNER_ingress, HANDLER_incus_js},
	{"any+incus", HTTP_OTHER, "/ping", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_ping},
	{"any+incus", HTTP_OPTIONS, "/ping", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_ping},
	{"any+incus", HTTP_GET, "/ping/", ROUTE_UNKNOWN, 0, 0},
	{"any+incus", HTTP_GET, "/socket", ROUTE_FOUND, OWNER_hub, HANDLER_incus_socket},
	{"any+incus", HTTP_PATCH, "/socket", ROUTE_FOUND, OWNER_hub, HANDLER_incus_socket},
	{"any+incus", HTTP_GET, "/lp", ROUTE_FOUND, OWNER_hub, HANDLER_incus_poll},
	{"incus", HTTP_OTHER, "/lp", ROUTE_FOUND, OWNER_hub, HANDLER_incus_poll},
	{"any+incus", HTTP_GET, "/lp/", ROUTE_UNKNOWN, 0, 0},
	{"any+incus", HTTP_PUT, "//lp", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_clean},
	{"any+incus", HTTP_GET, "//socket", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_clean},
	{"any+incus", HTTP_POST, "//ping", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_clean},
	{"any+incus", HTTP_GET, "/socket/", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/socket", ROUTE_UNKNOWN, 0, 0},
	{"any+incus", HTTP_GET, "/v1/ws", ROUTE_FOUND, OWNER_hub, HANDLER_ws},
	{"incus", HTTP_GET, "/ping", ROUTE_FOUND, OWNER_ingress, HANDLER_incus_ping},
	{"incus", HTTP_GET, "/", ROUTE_UNKNOWN, 0, 0},
	{"any+pandapush", HTTP_POST, "/channel/a/public/x", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_channel},
	{"any+pandapush", HTTP_GET, "/channel/", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_channel},
	{"any+pandapush", HTTP_POST, "/channel", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_POST, "/channel/a/public/x", ROUTE_UNKNOWN, 0, 0},
	{"any+pandapush", HTTP_GET, "/", ROUTE_FOUND, OWNER_ingress, HANDLER_demo},
	{"pandapush", HTTP_GET, "/", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_home},
	{"pandapush", HTTP_GET, "/health_check.json", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_health},
	{"pandapush", HTTP_HEAD, "/client.js", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_js},
	{"pandapush", HTTP_POST, "/client.js", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_js},
	{"pandapush", HTTP_GET, "/client.d.ts", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_types},
	{"any+pandapush", HTTP_POST, "/push.js", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_js},
	{"any+pandapush", HTTP_GET, "/push.js.map", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_js},
	{"any+pandapush", HTTP_GET, "/push/client.js", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_js},
	{"any+pandapush", HTTP_GET, "/push/client.js.map", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_js},
	{"any+pandapush", HTTP_GET, "/push/a/b.js", ROUTE_FOUND, OWNER_ingress, HANDLER_pandapush_js},
	{"native", HTTP_POST, "/v1/publish", ROUTE_FOUND, OWNER_ingress, HANDLER_publish},
	{"native", HTTP_GET, "/v1/sse", ROUTE_FOUND, OWNER_hub, HANDLER_sse},
	{"native", HTTP_GET, "/", ROUTE_FOUND, OWNER_ingress, HANDLER_demo},
	{"native", HTTP_GET, "/healthz", ROUTE_UNKNOWN, 0, 0},
	{"native", HTTP_GET, "/metrics", ROUTE_UNKNOWN, 0, 0},
	{"ops", HTTP_GET, "/metrics", ROUTE_FOUND, OWNER_ingress, HANDLER_metrics},
	{"ops", HTTP_GET, "/", ROUTE_UNKNOWN, 0, 0},
	{"ops", HTTP_POST, "/v1/publish", ROUTE_UNKNOWN, 0, 0},
	{"tyron", HTTP_GET, "/", ROUTE_UNKNOWN, 0, 0},
	{"tyron", HTTP_GET, "/v1/ws", ROUTE_UNKNOWN, 0, 0},
	{"tyron", HTTP_GET, "/health/", ROUTE_FOUND, OWNER_ingress, HANDLER_tyron_health},
	{"tyron", HTTP_OTHER, "/health/", ROUTE_FOUND, OWNER_ingress, HANDLER_tyron_health},
	{"tyron", HTTP_GET, "/health", ROUTE_UNKNOWN, 0, 0},
	{"tyron", HTTP_GET, "/store/k/", ROUTE_FOUND, OWNER_ingress, HANDLER_tyron_store},
	{"tyron", HTTP_POST, "/store/a/b/", ROUTE_FOUND, OWNER_ingress, HANDLER_tyron_store},
	{"tyron", HTTP_GET, "/store/", ROUTE_FOUND, OWNER_hub, HANDLER_tyron_poll},
	{"tyron", HTTP_GET, "/store/k", ROUTE_UNKNOWN, 0, 0},
	{"tyron", HTTP_GET, "/c/", ROUTE_FOUND, OWNER_hub, HANDLER_tyron_poll},
	{"tyron", HTTP_OPTIONS, "/a/b/", ROUTE_FOUND, OWNER_hub, HANDLER_tyron_poll},
	{"tyron", HTTP_GET, "//", ROUTE_FOUND, OWNER_hub, HANDLER_tyron_poll},
	{"tyron", HTTP_GET, "/lp/", ROUTE_FOUND, OWNER_hub, HANDLER_tyron_poll},
	{"tyron", HTTP_GET, "/c", ROUTE_UNKNOWN, 0, 0},
	{"any", HTTP_GET, "/c/", ROUTE_UNKNOWN, 0, 0},
	{"any+tyron", HTTP_GET, "/c/", ROUTE_FOUND, OWNER_hub, HANDLER_tyron_poll},
	{"any+tyron", HTTP_GET, "/", ROUTE_FOUND, OWNER_ingress, HANDLER_demo},
	{"any+tyron", HTTP_GET, "/v1/c/", ROUTE_UNKNOWN, 0, 0},
	{"any+tyron", HTTP_GET, "/healthz", ROUTE_FOUND, OWNER_ingress, HANDLER_healthz},
	{"matrix", HTTP_GET, "/metrics", ROUTE_UNKNOWN, 0, 0},
};
/* clang-format on */

#define ANY persona_set(PERSONA_any, 0)

static unsigned
set_of(const char *bound)
{
	const char *plus = strchr(bound, '+');
	struct slice name = slice_of(plus != NULL ? plus + 1 : bound);
	enum persona p = persona_named(name);

	return plus != NULL ? persona_set(PERSONA_any, 1U << p)
	                    : persona_set(p, 0);
}

static void
each_port_method_and_path_has_its_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *r = &rows[i];
		struct slice path = exact(r->path, strlen(r->path));
		struct route_found found;
		enum route_verdict v;

		v = route_find(set_of(r->bound), r->method, path, &found);
		if (v != r->verdict)
			fail_msg("row %zu: %s %s", i, r->bound, r->path);
		assert_true((found.route == NULL) == (v == ROUTE_UNKNOWN));
		if (found.route != NULL) {
			assert_int_equal(found.route->owner, r->owner);
			assert_int_equal(found.route->handler, r->handler);
		}
		free((char *)path.p);
	}
}

static void
what_is_allowed_is_told_for_a_405(void **state)
{
	struct route_found found;

	(void)state;
	route_find(ANY, HTTP_PUT, SLICE("/v1/publish"), &found);
	assert_int_equal(
	    found.allow, HTTP_ALLOW(HTTP_POST) | HTTP_ALLOW(HTTP_OPTIONS));
	route_find(ANY, HTTP_HEAD, SLICE("/v1/sse"), &found);
	assert_int_equal(
	    found.allow, HTTP_ALLOW(HTTP_GET) | HTTP_ALLOW(HTTP_OPTIONS));
	route_find(ANY, HTTP_PUT, SLICE("/v1/history"), &found);
	assert_int_equal(found.allow, HTTP_ALLOW(HTTP_GET) |
					  HTTP_ALLOW(HTTP_HEAD) |
					  HTTP_ALLOW(HTTP_OPTIONS));
}

static void
a_persona_has_one_name(void **state)
{
	(void)state;
	assert_int_equal(persona_named(SLICE("native")), PERSONA_native);
	assert_int_equal(persona_named(SLICE("Native")), PERSONAS);
	assert_int_equal(persona_named(SLICE("")), PERSONAS);
}

static void
names_of_personas_make_a_set(void **state)
{
	struct slice bad;
	unsigned set;

	(void)state;
	assert_true(personas_read(SLICE("tyron incus"), &set, &bad));
	assert_int_equal(set, PERSONA_SET(tyron) | PERSONA_SET(incus));
	assert_true(personas_read(SLICE(""), &set, &bad));
	assert_int_equal(set, 0);
	assert_false(personas_read(SLICE("incus tyrone"), &set, &bad));
	assert_true(slice_is(bad, "tyrone"));
}

TESTS(unit(each_port_method_and_path_has_its_answer),
    unit(what_is_allowed_is_told_for_a_405), unit(a_persona_has_one_name),
    unit(names_of_personas_make_a_set))
