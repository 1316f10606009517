/*
 * api_pages.c - files that are part of the program.
 *
 * The linker puts the files of www/ between these symbols.
 */
#include "common/must.h"
#include "ingress/api.h"

extern const char _binary_ingress_www_demo_html_start[];
extern const char _binary_ingress_www_demo_html_end[];
extern const char _binary_ingress_www_incus_js_start[];
extern const char _binary_ingress_www_incus_js_end[];
extern const char _binary_ingress_www_incus_d_ts_start[];
extern const char _binary_ingress_www_incus_d_ts_end[];
extern const char _binary_ingress_www_openapi_json_start[];
extern const char _binary_ingress_www_openapi_json_end[];

static struct slice
between(const char *start, const char *end)
{
	return (struct slice){start, (size_t)(end - start)};
}

/* For pages of other origins, too. */
static struct request *
script(struct slice type, struct slice body)
{
	return answer_fixed(&(struct answer_fixed){.status = 200,
	    .type = type,
	    .lines = SLICE("Access-Control-Allow-Origin: *\r\n"
			   "Cache-Control: max-age=3600\r\n"),
	    .body = body});
}

struct request *
api_page(enum route_handler handler)
{
	switch (handler) {
	case HANDLER_demo:
		return answer_new(SLICE("text/html;charset=utf-8"),
		    between(_binary_ingress_www_demo_html_start,
			_binary_ingress_www_demo_html_end));
	case HANDLER_openapi:
		return answer_new(SLICE("application/json"),
		    between(_binary_ingress_www_openapi_json_start,
			_binary_ingress_www_openapi_json_end));
	case HANDLER_incus_js:
		return script(SLICE("text/javascript;charset=utf-8"),
		    between(_binary_ingress_www_incus_js_start,
			_binary_ingress_www_incus_js_end));
	case HANDLER_incus_types:
		return script(SLICE("application/typescript;charset=utf-8"),
		    between(_binary_ingress_www_incus_d_ts_start,
			_binary_ingress_www_incus_d_ts_end));
	case HANDLER_robots:
		return answer_new(SLICE("text/plain"),
		    SLICE("User-agent: *\nDisallow: /v1/\n"));
	default:
		return answer_new(SLICE(""), SLICE(""));
	}
}
