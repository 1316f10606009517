/*
 * limits.c - the settings of the hub, and what they are read into.
 */
#include "hub/limits.h"

#include "common/log.h"
#include "common/routes.h"
#include "hub/hub.h"
#include "hub/incus_hub.h"

/* clang-format off */
const struct option hub_shared_options[] = {
	{"trusted_proxies", "", OPT_LIST, 0, TRUST_MAX, "addresses or ranges that may name the client's address to listen"},
	{"personas", "incus pandapush", OPT_LIST, 0, PERSONAS, "protocols besides our own that listen serves: incus, pandapush, tyron"},
	{"origins", "*", OPT_LIST, 0, 32, "Origin headers let in; * is any"},
	{"tyron_timeout", "600s", OPT_TIME, 0, 86400000, "a poll of Tyron is answered with nothing after; 0 is at once"},
	{"tyron_text", "text/plain", OPT_STR, 1, 16, "or text/html: what Tyron's clients are told a text is"},
	{"tyron_cors", "0", OPT_BOOL, 0, 0, "pages of other origins may poll Tyron, as its sibling let them"},
	{"tyron_prefix", TYRON_CHANNEL, OPT_STR, 0, TYRON_PREFIX_MAX, "channels of Tyron stand behind it; /incus/public/page/: they are Incus' pages"},
	{"statsd", "", OPT_STR, 0, 255, "address of a StatsD that is told Incus' and Pandapush's metrics by UDP; port 8125 if none is said; empty: none"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};

const struct option hub_options[] = {
	{"listen", "", OPT_LIST, 0, 16, "addresses of our own, for hosts without an ingress"},
	{"connections", "1000000", OPT_NUM, 1, 10000000, "held at once; descriptors may allow fewer"},
	{"per_address", "1000", OPT_NUM, 0, 10000000, "of one address; 0 is any; offices share one"},
	{"subscriptions", "100", OPT_NUM, 1, 100000, "of one connection; each costs memory here and in the store"},
	{"message", "256k", OPT_BYTES, 1024, 4194304, "largest message from a client"},
	{"backlog", "1m", OPT_BYTES, 16384, 1 << 30, "owed to a client that does not read, before slow applies"},
	{"slow", "disconnect", OPT_STR, 4, 10, "disconnect or skip: what becomes of a slow reader"},
	{"recent", "16m", OPT_BYTES, 0, 1 << 30, "the last messages of all channels, for who comes back at once; 0 is none"},
	{"head_timeout", "10s", OPT_TIME, 100, 600000, "for a whole request head"},
	{"idle_timeout", "75s", OPT_TIME, 100, 3600000, "between requests of one connection"},
	{"first_timeout", "30s", OPT_TIME, 100, 3600000, "for the first command of a WebSocket"},
	{"ping", "25s", OPT_TIME, 100, 3600000, "silence before a WebSocket is pinged; below what proxies cut"},
	{"pong", "10s", OPT_TIME, 100, 600000, "for the answer to a ping"},
	{"heartbeat", "15s", OPT_TIME, 100, 3600000, "between comments on a silent SSE stream"},
	{"retry", "2s", OPT_TIME, 0, 600000, "what an SSE client is told to wait before it comes back"},
	{"spread", "5s", OPT_TIME, 0, 3600000, "a drain sends clients away over this time"},
	{"publishes", "64", OPT_NUM, 1, 16384, "unanswered ones of one WebSocket"},
	{"roster", "100", OPT_NUM, 0, 10000, "users told in the answer to a subscribe of a presence channel"},
	{"deflate", "0", OPT_BOOL, 0, 0, "permessage-deflate for clients that offer it: less traffic, more work"},
	{"deflate_level", "1", OPT_NUM, 1, 9, "1 is fast, 9 is small"},
	{"incus_broadcasts", "1", OPT_BOOL, 0, 0, "Incus clients may send messages to each other"},
	{"incus_empty_beat", "0", OPT_BOOL, 0, 0, "empty texts besides pings: by them old clients count reconnects anew"},
	{"incus_ping", "20s", OPT_TIME, 100, 3600000, "between pings to an Incus WebSocket"},
	{"incus_connected_present", "0", OPT_BOOL, 0, 0, "an Incus client is present while it is connected, whatever it says"},
	{"incus_poll", "0s", OPT_TIME, 0, 3600000, "an Incus long poll ends after; 0 is 60s; WebSockets never do"},
	{"incus_empty_ok", "0", OPT_BOOL, 0, 0, "it ends with 200 and not 204: the oldest clients count 204 as errors"},
	{"incus_nobody", "3s", OPT_TIME, 0, 600000, "before an Incus poll of no user is answered: such clients ask at once again"},
	{"incus_cookie", "0", OPT_BOOL, 0, 0, "the place of an Incus poll goes by cookie, for clients that do not ask for it"},
	{"incus_redis", "", OPT_STR, 0, 255, "Redis channel that messages of Incus clients go to, for other nodes; empty: to the store"},
	{"incus_sets", "0", OPT_BOOL, 0, 0, "Redis is told who is here: SocketClients, PageClients, ClientPresence, for outside tools"},
	{"bayeux_timeout", "30s", OPT_TIME, 100, 3600000, "a Bayeux connect is answered with nothing after; silence of 1.6 times that ends the client"},
	{"bayeux_ping", "0s", OPT_TIME, 0, 3600000, "between pings to a Bayeux WebSocket, and comments to an EventSource; 0 is none, and 10s"},
	{"bayeux_sessions", "1000000", OPT_NUM, 1, 10000000, "Bayeux clients at once, those without a connection too"},
	{"bayeux_expiry", "0", OPT_BOOL, 0, 0, "a Bayeux subscription ends with its token; else it lasts as long as its client"},
	{"echo", "0", OPT_BOOL, 0, 0, "serve /v1/echo, for conformance suites"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

static void
read_times(struct hub_limits *l, const struct options *o)
{
	l->head = opt_num(o, "head_timeout");
	l->idle = opt_num(o, "idle_timeout");
	l->first = opt_num(o, "first_timeout");
	l->ping = opt_num(o, "ping");
	l->pong = opt_num(o, "pong");
	l->heartbeat = opt_num(o, "heartbeat");
	l->retry = opt_num(o, "retry");
	l->spread = opt_num(o, "spread");
}

static void
read_bayeux(struct bayeux_limits *l, const struct options *o)
{
	l->timeout = opt_num(o, "bayeux_timeout");
	l->ping = opt_num(o, "bayeux_ping");
	l->sessions = opt_num(o, "bayeux_sessions");
	l->expiry = opt_bool(o, "bayeux_expiry");
}

void
hub_limits_fixed(struct hub_limits *l, const struct options *o)
{
	l->message = opt_num(o, "message");
	l->recent = opt_num(o, "recent");
	l->origins = opt_list(o, "origins").p;
	l->deflate = opt_bool(o, "deflate");
	l->level = (int)opt_num(o, "deflate_level");
	l->echo = opt_bool(o, "echo");
	incus_limits_read(&l->incus, o);
	read_bayeux(&l->bayeux, o);
	l->tyron.timeout = opt_num(o, "tyron_timeout");
}

bool
hub_limits_live(struct hub_limits *l, const struct options *o)
{
	const char *slow = opt_str(o, "slow");
	char shown[LOG_VALUE];
	struct slice bad;
	const char *why;

	l->connections = opt_num(o, "connections");
	l->per_address = opt_num(o, "per_address");
	l->subscriptions = opt_num(o, "subscriptions");
	l->backlog = opt_num(o, "backlog");
	l->commands = opt_num(o, "publishes");
	l->roster = opt_num(o, "roster");
	l->slow = strcmp(slow, "skip") == 0 ? SLOW_SKIP : SLOW_DISCONNECT;
	read_times(l, o);
	if (l->slow != SLOW_SKIP && strcmp(slow, "disconnect") != 0) {
		log_err("settings", "slow=\"is disconnect or skip\"");
		return false;
	}
	why = trust_read(&l->trusted, opt_list(o, "trusted_proxies"), &bad);
	if (why != NULL)
		log_err("setting", "name=trusted_proxies value=%s why=\"%s\"",
		    log_value(shown, sizeof(shown), bad), why);
	return why == NULL;
}
