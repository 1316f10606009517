/* bus_keys_test.c - beyond this host, only listed keys come in. */
#include "tests/unit/bus_world.h"

static void
a_bind_beyond_loopback_needs_keys(void **state)
{
	struct world *w = *state;
	struct bus_server_setup setup = {.loop = w->loop,
	    .face = &w->server_face,
	    .endpoint = "tcp://0.0.0.0:0",
	    .name = "store.1"};
	const char *why = NULL;

	assert_null(bus_server_open(&setup, &why));
	assert_non_null(why);
}

/* ZeroMQ alone would give it to the second one and tell neither. */
static void
an_endpoint_belongs_to_one_store(void **state)
{
	struct world *w = *state;
	struct bus_server_setup setup = {.loop = w->loop,
	    .face = &w->server_face,
	    .endpoint = w->endpoint,
	    .name = "store.2"};
	struct bus_server *second;
	const char *why = NULL;

	open_server(w);
	assert_null(bus_server_open(&setup, &why));
	assert_string_equal(why, "Address already in use");
	open_bus(w);
	until(w, is_up);
	bus_close(&w->bus);
	bus_server_close(&w->server);
	second = bus_server_open(&setup, &why);
	assert_non_null(second);
	bus_server_close(&second);
}

/* Key pairs as people keep them: text. */
struct pair {
	char public[BUS_KEY_TEXT], secret[BUS_KEY_TEXT];
};

static struct pair
pair_new(void)
{
	struct pair p;

	bus_keys_new(p.public, p.secret);
	return p;
}

static bool
refused_one(struct world *w)
{
	(void)w;
	return stats_get(STAT_bus_refused) != 0;
}

static void
only_listed_keys_come_in(void **state)
{
	struct world *w = *state;
	struct pair store = pair_new(), friend = pair_new(), other = pair_new();
	struct request r;

	w->server_keys =
	    (struct bus_keys){.secret = store.secret, .clients = friend.public};
	w->keys = (struct bus_keys){.server = store.public,
	    .public = other.public,
	    .secret = other.secret};
	open_server(w);
	open_bus(w);
	until(w, refused_one);
	pass(w, 1000);
	assert_int_equal(w->hellos, 0);
	/* both sides count, and the stage tries ever less often */
	assert_in_range(stats_get(STAT_bus_refused), 1, 16);
	bus_close(&w->bus);
	w->keys.public = friend.public;
	w->keys.secret = friend.secret;
	open_bus(w);
	until(w, is_up);
	publish(w, &r);
	until(w, all_answered);
}

static void
a_key_needs_a_list_of_friends(void **state)
{
	struct world *w = *state;
	struct pair store = pair_new();
	struct bus_server_setup setup = {.loop = w->loop,
	    .face = &w->server_face,
	    .endpoint = w->endpoint,
	    .name = "store.1",
	    .keys = {.secret = store.secret}};
	const char *why = NULL;

	assert_null(bus_server_open(&setup, &why));
	assert_non_null(strstr(why, "bus_clients"));
	setup.keys.clients = "too short";
	assert_null(bus_server_open(&setup, &why));
	assert_non_null(strstr(why, "Z85"));
}

TESTS(story(a_bind_beyond_loopback_needs_keys),
    story(an_endpoint_belongs_to_one_store), story(only_listed_keys_come_in),
    story(a_key_needs_a_list_of_friends))
