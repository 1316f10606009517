/*
 * gcm_answer.c - tables of Google's words, and the way to them.
 *
 * A token is given up only where Google speaks of the token: a bare 404 may
 * be a wrong project, a bare 403 a key without the right.  Those are for the
 * operator, and end no token.
 */
#include "pushers/gcm_answer.h"

#include "common/json.h"
#include "common/must.h"

enum {
	UNSENT_MS = 1000, /* where there is no connection */
	DOWN_MS = 10000,  /* the first wait after 5xx, as Google advises */
	QUOTA_MS = 60000, /* likewise after 429 */
	WAIT_MAX_MS = 3600000,
};

struct word {
	struct slice v1, legacy; /* empty: the other protocol has none */
	enum gcm_verdict verdict;
	unsigned wait_ms;
};

/* clang-format off */
static const struct word words[] = {
    {SLICE_INIT("UNREGISTERED"), SLICE_INIT("NotRegistered"), GCM_GONE, 0},
    {SLICE_INIT("SENDER_ID_MISMATCH"), SLICE_INIT("MismatchSenderId"), GCM_GONE, 0},
    {SLICE_INIT("UNAVAILABLE"), SLICE_INIT("Unavailable"), GCM_LATER, DOWN_MS},
    {SLICE_INIT("INTERNAL"), SLICE_INIT("InternalServerError"), GCM_LATER, DOWN_MS},
    {SLICE_INIT("QUOTA_EXCEEDED"), SLICE_INIT("DeviceMessageRateExceeded"), GCM_LATER, QUOTA_MS},
    {SLICE_INIT("THIRD_PARTY_AUTH_ERROR"), SLICE_INIT("InvalidApnsCredential"), GCM_LATER, QUOTA_MS},
    {SLICE_INIT(""), SLICE_INIT("InvalidRegistration"), GCM_GONE, 0},
    {SLICE_INIT(""), SLICE_INIT("InvalidPackageName"), GCM_GONE, 0},
    {SLICE_INIT(""), SLICE_INIT("MissingRegistration"), GCM_REFUSED, 0},
    {SLICE_INIT(""), SLICE_INIT("MessageTooBig"), GCM_REFUSED, 0},
    {SLICE_INIT(""), SLICE_INIT("InvalidDataKey"), GCM_REFUSED, 0},
    {SLICE_INIT(""), SLICE_INIT("InvalidTtl"), GCM_REFUSED, 0},
    {SLICE_INIT(""), SLICE_INIT("InvalidParameters"), GCM_REFUSED, 0},
    {SLICE_INIT(""), SLICE_INIT("TopicsMessageRateExceeded"), GCM_LATER, QUOTA_MS},
};
/* clang-format on */

/* What is told, or doubles with every attempt. */
static uint64_t
wait_of(const struct gcm_reply *r, uint64_t first)
{
	uint64_t ms = first;

	if (r->retry_after > WAIT_MAX_MS / 1000)
		return WAIT_MAX_MS;
	if (r->retry_after != 0)
		return r->retry_after * 1000;
	for (unsigned i = 1; i < r->attempt && ms < WAIT_MAX_MS; i++)
		ms *= 2;
	return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
}

static bool
take_word(struct gcm_answer *a, const struct gcm_reply *r, struct slice word,
    bool legacy)
{
	for (size_t i = 0; i < LENGTH(words); i++) {
		const struct word *w = &words[i];

		if (word.n == 0 || !slice_eq(legacy ? w->legacy : w->v1, word))
			continue;
		a->verdict = w->verdict;
		a->error = word;
		if (w->wait_ms != 0)
			a->wait_ms = wait_of(r, w->wait_ms);
		return true;
	}
	return false;
}

/* What a status says by itself, of the request. */
static void
by_status(struct gcm_answer *a, const struct gcm_reply *r)
{
	a->whole = true;
	a->verdict = GCM_LATER;
	if (r->status == 0) {
		a->error = slice_of(r->why);
		a->wait_ms = wait_of(r, r->unsent ? UNSENT_MS : DOWN_MS);
		a->down = true;
		a->unheard = r->unsent;
	} else if (r->status == 401 || r->status == 403 || r->status == 404) {
		a->verdict = GCM_LOCKED_OUT;
		a->error = r->status == 401   ? SLICE("Unauthorized")
		           : r->status == 403 ? SLICE("Forbidden")
		                              : SLICE("NotFound");
		a->wait_ms = QUOTA_MS;
		a->down = a->unheard = true;
	} else if (r->status == 429) {
		a->error = SLICE("TooManyRequests");
		a->wait_ms = wait_of(r, QUOTA_MS);
	} else if (r->status >= 400 && r->status < 500) {
		a->verdict = GCM_REFUSED;
		a->error = r->status == 413 ? SLICE("MessageTooBig")
		                            : SLICE("BadRequest");
	} else {
		a->error = SLICE("Unavailable");
		a->wait_ms = wait_of(r, DOWN_MS);
		a->down = r->status >= 500;
	}
}

