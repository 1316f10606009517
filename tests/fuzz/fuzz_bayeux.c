/*
 * fuzz_bayeux.c - whatever a client of Bayeux says, what is answered is JSON,
 * and what its subscribers read is JSON without its credentials.
 */
#include "common/must.h"
#include "hub/bayeux_reply.h"
#include "hub/bayeux_said.h"
#include "hub/form_bayeux.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
no_member(struct json_value object, const char *name)
{
	must(bayeux_member(object, name).kind == JSON_NONE);
}

static void
published(const struct bayeux_said *s)
{
	struct buf data = {0}, envelope = {0}, event = {0};
	struct json_value whole;

	bayeux_put_data(&data, s);
	bayeux_put_envelope(&envelope, s);
	must(memchr(envelope.p, '\0', envelope.n) != NULL);
	form_bayeux_put(&event, &(struct event){.body = buf_slice(&data),
				    .envelope = buf_slice(&envelope)});
	must(json_check(buf_slice(&event), NULL, NULL) == NULL);
	whole = json_value(buf_slice(&event));
	no_member(whole, "clientId");
	no_member(whole, "__internal");
	no_member(bayeux_member(whole, "data"), "__auth");
	no_member(bayeux_member(whole, "ext"), "auth");
	buf_free(&data);
	buf_free(&envelope);
	buf_free(&event);
}

static void
answered(struct bayeux_said *s)
{
	struct bayeux_reply r;
	struct buf b = {0};
	uint64_t ms;

	bayeux_reply_to(&r, s);
	if (!bayeux_is_valid(s->channel))
		bayeux_fail(&r, BAYEUX_INVALID, s->channel);
	else if (!bayeux_timeout(s, &ms))
		bayeux_fail(&r, BAYEUX_UNKNOWN_CLIENT, s->client);
	bayeux_put(&b, &r);
	must(json_check(buf_slice(&b), NULL, NULL) == NULL);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = {(const char *)p, n}, first;
	struct bayeux_said s;
	struct buf text = {0};

	(void)bayeux_is_name(in);
	(void)bayeux_is_valid(in);
	(void)bayeux_tag_of(in);
	if (json_check(in, NULL, NULL) == NULL &&
	    json_first(in, NULL, &first) == NULL &&
	    bayeux_read(&s, json_value(first), &text)) {
		answered(&s);
		if (s.v[BAYEUX_F_DATA].kind != JSON_NONE)
			published(&s);
	}
	buf_free(&text);
	return 0;
}
