/*
 * fuzz_pandapush.c - whatever is shown or posted, nobody gets in by it, and
 * what is published is an object.
 *
 * The first byte chooses: a body of one of the three kinds, whose data is
 * JSON and has no `__auth` on top; or an auth for some channel, which without
 * the secret is always refused.
 */
#include "common/must.h"
#include "common/pandapush.h"
#include "ingress/pandapush_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
body(enum pandapush_body kind, struct slice s)
{
	static const struct json_field fields[] = {
	    {SLICE_INIT("__auth"), JSON_ANY, false}};
	struct json_value auth = {.kind = JSON_NONE};
	struct buf room = {0};
	struct json_walk walk;
	struct slice data;

	if (pandapush_body_read(kind, s, &room, &data) == PANDAPUSH_DATA) {
		must(json_check(data, NULL, NULL) == NULL);
		must(json_object(&walk, data, NULL));
		/* false of one with more members than are walked */
		must(!json_object_read(
			 &walk, (struct json_table){fields, 1}, &auth) ||
		     auth.kind == JSON_NONE);
	}
	buf_free(&room);
}

static void
shown(struct slice s, enum pandapush_want want)
{
	struct pandapush_ask ask = {.want = want,
	    .channel = SLICE("/app/private/x"),
	    .now = 1700000000};
	struct keys *ks = keys_new();
	struct buf text = {0};
	struct grant g;

	must(keys_told(ks, &(struct msg_key){.app = SLICE("app"),
			       .id = SLICE("k"),
			       .alg = SLICE("HS256"),
			       .secret = SLICE("nobody can guess this one"),
			       .rights = KEY_PUBLISH | KEY_LISTEN}) == NULL);
	(void)pandapush_channel(s);
	if (json_check(s, NULL, NULL) == NULL) {
		pandapush_auth_read(
		    &ask.auth, json_value(slice_trim(s)), &text);
	} else {
		ask.auth.given = true;
		ask.auth.token = s;
	}
	must(pandapush_judge(ks, &ask, &g) != NULL);
	must(g.app[0] == '\0' && g.rights == 0);
	keys_free(&ks);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice s = {(const char *)data + 1, n - 1};

	if (n == 0)
		return 0;
	if (data[0] % 5 < 3)
		body((enum pandapush_body)(data[0] % 5), s);
	else
		shown(s,
		    data[0] % 5 == 3 ? PANDAPUSH_SUBSCRIBE : PANDAPUSH_PUBLISH);
	return 0;
}
