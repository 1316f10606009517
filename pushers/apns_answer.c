/*
 * apns_answer.c - Apple's table of reasons, and what is done about each.
 *
 * A reason that is not in the table is judged by its status.  Tokens are only
 * called dead for what Apple says of the token itself: a topic that is not
 * allowed says something of us, and would cost an application all its devices.
 */
#include "pushers/apns_answer.h"

#include "common/json.h"
#include "common/must.h"

static const struct {
	const char *reason;
	enum apns_fate fate;
} reasons[] = {
    {"BadDeviceToken", APNS_GONE},
    {"DeviceTokenNotForTopic", APNS_GONE},
    {"Unregistered", APNS_GONE},
    {"ExpiredToken", APNS_GONE},
    {"IdleTimeout", APNS_ELSEWHERE},
    {"Shutdown", APNS_ELSEWHERE},
    {"ExpiredProviderToken", APNS_TOKEN_OLD},
    {"BadCertificate", APNS_STOPPED},
    {"BadCertificateEnvironment", APNS_STOPPED},
    {"InvalidProviderToken", APNS_STOPPED},
    {"MissingProviderToken", APNS_STOPPED},
    {"Forbidden", APNS_STOPPED},
    {"UnrelatedKeyIdInToken", APNS_STOPPED},
    {"BadEnvironmentKeyIdInToken", APNS_STOPPED},
    {"BadEnvironmentKeyInToken", APNS_STOPPED}, /* what is really sent */
    {"TooManyProviderTokenUpdates", APNS_STOPPED},
    {"TooManyRequests", APNS_LATER},
    {"InternalServerError", APNS_LATER},
    {"ServiceUnavailable", APNS_LATER},
};

static const struct json_field fields[] = {
    {SLICE_INIT("reason"), JSON_ANY, false},
    {SLICE_INIT("timestamp"), JSON_ANY, false},
};

static bool
word(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 'a' || s.p[i] > 'z') &&
		    (s.p[i] < 'A' || s.p[i] > 'Z'))
			return false;
	return s.n != 0;
}

static void
read_text(struct apns_answer *a, struct slice text)
{
	struct json_value v[LENGTH(fields)];
	struct json_walk walk;
	struct slice reason;

	if (!json_object(&walk, text, NULL) ||
	    !json_object_read(
		&walk, (struct json_table){fields, LENGTH(fields)}, v))
		return;
	if (v[0].kind == JSON_STRING && !v[0].escaped) {
		reason = (struct slice){v[0].raw.p + 1, v[0].raw.n - 2};
		if (word(reason))
			snprintf(a->reason, sizeof(a->reason), "%.*s",
			    SLICE_ARGS(reason));
	}
	if (v[1].kind == JSON_NUMBER && !json_uint(v[1], &a->since))
		a->since = 0;
}

static enum apns_fate
by_status(unsigned status)
{
	switch (status) {
	case 403:
		return APNS_STOPPED;
	case 410:
		return APNS_GONE;
	case 408:
	case 429:
		return APNS_LATER;
	default:
		return status >= 400 && status < 500 ? APNS_REFUSED
		                                     : APNS_LATER;
	}
}

void
apns_answer_read(struct apns_answer *a, const struct h2_call *c)
{
	*a = (struct apns_answer){.fate = APNS_DELIVERED};
	if (c->status == 200)
		return;
	snprintf(a->reason, sizeof(a->reason), "HTTP %u", c->status);
	read_text(a, (struct slice){c->text, c->text_n});
	a->fate = by_status(c->status);
	for (size_t i = 0; i < LENGTH(reasons); i++)
		if (strcmp(a->reason, reasons[i].reason) == 0)
			a->fate = reasons[i].fate;
}
