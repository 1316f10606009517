/*
 * bayeux_name.c - the grammar of Faye, which is narrower than ours: a name
 * that is good there is good here but for its length.
 */
#include "hub/bayeux_name.h"

#include "common/crypto.h"
#include "common/json_write.h"
#include "common/must.h"

static bool
letter(char c)
{
	static const char more[] = "-_!~()$@";

	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && memchr(more, c, sizeof(more) - 1) != NULL);
}

/* How many bytes in front are /segment after /segment. */
static size_t
segments(struct slice s)
{
	size_t end = 0, i = 0;

	while (i < s.n && s.p[i] == '/') {
		size_t from = ++i;

		while (i < s.n && letter(s.p[i]))
			i++;
		if (i == from)
			break;
		end = i;
	}
	return end;
}

bool
bayeux_is_name(struct slice s)
{
	return s.n != 0 && segments(s) == s.n;
}

bool
bayeux_is_valid(struct slice s)
{
	struct slice rest = s;

	if (s.n == 0)
		return false;
	rest = slice_from(s, segments(s));
	return rest.n == 0 || slice_is(rest, "/*") || slice_is(rest, "/**");
}

bool
bayeux_is_meta(struct slice s)
{
	return bayeux_is_valid(s) && slice_starts(s, SLICE("/meta/"));
}

bool
bayeux_is_reserved(struct slice s)
{
	return slice_starts(s, SLICE("/meta/")) ||
	       slice_starts(s, SLICE("/service/")) || slice_is(s, "/meta") ||
	       slice_is(s, "/service");
}

bool
bayeux_is_type(struct slice s)
{
	static const char *const types[] = {"long-polling",
	    "cross-origin-long-polling", "callback-polling", "websocket",
	    "eventsource", "in-process"};

	for (size_t i = 0; i < LENGTH(types); i++)
		if (slice_is(s, types[i]))
			return true;
	return false;
}

static const char *
text_of(enum bayeux_code code)
{
	switch (code) {
	case BAYEUX_CONN_TYPE:
		return "Connection types not supported";
	case BAYEUX_UNKNOWN_CLIENT:
		return "Unknown client";
	case BAYEUX_MISSING:
		return "Missing required parameter";
	case BAYEUX_FORBIDDEN:
		return "Forbidden channel";
	case BAYEUX_INVALID:
		return "Invalid channel";
	case BAYEUX_FAILED:
		return "Failed to publish";
	case BAYEUX_TOO_LARGE:
		return "Batch too large";
	case BAYEUX_TOO_MANY:
		return "Too many";
	case BAYEUX_INTERNAL:
		return "Internal server error";
	case BAYEUX_LATER:
		return "Try again later";
	}
	return "";
}

void
bayeux_put_error(struct buf *b, enum bayeux_code code, struct slice arg)
{
	struct buf text = {0};

	buf_num(&text, code);
	buf_chr(&text, ':');
	buf_put(&text, arg);
	buf_chr(&text, ':');
	buf_str(&text, text_of(code));
	json_escape(b, buf_slice(&text));
	buf_free(&text);
}

void
bayeux_digits(char *to, unsigned n, uint64_t number)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	while (n-- != 0) {
		to[n] = digits[number % 36];
		number /= 36;
	}
}

uint32_t
bayeux_tag_of(struct slice id)
{
	uint64_t tag = 0;

	if (id.n != BAYEUX_ID)
		return 0;
	for (unsigned i = 0; i < BAYEUX_TAG; i++) {
		unsigned char k = (unsigned char)id.p[i];

		if (k >= '0' && k <= '9')
			tag = tag * 36 + (k - (unsigned)'0');
		else if (k >= 'a' && k <= 'z')
			tag = tag * 36 + 10 + (k - (unsigned)'a');
		else
			return 0;
	}
	return tag <= INT32_MAX ? (uint32_t)tag : 0;
}

/* Each letter of its own byte: 252 is 7 times 36, what is above is drawn
 * anew. */
void
bayeux_make_id(char id[BAYEUX_ID + 1], const char tag[BAYEUX_TAG])
{
	unsigned char chance[BAYEUX_ID];
	unsigned n = BAYEUX_TAG;

	memcpy(id, tag, BAYEUX_TAG);
	while (n < BAYEUX_ID) {
		crypto_random(chance, sizeof(chance));
		for (unsigned i = 0; i < sizeof(chance) && n < BAYEUX_ID; i++)
			if (chance[i] < 252)
				bayeux_digits(&id[n++], 1, chance[i]);
	}
	id[BAYEUX_ID] = '\0';
}