/* ---- v1 */

/* Of an error of Google's. */
struct v1_error {
	struct slice message, status, code; /* code: of an FcmError */
	bool token;                         /* a field violation names it */
	bool violations;                    /* there are field violations */
};

/* The string behind a name; empty when it is not there. */
static struct slice
text_of(struct slice object, struct slice name, struct buf *scratch)
{
	struct json_field field = {name, JSON_ANY, false};
	struct json_value v;
	struct json_walk w;

	if (!json_object(&w, object, NULL) ||
	    !json_object_read(&w, (struct json_table){&field, 1}, &v) ||
	    v.kind != JSON_STRING)
		return SLICE("");
	return json_string(v, scratch);
}

static void
read_violations(struct v1_error *e, struct slice array, struct buf *scratch)
{
	struct json_value v;
	struct json_walk w;

	if (!json_array(&w, array, NULL))
		return;
	while (json_array_next(&w, &v)) {
		if (v.kind != JSON_OBJECT)
			continue;
		e->violations = true;
		if (slice_is(text_of(v.raw, SLICE("field"), scratch),
			"message.token"))
			e->token = true;
	}
}

static void
read_detail(struct v1_error *e, struct slice object, struct buf *scratch)
{
	static const struct json_field fields[] = {
	    {SLICE_INIT("errorCode"), JSON_ANY, false},
	    {SLICE_INIT("fieldViolations"), JSON_ANY, false}};
	struct json_value v[LENGTH(fields)];
	struct json_walk w;

	if (!json_object(&w, object, NULL) ||
	    !json_object_read(
		&w, (struct json_table){fields, LENGTH(fields)}, v))
		return;
	if (v[0].kind == JSON_STRING)
		e->code = json_string(v[0], scratch);
	if (v[1].kind == JSON_ARRAY)
		read_violations(e, v[1].raw, scratch);
}

static void
read_details(struct v1_error *e, struct slice array, struct buf *scratch)
{
	struct json_value v;
	struct json_walk w;

	if (!json_array(&w, array, NULL))
		return;
	while (json_array_next(&w, &v))
		if (v.kind == JSON_OBJECT)
			read_detail(e, v.raw, scratch);
}

static struct v1_error
read_error(struct slice body, struct buf *scratch)
{
	static const struct json_field outer = {
	    SLICE_INIT("error"), JSON_MAY(JSON_OBJECT), true};
	static const struct json_field fields[] = {
	    {SLICE_INIT("message"), JSON_ANY, false},
	    {SLICE_INIT("status"), JSON_ANY, false},
	    {SLICE_INIT("details"), JSON_ANY, false}};
	struct json_value error, v[LENGTH(fields)];
	struct v1_error e = {0};
	struct json_walk w;

	if (!json_object(&w, body, NULL) ||
	    !json_object_read(&w, (struct json_table){&outer, 1}, &error) ||
	    !json_object(&w, error.raw, NULL) ||
	    !json_object_read(
		&w, (struct json_table){fields, LENGTH(fields)}, v))
		return e;
	if (v[0].kind == JSON_STRING)
		e.message = json_string(v[0], scratch);
	if (v[1].kind == JSON_STRING)
		e.status = json_string(v[1], scratch);
	if (v[2].kind == JSON_ARRAY)
		read_details(&e, v[2].raw, scratch);
	return e;
}

static bool
mentions(struct slice text, struct slice word)
{
	return text.n >= word.n &&
	       memmem(text.p, text.n, word.p, word.n) != NULL;
}

/* With violations of other fields it is the payload that is wrong. */
static bool
is_of_token(const struct v1_error *e)
{
	return slice_is(e->code, "INVALID_ARGUMENT") &&
	       (e->token ||
		   (!e->violations && mentions(e->message, SLICE("token"))));
}

