/*
 * option_value.c - 64k, 500ms and yes, read and written in one place.
 */
#include "common/option_value.h"

#include "common/must.h"

#include <strings.h>

struct unit {
	const char *name;
	uint64_t is;
};

/* Largest first: what is shown takes the first that divides. */
static const struct unit bytes[] = {
    {"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}, {NULL, 0}};
static const struct unit times[] = {{"d", 86400000}, {"h", 3600000},
    {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static const struct {
	const char *what;
	const struct unit *units;
} kinds[] = {
    [OPT_STR] = {"a text", plain},
    [OPT_NUM] = {"a number", plain},
    [OPT_BOOL] = {"1, 0, true, false, yes, no, on or off", plain},
    [OPT_BYTES] = {"a size as 4096, 64k, 16m or 1g", bytes},
    [OPT_TIME] = {"a time as 500ms, 5s, 2m, 1h or 7d", times},
    [OPT_LIST] = {"a list", plain},
    [OPT_SECRET] = {"a text", plain},
};

static bool
parse_units(const struct unit *units, struct slice s, uint64_t *num)
{
	size_t digits = 0;
	struct slice unit;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	unit = slice_from(s, digits);
	if (!slice_num((struct slice){s.p, digits}, num))
		return false;
	if (*num == 0 && unit.n == 0)
		return true; /* nothing needs no unit */
	for (; units->name != NULL; units++) {
		if (unit.n != strlen(units->name) ||
		    strncasecmp(unit.p, units->name, unit.n) != 0)
			continue;
		if (*num > UINT64_MAX / units->is)
			return false;
		*num *= units->is;
		return true;
	}
	return false;
}

static bool
parse_bool(const char *text, uint64_t *num)
{
	static const char *const words[] = {
	    "0", "1", "false", "true", "no", "yes", "off", "on"};

	for (unsigned i = 0; i < LENGTH(words); i++) {
		if (strcasecmp(text, words[i]) != 0)
			continue;
		*num = i % 2;
		return true;
	}
	return false;
}

static bool
parse(const struct option *row, const char *text, uint64_t *num)
{
	struct slice rest = slice_of(text), word;

	switch (row->kind) {
	case OPT_BOOL:
		return parse_bool(text, num);
	case OPT_NUM:
	case OPT_BYTES:
	case OPT_TIME:
		return parse_units(kinds[row->kind].units, rest, num);
	case OPT_LIST:
		for (*num = 0; opt_word(&rest, &word);)
			++*num;
		return true;
	case OPT_STR:
	case OPT_SECRET:
		break;
	}
	*num = rest.n;
	return true;
}

static void
put_units(const struct unit *units, uint64_t num, struct buf *out)
{
	while (units[1].name != NULL && (num == 0 || num % units->is != 0))
		units++;
	buf_num(out, num / units->is);
	buf_str(out, units->name);
}

void
option_range(const struct option *row, struct buf *out)
{
	const struct unit *units = kinds[row->kind].units;

	if (row->kind == OPT_BOOL || (row->min == 0 && row->max == 0))
		return;
	put_units(units, row->min, out);
	buf_str(out, "..");
	if (row->max != 0)
		put_units(units, row->max, out);
}

bool
option_parse(
    const struct option *row, const char *text, uint64_t *num, struct buf *why)
{
	if (!parse(row, text, num)) {
		buf_printf(why, "must be %s", kinds[row->kind].what);
		return false;
	}
	if (row->kind == OPT_BOOL ||
	    (*num >= row->min && (row->max == 0 || *num <= row->max)))
		return true;
	if (row->kind == OPT_LIST)
		buf_str(why, "the number of its words");
	else if (row->kind == OPT_STR || row->kind == OPT_SECRET)
		buf_str(why, "its length in bytes");
	else
		buf_str(why, "it");
	buf_str(why, " must be in ");
	option_range(row, why);
	return false;
}

bool
opt_word(struct slice *rest, struct slice *word)
{
	size_t n = 0;

	while (rest->n != 0 && strchr(" \t\n,", rest->p[0]) != NULL)
		*rest = slice_from(*rest, 1);
	while (n < rest->n && strchr(" \t\n,", rest->p[n]) == NULL)
		n++;
	*word = (struct slice){rest->p, n};
	*rest = slice_from(*rest, n);
	return n != 0;
}
