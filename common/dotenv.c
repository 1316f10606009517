/*
 * dotenv.c - the .env grammar, strict enough that a typo is a message.
 *
 * The common readers of such files disagree on expansion, on quotes in the
 * middle and on values over several lines; what they disagree on is refused.
 */
#include "common/dotenv.h"

static struct slice
skip_blanks(struct slice s)
{
	while (s.n != 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	return s;
}

static bool
is_word(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

/* Nothing or a comment. */
static bool
is_over(struct slice s)
{
	s = skip_blanks(s);
	return s.n == 0 || s.p[0] == '#';
}

static void
take_plain(struct slice s, struct buf *value)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '#' &&
		    (i == 0 || s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
			s.n = i;
	buf_put(value, slice_trim(s));
}

/* s begins behind the opening quote. */
static const char *
take_quoted(struct slice s, char quote, struct buf *value)
{
	static const char from[] = "nt\"\\$", to[] = "\n\t\"\\$";
	const char *at;

	for (; s.n != 0 && s.p[0] != quote; s = slice_from(s, 1)) {
		if (quote == '\'' || s.p[0] != '\\') {
			buf_chr(value, s.p[0]);
			continue;
		}
		if (s.n < 2 || (at = memchr(from, s.p[1], 5)) == NULL)
			return "unknown escape after \\";
		buf_chr(value, to[at - from]);
		s = slice_from(s, 1);
	}
	if (s.n == 0)
		return "the quote is not closed on this line";
	if (!is_over(slice_from(s, 1)))
		return "something follows the closing quote";
	return NULL;
}

static const char *
take_pair(struct slice s, struct slice *key, struct buf *value)
{
	size_t n = 0;

	if (slice_starts(s, SLICE("export ")) ||
	    slice_starts(s, SLICE("export\t")))
		s = skip_blanks(slice_from(s, 7));
	while (n < s.n && is_word(s.p[n]))
		n++;
	*key = (struct slice){s.p, n};
	if (n == 0 || (s.p[0] >= '0' && s.p[0] <= '9'))
		return "a line is KEY=value or # comment";
	s = skip_blanks(slice_from(s, n));
	if (s.n == 0 || s.p[0] != '=')
		return "no = after the key";
	s = skip_blanks(slice_from(s, 1));
	if (s.n != 0 && (s.p[0] == '"' || s.p[0] == '\''))
		return take_quoted(slice_from(s, 1), s.p[0], value);
	take_plain(s, value);
	return NULL;
}

bool
dotenv_next(struct dotenv *d, struct slice *key, struct buf *value)
{
	struct slice line;

	while (d->error == NULL && slice_cut(&d->rest, '\n', &line)) {
		d->line++;
		if (line.n != 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n != 0 && memchr(line.p, '\0', line.n) != NULL) {
			d->error = "a NUL byte";
			return false;
		}
		if (is_over(line))
			continue;
		buf_clear(value);
		d->error = take_pair(skip_blanks(line), key, value);
		return d->error == NULL;
	}
	return false;
}