void
gcm_answer_v1(
    struct gcm_answer *a, const struct gcm_reply *r, struct buf *scratch)
{
	struct v1_error e;

	*a = (struct gcm_answer){.verdict = GCM_DELIVERED};
	must(buf_room(scratch, r->body.n + 1) != NULL);
	if (r->status == 200) {
		a->id = text_of(r->body, SLICE("name"), scratch);
		return;
	}
	by_status(a, r);
	if (r->status == 0)
		return;
	e = read_error(r->body, scratch);
	if (is_of_token(&e)) {
		a->verdict = GCM_GONE;
		a->error = e.code;
		a->whole = a->down = a->unheard = false;
	} else if (take_word(a, r, e.code, false)) {
		/* THIRD_PARTY_AUTH_ERROR is 401, and not for us to cure */
		a->whole = a->down = a->unheard = false;
	} else if (slice_is(e.status, "UNAVAILABLE") ||
		   slice_is(e.status, "INTERNAL")) {
		take_word(a, r, e.status, false);
		a->whole = false;
	} else if (e.status.n != 0) {
		a->error = e.status;
	}
}

struct slice
gcm_legacy_word(const struct gcm_answer *a)
{
	for (size_t i = 0; i < LENGTH(words); i++)
		if (words[i].v1.n != 0 && slice_eq(words[i].v1, a->error))
			return words[i].legacy;
	for (size_t i = 0; i < LENGTH(words); i++)
		if (slice_eq(words[i].legacy, a->error))
			return a->error;
	if (a->verdict == GCM_GONE)
		return SLICE("InvalidRegistration");
	return a->verdict == GCM_REFUSED ? SLICE("InvalidParameters")
	                                 : SLICE("Unavailable");
}

/* ---- The legacy protocol */

static bool
read_result(struct gcm_answer *a, const struct gcm_reply *r,
    struct slice object, struct buf *scratch)
{
	static const struct json_field fields[] = {
	    {SLICE_INIT("message_id"), JSON_ANY, false},
	    {SLICE_INIT("registration_id"), JSON_ANY, false},
	    {SLICE_INIT("error"), JSON_ANY, false}};
	struct json_value v[LENGTH(fields)];
	struct json_walk w;

	if (!json_object(&w, object, NULL) ||
	    !json_object_read(
		&w, (struct json_table){fields, LENGTH(fields)}, v))
		return false;
	*a = (struct gcm_answer){.verdict = GCM_DELIVERED};
	if (v[0].kind == JSON_STRING)
		a->id = json_string(v[0], scratch);
	else if (v[0].kind == JSON_NUMBER)
		a->id = v[0].raw;
	if (v[1].kind == JSON_STRING)
		a->replacement = json_string(v[1], scratch);
	if (v[2].kind != JSON_STRING || v[2].raw.n == 2)
		return true;
	a->error = json_string(v[2], scratch);
	if (!take_word(a, r, a->error, true))
		a->verdict = GCM_LATER;
	return true;
}

/* As many results as there were tokens; to a topic it is one by itself. */
static bool
read_results(
    struct gcm_answers all, const struct gcm_reply *r, struct buf *scratch)
{
	static const struct json_field field = {
	    SLICE_INIT("results"), JSON_MAY(JSON_ARRAY), false};
	struct json_value results, v;
	struct json_walk w;
	unsigned n = 0;

	if (!json_object(&w, r->body, NULL) ||
	    !json_object_read(&w, (struct json_table){&field, 1}, &results))
		return false;
	if (results.kind == JSON_NONE)
		return all.n == 1 &&
		       read_result(&all.at[0], r, r->body, scratch);
	if (!json_array(&w, results.raw, NULL))
		return false;
	while (json_array_next(&w, &v))
		if (n == all.n || !read_result(&all.at[n++], r, v.raw, scratch))
			return false;
	return w.why == NULL && n == all.n;
}

void
gcm_answer_legacy(
    struct gcm_answers all, const struct gcm_reply *r, struct buf *scratch)
{
	must(buf_room(scratch, r->body.n + 1) != NULL);
	if (r->status == 200 && read_results(all, r, scratch))
		return;
	for (unsigned i = 0; i < all.n; i++) {
		all.at[i] = (struct gcm_answer){.verdict = GCM_LATER};
		by_status(&all.at[i], r);
		if (r->status == 200)
			all.at[i].error = SLICE("BadAnswer");
	}
}
