/*
 * device.c - names of homes.
 */
#include "common/device.h"

#include "common/base64.h"
#include "common/crypto.h"
#include "common/must.h"
#include "common/utf8.h"

bool
device_name_ok(struct slice s, size_t max)
{
	struct utf8 u = {0};

	if (s.n == 0 || s.n > max || !utf8_feed(&u, s) || !utf8_ended(&u))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return false;
	return true;
}

struct slice
device_home(char room[DEVICE_HOME], struct slice app, struct slice user)
{
	must(app.n + 1 + user.n <= DEVICE_HOME);
	memcpy(room, app.p, app.n);
	room[app.n] = '/';
	memcpy(room + app.n + 1, user.p, user.n);
	return (struct slice){room, app.n + 1 + user.n};
}

struct slice
device_token_home(char room[DEVICE_HOME], struct slice app, struct slice token)
{
	unsigned char digest[CRYPTO_SHA256_SIZE];
	struct buf name = {0};
	struct slice home;

	crypto_sha256(token, digest);
	buf_chr(&name, '~');
	base64_encode(&name,
	    (struct slice){(const char *)digest, sizeof(digest)}, BASE64_TOKEN);
	home = device_home(room, app, buf_slice(&name));
	buf_free(&name);
	return home;
}
