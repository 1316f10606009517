/*
 * admin.c - Bearer KEY, or Basic as `curl -u admin:KEY` sends it.
 */
#include "ingress/admin.h"

#include "common/base64.h"
#include "common/crypto.h"
#include "common/http.h"

enum { CREDENTIAL = 512 }; /* bytes of a decoded admin:KEY */

static bool
is_admin(struct slice shown, const char *key)
{
	return key[0] != '\0' && crypto_equal(shown, slice_of(key));
}

bool
admin_shown(const char *key, struct slice header)
{
	struct slice rest = slice_trim(header), scheme;
	struct buf plain = {.max = CREDENTIAL};
	bool good = false;

	if (header.p == NULL || !slice_cut(&rest, ' ', &scheme) ||
	    rest.p == NULL)
		return false;
	rest = slice_trim(rest);
	if (http_same(scheme, SLICE("bearer")))
		return is_admin(rest, key);
	if (http_same(scheme, SLICE("basic")) &&
	    base64_decode(&plain, rest, BASE64_EITHER) == NULL &&
	    slice_starts(buf_slice(&plain), SLICE("admin:")))
		good = is_admin(slice_from(buf_slice(&plain), 6), key);
	buf_free(&plain);
	return good;
}
