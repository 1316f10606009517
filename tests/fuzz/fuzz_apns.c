/*
 * fuzz_apns.c - what Apple, an application or a file may say to the pusher.
 *
 * The first byte says who speaks.  An HTTP/2 peer's bytes come in two parts,
 * with two calls open: each call ends once, whatever they are.
 */
#include "common/json.h"
#include "common/must.h"
#include "pushers/apns_answer.h"
#include "pushers/apns_apps.h"
#include "pushers/apns_body.h"
#include "pushers/h2.h"

/* SETTINGS with nothing in it: calls may be made. */
#define SETTINGS "\0\0\0\4\0\0\0\0\0"

struct calls {
	struct h2_face face;
	struct h2_call call[2];
	unsigned ends[2];
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
ended(struct h2_face *f, struct h2_call *c, enum h2_end how)
{
	struct calls *all = container_of(f, struct calls, face);

	must(how != H2_ANSWERED || c->status >= 200);
	must(c->text_n <= H2_TEXT && c->kept_n <= H2_KEPT);
	all->ends[c - all->call]++;
}

static void
room(struct h2_face *f)
{
	(void)f;
}

static void
leaving(struct h2_face *f, struct slice debug)
{
	(void)f, (void)debug;
}

static void
take(struct h2 *h)
{
	struct buf out = {0};

	h2_take(h, &out, 1 << 20);
	buf_free(&out);
}

static void
peer(struct slice in)
{
	struct calls all = {.face = {ended, room, leaving}};
	struct h2 *h = h2_new(&(struct h2_setup){
	    .face = &all.face, .keep = SLICE("apns-id"), .streams = 10});
	struct h2_request r = {
	    .authority = SLICE("a"), .path = SLICE("/"), .body = SLICE("{}")};
	struct slice half = {in.p, in.n / 2};

	must(h2_feed(h, SLICE(SETTINGS)));
	for (unsigned i = 0; i < 2; i++)
		must(h2_submit(h, &all.call[i], &r));
	take(h);
	if (h2_feed(h, half))
		h2_feed(h, slice_from(in, half.n));
	take(h);
	h2_cut(h);
	must(all.ends[0] == 1 && all.ends[1] == 1);
	h2_free(&h);
}

static void
job(struct slice in, const char *app)
{
	static const struct apns_app settings = {.topic = "a.b"};
	struct push push = {.app = slice_of(app),
	    .target = SLICE("00ff"),
	    .collapse = SLICE(""),
	    .body = in};
	struct apns_body b = {.n = 0};
	struct h2_request r;

	if (apns_body_read(&b, &push) == NULL &&
	    apns_body_settle(&b, &settings) == NULL) {
		apns_body_write(&b, SLICE("bearer x"), &r);
		must(r.n <= H2_FIELDS && r.body.n <= APNS_PAYLOAD_VOIP);
		must(json_check(r.body, NULL, NULL) == NULL);
		for (size_t i = 0; i < r.n; i++)
			must(memchr(r.fields[i].value.p, '\n',
				 r.fields[i].value.n) == NULL);
	}
	apns_body_free(&b);
}

static void
file(struct slice in)
{
	struct apns_apps all = {.n = 0};
	struct apns_wrong wrong;

	if (apns_apps_read(&all, in, &wrong))
		for (size_t i = 0; i < all.n; i++)
			must(apns_apps_find(&all, slice_of(all.at[i].name),
				 SLICE("")) == &all.at[i]);
	else
		must(wrong.why != NULL);
	apns_apps_free(&all);
}

static void
answer(struct slice in)
{
	struct h2_call c = {.status = 400};
	struct apns_answer a;

	c.text_n = (unsigned)(in.n < H2_TEXT ? in.n : H2_TEXT);
	memcpy(c.text, in.p, c.text_n);
	apns_answer_read(&a, &c);
	must(a.reason[0] != '\0' && a.fate != APNS_DELIVERED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {(const char *)data, size};

	if (size == 0)
		return 0;
	in = slice_from(in, 1);
	switch (data[0] % 8) {
	case 0:
		job(in, "app");
		break;
	case 1:
		job(in, "incus");
		break;
	case 2:
		file(in);
		break;
	case 3:
		answer(in);
		break;
	default:
		peer(in);
		break;
	}
	return 0;
}
