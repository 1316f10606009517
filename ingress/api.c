/*
 * api.c - which handler begins which request.
 */
#include "ingress/api.h"

#include "common/must.h"

struct request *
api_begin(
    enum route_handler handler, struct client *c, const struct http_request *h)
{
	switch (handler) {
	case HANDLER_publish:
		return api_publish(c, h);
	case HANDLER_history:
		return api_history(c, h);
	case HANDLER_feedback:
		return api_feedback(c, h);
	case HANDLER_jobs:
		return api_jobs(c, h);
	case HANDLER_devices:
		return api_devices(c, h);
	case HANDLER_apps:
		return api_apps(c, h);
	case HANDLER_messages:
		return api_messages(c, h);
	case HANDLER_presence:
		return api_presence(c, h);
	case HANDLER_healthz:
		return api_healthz(c, h);
	case HANDLER_readyz:
		return api_readyz(c, h);
	case HANDLER_metrics:
		return api_metrics(c, h);
	case HANDLER_openapi:
	case HANDLER_demo:
	case HANDLER_favicon:
	case HANDLER_robots:
	case HANDLER_incus_js:
	case HANDLER_incus_types:
		return api_page(handler);
	case HANDLER_incus_ping:
		return answer_new(
		    SLICE("text/plain; charset=utf-8"), SLICE("OK"));
	case HANDLER_incus_clean: /* a client's URL that ends in a slash */
		return answer_moved(slice_from(h->path, 1), h->query,
		    SLICE("Access-Control-Allow-Origin: *\r\n"));
	case HANDLER_tyron_health:
	case HANDLER_tyron_store:
		return api_tyron(handler, c, h);
	case HANDLER_pandapush_channel:
	case HANDLER_pandapush_health:
	case HANDLER_pandapush_home:
		return api_pandapush(handler, c, h);
	case HANDLER_pandapush_js:
	case HANDLER_pandapush_types:
		return api_script(handler, c, h);
	default: /* a hub's */
		break;
	}
	must(handler < HANDLERS && handler != HANDLER_none);
	return NULL;
}
