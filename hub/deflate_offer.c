/*
 * deflate_offer.c - which offer of compression we can keep.
 *
 * Strict where the grammar is broken (RFC 6455 9.1 wants the handshake
 * refused), and merely unwilling where an offer asks for what we do not
 * have: a client lists several so that the first possible one is taken.
 */
#include "hub/deflate.h"

enum param { OUR_TAKEOVER, THEIR_TAKEOVER, OUR_WINDOW, THEIR_WINDOW, PARAMS };

static const char *const names[PARAMS] = {
    [OUR_TAKEOVER] = "server_no_context_takeover",
    [THEIR_TAKEOVER] = "client_no_context_takeover",
    [OUR_WINDOW] = "server_max_window_bits",
    [THEIR_WINDOW] = "client_max_window_bits",
};

struct offer {
	bool wanted;   /* ours by name, and possible so far */
	unsigned seen; /* bit per enum param */
	struct deflate_terms terms;
};

static const char broken[] = "malformed Sec-WebSocket-Extensions";

static bool
token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void
skip_blank(struct slice *s)
{
	while (s->n != 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
		*s = slice_from(*s, 1);
}

/* Cut one character, and the blanks around it, off the front. */
static bool
take(struct slice *s, char c)
{
	skip_blank(s);
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	skip_blank(s);
	return true;
}

static bool
take_token(struct slice *s, struct slice *token)
{
	size_t n = 0;

	while (n < s->n && token_char(s->p[n]))
		n++;
	*token = (struct slice){s->p, n};
	*s = slice_from(*s, n);
	return n != 0;
}

/* A value in quotes must be a token once they are gone, so a backslash is
 * only of use to those who test servers: such a header is refused. */
static bool
take_value(struct slice *s, struct slice *value)
{
	if (s->n == 0 || s->p[0] != '"')
		return take_token(s, value);
	*s = slice_from(*s, 1);
	if (!take_token(s, value) || s->n == 0 || s->p[0] != '"')
		return false;
	*s = slice_from(*s, 1);
	return true;
}

/* 8 to 15 without a leading zero (RFC 7692 7.1.2); 0 is none of these. */
static uint8_t
window_bits(struct slice value)
{
	uint64_t v;

	if (value.n == 0 || value.p[0] == '0' || !slice_num(value, &v))
		return 0;
	return v >= 8 && v <= DEFLATE_WINDOW_MAX ? (uint8_t)v : 0;
}

/* Weigh a parameter of a permessage-deflate offer; value.p is NULL without
 * one.  False: the offer cannot be kept. */
static bool
weigh(struct offer *o, struct slice name, struct slice value)
{
	unsigned which = 0;

	while (which < PARAMS && !slice_is(name, names[which]))
		which++;
	if (which == PARAMS || (o->seen & 1u << which) != 0)
		return false;
	o->seen |= 1u << which;
	switch ((enum param)which) {
	case OUR_WINDOW:
		o->terms.window = window_bits(value);
		o->terms.named = true;
		return o->terms.window >= DEFLATE_WINDOW_MIN;
	case THEIR_WINDOW:
		return value.p == NULL || window_bits(value) != 0;
	default:
		return value.p == NULL;
	}
}

/* Cut one extension off the list.  False: not the grammar. */
static bool
take_extension(struct slice *s, struct offer *o)
{
	struct slice name, value;

	*o = (struct offer){.terms.window = DEFLATE_WINDOW_MAX};
	if (!take_token(s, &name))
		return false;
	o->wanted = slice_is(name, "permessage-deflate");
	while (take(s, ';')) {
		value = (struct slice){NULL, 0};
		if (!take_token(s, &name))
			return false;
		if (take(s, '=') && !take_value(s, &value))
			return false;
		o->wanted = o->wanted && weigh(o, name, value);
	}
	return true;
}

const char *
deflate_choose(struct slice offers, struct deflate_terms *terms)
{
	struct offer o;

	*terms = (struct deflate_terms){0};
	for (;;) {
		while (take(&offers, ','))
			; /* RFC 9110 5.6.1: empty elements count for nothing */
		if (offers.n == 0)
			return NULL;
		if (!take_extension(&offers, &o))
			return broken;
		if (o.wanted && terms->window == 0)
			*terms = o.terms;
		if (offers.n != 0 && !take(&offers, ','))
			return broken;
	}
}

bool
deflate_answer(struct buf *b, struct deflate_terms terms)
{
	static const char fixed[] = "permessage-deflate; "
				    "server_no_context_takeover; "
				    "client_no_context_takeover";

	if (terms.window == 0)
		return true;
	if (!terms.named)
		return buf_str(b, fixed);
	return buf_printf(
	    b, "%s; server_max_window_bits=%d", fixed, terms.window);
}
