/*
 * ingress.c - the life of the front door: settings, listeners, leaving.
 */
#include "ingress/ingress.h"

#include "common/code.h"
#include "common/copies.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "common/tls.h"
#include "ingress/api.h"
#include "ingress/asks.h"
#include "ingress/client_own.h"
#include "ingress/door.h"
#include "ingress/feedback.h"
#include "ingress/front.h"
#include "ingress/port.h"
#include "ingress/relay.h"

#include <errno.h>
#include <string.h>

enum {
	CERTIFICATE_RETRY_MS = 10000, /* somebody may be renewing it */
	ADMIN_KEY_MIN = 16,           /* bytes: nobody guesses it */
	RELAYS_LEAVE_MS = 5000,       /* clients come back one by one */
};

/* clang-format off */
static const struct option shared_options[] = {
	{"listen", "4000", OPT_STR, 1, 1024, "[ADDRESS:]PORT[=PERSONA][+tls][+proxy] ..."},
	{"origins", "*", OPT_LIST, 0, ORIGINS_MAX, "pages that may read answers of /v1/ (CORS)"},
	{"personas", "incus pandapush", OPT_LIST, 0, PERSONAS, "protocols besides our own that listeners bound to none serve: incus, pandapush, tyron"},
	{"tyron_store", "", OPT_STR, 0, 255, "keys of Redis that /store/ tells everybody begin so; empty: none is"},
	{"tyron_text", "text/plain", OPT_STR, 1, 16, "or text/html: what Tyron's clients are told a text is"},
	{"tyron_cors", "0", OPT_BOOL, 0, 0, "pages of other origins may ask Tyron, as its sibling let them"},
	{"tyron_redirect", "0", OPT_BOOL, 0, 0, "a path of Tyron's port without its last slash is sent to the one with it, as its sibling did"},
	{"trusted_proxies", "", OPT_LIST, 0, TRUST_MAX, "addresses or ranges that may name the client's address"},
	{"tls_cert", "", OPT_STR, 0, 4096, "PEM file: certificate and chain of +tls listeners"},
	{"tls_key", "", OPT_STR, 0, 4096, "PEM file: its key"},
	{"admin_key", "", OPT_SECRET, 0, 255, "opens /v1/apps, where applications get their keys; empty: closed"},
	{"statsd", "", OPT_STR, 0, 255, "address of a StatsD that is told Pandapush's metrics by UDP; port 8125 if none is said; empty: none"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};

static const struct option options[] = {
	{"body_max", "1m", OPT_BYTES, 1024, 4194304, "largest message or array, in bytes"},
	{"head_timeout", "10s", OPT_TIME, 100, 600000, "for a request head to arrive"},
	{"body_timeout", "60s", OPT_TIME, 100, 3600000, "for a request body to arrive"},
	{"idle_timeout", "75s", OPT_TIME, 100, 86400000, "between two requests"},
	{"stream_timeout", "1h", OPT_TIME, 1000, 0, "silence of a stream of lines"},
	{"answer_timeout", "10s", OPT_TIME, 100, 600000, "until a request the store does not answer fails"},
	{"write_timeout", "30s", OPT_TIME, 100, 3600000, "for a client to take some of its answer"},
	{"per_address", "1000", OPT_NUM, 0, 1000000, "connections of one address, loopback exempt; 0 is no limit"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

struct ingress {
	struct daemon d; /* first */
	struct front front;
	struct port ports[LISTENERS_MAX];
	unsigned nports;
	struct tls_context *tls;
	struct timer tls_again;
	bool tls_wanted;
};

static struct ingress *
of(struct daemon *d)
{
	return container_of(d, struct ingress, d);
}

static int
wrong(const char *setting, struct slice value, const char *why)
{
	char shown[LOG_VALUE];

	log_err("setting", "name=%s value=%s why=\"%s\"", setting,
	    log_value(shown, sizeof(shown), value), why);
	return EXIT_SETTINGS;
}

/* What SIGHUP may change: ingress_stage.live. */
struct live {
	struct limits limits;
	struct trust trusted;
	const char *admin_key;
};

static int
read_live(const struct options *o, struct live *l)
{
	struct slice word;
	const char *why;

	l->limits = (struct limits){
	    .head_ms = opt_num(o, "head_timeout"),
	    .body_ms = opt_num(o, "body_timeout"),
	    .idle_ms = opt_num(o, "idle_timeout"),
	    .stream_ms = opt_num(o, "stream_timeout"),
	    .answer_ms = opt_num(o, "answer_timeout"),
	    .write_ms = opt_num(o, "write_timeout"),
	    .body_max = (size_t)opt_num(o, "body_max"),
	    .per_address = (unsigned)opt_num(o, "per_address"),
	};
	l->admin_key = opt_str(o, "admin_key");
	if (l->admin_key[0] != '\0' && strlen(l->admin_key) < ADMIN_KEY_MIN)
		return wrong(
		    "admin_key", SLICE("..."), "shorter than 16 bytes");
	why = trust_read(&l->trusted, opt_list(o, "trusted_proxies"), &word);
	if (why != NULL)
		return wrong("trusted_proxies", word, why);
	return 0;
}

static int
take_live(struct ingress *in)
{
	struct front *f = &in->front;
	struct live l;
	int status = read_live(in->d.options, &l);

	if (status != 0)
		return status;
	f->limits = l.limits;
	f->trusted = l.trusted;
	f->admin_key = l.admin_key;
	return 0;
}

static int
read_tyron(struct ingress *in)
{
	const struct options *o = in->d.options;

	in->front.tyron.keys = slice_of(opt_str(o, "tyron_store"));
	in->front.tyron.redirect = opt_bool(o, "tyron_redirect");
	return tyron_rules_read(&in->front.tyron, o) ? 0 : EXIT_SETTINGS;
}

static int
read_origins(struct ingress *in)
{
	struct slice rest = opt_list(in->d.options, "origins"), word;

	while (opt_word(&rest, &word))
		if (!front_add_origin(&in->front, word))
			return wrong("origins", word, "not an origin");
	return 0;
}

static struct tls_server_files
files_of(const struct ingress *in)
{
	return (struct tls_server_files){
	    .cert = opt_str(in->d.options, "tls_cert"),
	    .key = opt_str(in->d.options, "tls_key"),
	    .alpn = TLS_ALPN_HTTP1,
	};
}

/* Whether there are such files is another question: see load_certificate(). */
static int
check_certificate(const struct ingress *in)
{
	struct tls_server_files files = files_of(in);

	if (!in->tls_wanted)
		return 0;
	if (files.cert[0] == '\0' || files.key[0] == '\0')
		return wrong(files.cert[0] == '\0' ? "tls_cert" : "tls_key",
		    SLICE(""), "a listener has +tls");
	return 0;
}

/* Files that are missing or wrong are tried again: a certificate may come
 * later, and everything else serves without it. */
static void
load_certificate(struct ingress *in)
{
	struct tls_server_files files = files_of(in);
	struct tls_error why;
	bool good;

	if (!in->tls_wanted)
		return;
	good = in->tls != NULL
	           ? tls_context_reload(in->tls, &why)
	           : (in->tls = tls_context_server(&files, &why)) != NULL;
	if (good)
		return;
	log_warn("certificate", "why=\"%s\" retry_ms=%d", why.text,
	    CERTIFICATE_RETRY_MS);
	loop_arm(in->d.loop, &in->tls_again, CERTIFICATE_RETRY_MS);
}

static void
certificate_again(struct timer *t)
{
	load_certificate(container_of(t, struct ingress, tls_again));
}

static int
read_ports(struct ingress *in)
{
	struct slice text = slice_of(opt_str(in->d.options, "listen"));
	struct listeners ls;
	const char *why = listeners_parse(&ls, text);
	unsigned besides;

	if (why != NULL)
		return wrong("listen", ls.culprit, why);
	if (!personas_read(
		opt_list(in->d.options, "personas"), &besides, &text))
		return wrong("personas", text, "no such persona");
	if (ls.n == 0)
		return wrong("listen", text, "no listener");
	for (in->nports = 0; in->nports < ls.n; in->nports++) {
		struct port *p = &in->ports[in->nports];

		p->spec = ls.at[in->nports];
		p->persona = p->spec.persona.n != 0
		                 ? persona_named(p->spec.persona)
		                 : PERSONA_any;
		if (p->persona == PERSONAS)
			return wrong("listen", p->spec.word, "no such persona");
		p->personas = persona_set(p->persona, besides);
		in->tls_wanted = in->tls_wanted || p->spec.tls;
	}
	return 0;
}

static int
check(struct daemon *d)
{
	struct ingress *in = of(d);
	int status = take_live(in);

	if (status == 0 && !statsd_check(opt_str(d->options, "statsd")))
		status = EXIT_SETTINGS;
	if (status == 0)
		status = read_tyron(in);
	if (status == 0)
		status = read_origins(in);
	if (status == 0)
		status = read_ports(in);
	return status != 0 ? status : check_certificate(in);
}

static int
open_port(struct ingress *in, struct port *p)
{
	int fd = net_inherited(p->spec.address);

	if (fd < 0 && errno == ENOENT)
		fd = net_listen(p->spec.address);
	if (fd < 0) {
		log_err("listen", "address=%s error=\"%s\"", p->spec.address,
		    strerror(errno));
		return EXIT_WORLD;
	}
	p->front = &in->front;
	p->tls = &in->tls;
	net_listener_init(&p->socket, fd);
	return 0;
}

static int
open_ports(struct ingress *in)
{
	int status = 0;

	for (unsigned i = 0; i < in->nports && status == 0; i++)
		status = open_port(in, &in->ports[i]);
	return status;
}

/* Our number among the ingresses: of ingress.2 it is 2. */
static const char *
number(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && dot[1] != '\0' ? dot + 1 : name;
}

static int
open_door(struct ingress *in)
{
	char path[256];

	snprintf(
	    path, sizeof(path), "%s/door.%s", in->d.run, number(in->d.name));
	in->front.door = door_open(&(struct door_setup){
	    .front = &in->front,
	    .path = path,
	    .ports = in->ports,
	    .nports = in->nports,
	});
	if (in->front.door != NULL)
		return 0;
	log_err("door", "path=%s error=\"%s\"", path, strerror(errno));
	return EXIT_WORLD;
}

static void
all_left(struct front *f)
{
	struct ingress *in = container_of(f, struct ingress, front);

	if (f->draining && f->nclients == 0 && relays_count(f->relays) == 0)
		daemon_drained(&in->d);
}

static int
start(struct daemon *d)
{
	struct ingress *in = of(d);
	struct front *f = &in->front;
	int status;

	front_init(f, d->loop);
	f->bus = d->bus;
	f->access = d->access;
	f->name = d->name;
	f->empty = all_left;
	f->auth = auth_new();
	f->statsd = statsd_new(d->loop, opt_str(d->options, "statsd"));
	f->peers = peers_new();
	f->asks = asks_new();
	f->gauges = gauges_new();
	f->feedback = feedback_new(f);
	f->relays = relays_new(f);
	timer_init(&in->tls_again, certificate_again);
	stats_set(STAT_started, loop_unix_ms(d->loop) / 1000);
	if ((status = open_ports(in)) != 0 || (status = open_door(in)) != 0)
		return status;
	load_certificate(in);
	for (unsigned i = 0; i < in->nports; i++) {
		port_open(&in->ports[i]);
		log_info(
		    "listening", "on=%.*s", SLICE_ARGS(in->ports[i].spec.word));
	}
	daemon_ready(d);
	return 0;
}

static void
down(struct daemon *d, struct bus_link *l)
{
	const struct front *f = &of(d)->front;

	copies_gone(l);
	if (f->asks == NULL) /* we have stopped, and the bus is going */
		return;
	asks_down(f->asks, l);
	gauges_down(f->gauges, l);
}

static void
on_key(struct daemon *d, struct bus_link *l, const struct msg *m)
{
	const char *why = auth_told(of(d)->front.auth, &m->key);
	char id[LOG_VALUE];

	(void)l;
	feedback_app(of(d)->front.feedback, m->key.app);
	if (why != NULL)
		log_warn("key", "id=%s why=\"%s\"",
		    log_value(id, sizeof(id), m->key.id), why);
}

static void
up(struct daemon *d, struct bus_link *l)
{
	feedback_up(of(d)->front.feedback, l);
}

static void
on_feedback(struct daemon *d, struct bus_link *l, const struct msg *m)
{
	copies_came(l, m);
	feedback_frame(of(d)->front.feedback, m);
}

static void
on_answer(struct daemon *d, struct bus_link *l, const struct msg *m)
{
	(void)l;
	asks_frame(of(d)->front.asks, m);
}

static void
on_stat(struct daemon *d, struct bus_link *l, const struct msg *m)
{
	(void)l;
	gauges_stat(of(d)->front.gauges, &m->stat);
}

static void
on_stats_end(struct daemon *d, struct bus_link *l, const struct msg *m)
{
	gauges_end(of(d)->front.gauges, l, m->stats_end.ref);
}

static int
reload(struct daemon *d)
{
	int status = take_live(of(d));

	if (status != 0)
		return status;
	timer_cancel(&of(d)->tls_again);
	load_certificate(of(d));
	return 0;
}

static void
drain(struct daemon *d)
{
	struct front *f = &of(d)->front;

	f->draining = true;
	for (unsigned i = 0; i < of(d)->nports; i++)
		port_close(&of(d)->ports[i]);
	list_each_safe (at, &f->clients)
		client_drain(container_of(at, struct client, node));
	relays_drain(f->relays, RELAYS_LEAVE_MS);
	all_left(f);
}

static void
stop(struct daemon *d)
{
	struct ingress *in = of(d);
	struct front *f = &in->front;

	if (f->loop == NULL)
		return;
	f->empty = NULL;
	for (unsigned i = 0; i < in->nports; i++)
		port_close(&in->ports[i]);
	front_end(f);
	door_close(&f->door);
	relays_free(&f->relays);
	timer_cancel(&in->tls_again);
	gauges_free(&f->gauges);
	feedback_free(&f->feedback);
	asks_free(&f->asks);
	peers_free(&f->peers);
	auth_free(&f->auth);
	statsd_free(&f->statsd);
	tls_context_free(&in->tls);
}

const struct stage ingress_stage = {
    .name = "ingress",
    .about = "publish over HTTP, and hand listeners to the hubs",
    .options = options,
    .shared = shared_options,
    .size = sizeof(struct ingress),
    .check = check,
    .start = start,
    .up = up,
    .down = down,
    .on =
	{
	    [MSG_key] = on_key,
	    [MSG_entry] = on_answer,
	    [MSG_read_end] = on_answer,
	    [MSG_job_is] = on_answer,
	    [MSG_jobs_end] = on_answer,
	    [MSG_deliver] = on_feedback,
	    [MSG_joined] = on_feedback,
	    [MSG_gap] = on_feedback,
	    [MSG_lag] = on_feedback,
	    [MSG_row] = on_answer,
	    [MSG_scan_end] = on_answer,
	    [MSG_message_is] = on_answer,
	    [MSG_message_end] = on_answer,
	    [MSG_present] = on_answer,
	    [MSG_roster_end] = on_answer,
	    [MSG_stat] = on_stat,
	    [MSG_stats_end] = on_stats_end,
	    [MSG_told_redis] = on_answer,
	},
    .reload = reload,
    .live = "body_max head_timeout body_timeout idle_timeout stream_timeout "
	    "answer_timeout write_timeout per_address admin_key "
	    "trusted_proxies",
    .drain = drain,
    .stop = stop,
};
