/*
 * bus_check.c - endpoints and keys as people write them.
 *
 * Frames are trusted, so beyond this host they must be encrypted; and who
 * holds a copy of our public key is not yet a friend, so with a secret key
 * the clients' keys must be named, too.
 */
#include "common/bus_check.h"

#include <string.h>

enum {
	KEY = BUS_KEY_TEXT - 1,
	CLIENTS = 256,  /* as many as the gate holds */
	IPC_PATH = 107, /* bytes, of sun_path */
};

static bool
given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* RFC 32; 40 letters of it are 32 bytes. */
static bool
is_key(struct slice s)
{
	static const char more[] = ".-:+=^!/*?&<>()[]{}@%$#";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') &&
		    memchr(more, c, sizeof(more) - 1) == NULL)
			return false;
	}
	return s.n == KEY;
}

static bool
is_key_text(const char *text)
{
	return given(text) && is_key(slice_of(text));
}

/* ipc://PATH or tcp://HOST:PORT; to bind, both of these may be *. */
static bool
is_endpoint(struct slice s)
{
	size_t at = s.n;
	struct slice port;
	uint64_t n;

	if (slice_starts(s, SLICE("ipc://")))
		return s.n > 6 && s.n - 6 <= IPC_PATH;
	if (!slice_starts(s, SLICE("tcp://")))
		return false;
	while (at != 0 && s.p[at - 1] != ':')
		at--;
	port = slice_from(s, at);
	return at > 7 &&
	       (slice_is(port, "*") || (slice_num(port, &n) && n <= 65535));
}

const char *
bus_check_stage(
    const char *stores, const struct bus_keys *keys, const char **what)
{
	struct slice rest = slice_of(stores), word, name;
	bool any = false;

	*what = "bus_server_key";
	if (given(keys->server) &&
	    (!is_key_text(keys->server) || !is_key_text(keys->public) ||
		!is_key_text(keys->secret)))
		return "the bus keys are not 40 characters of Z85 each";
	*what = "store";
	while (slice_cut(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		any = true;
		if (memchr(word.p, '@', word.n) != NULL) {
			struct slice endpoint = word;

			slice_cut(&endpoint, '@', &name);
			word = endpoint;
		}
		if (!is_endpoint(word))
			return "the endpoint is not ipc://PATH or "
			       "tcp://HOST:PORT";
	}
	return any ? NULL : "no store is named";
}

static bool
plain_allowed(const struct bus_server_setup *setup)
{
	struct slice e = slice_of(setup->endpoint);

	return setup->allow_plain || !slice_starts(e, SLICE("tcp://")) ||
	       slice_starts(e, SLICE("tcp://127.")) ||
	       slice_starts(e, SLICE("tcp://[::1]:")) ||
	       slice_starts(e, SLICE("tcp://localhost:"));
}

static bool
are_keys(const char *clients)
{
	struct slice rest = slice_of(clients), word;
	unsigned n = 0;

	while (slice_cut(&rest, ' ', &word))
		if (word.n != 0 && (!is_key(word) || ++n > CLIENTS))
			return false;
	return true;
}

const char *
bus_check_store(const struct bus_server_setup *setup, const char **name)
{
	const struct bus_keys *keys = &setup->keys;

	*name = "endpoint";
	if (!is_endpoint(slice_of(setup->endpoint)))
		return "the endpoint is not ipc://PATH or tcp://HOST:PORT";
	*name = "bus_secret_key";
	if (!given(keys->secret))
		return plain_allowed(setup)
		           ? NULL
		           : "beyond loopback the bus needs bus_secret_key";
	if (!is_key_text(keys->secret))
		return "the bus secret key is not 40 characters of Z85";
	*name = "bus_clients";
	if (!given(keys->clients))
		return "bus_secret_key needs bus_clients, the keys it lets in";
	if (!are_keys(keys->clients))
		return "bus_clients is not a list of at most 256 public keys "
		       "in Z85";
	return NULL;
}
