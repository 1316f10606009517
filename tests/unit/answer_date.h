/*
 * answer_date.h - every head of an answer says when it was made, once, and as
 * RFC 9110 5.6.7 wants it.
 */
#ifndef TESTS_UNIT_ANSWER_DATE_H
#define TESTS_UNIT_ANSWER_DATE_H

#include "tests/unit/test.h"

#include <time.h>

enum {
	DATE_LINE = sizeof("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n") - 1,
	DATE_OLD = 60, /* s: a machine may be slow */
};

/* The moment of that line, which must be spelt as it should. */
static inline time_t
date_read(const char *line)
{
	char again[DATE_LINE + 1];
	struct tm tm = {.tm_year = 0};
	const char *end = strptime(line, "Date: %a, %d %b %Y %T GMT", &tm);
	time_t t = timegm(&tm);

	if (end != line + DATE_LINE - 2)
		fail_msg("no date: %s", line);
	gmtime_r(&t, &tm);
	strftime(again, sizeof(again), "Date: %a, %d %b %Y %T GMT\r\n", &tm);
	assert_memory_equal(line, again, DATE_LINE);
	return t;
}

/* Look at the one Date in a head, and take it out: what is left is known byte
 * for byte. */
static inline char *
date_cut(char *head)
{
	char *line = strstr(head, "\r\nDate: ");
	time_t now = time(NULL), t;

	if (line == NULL)
		fail_msg("no Date in: %s", head);
	line += 2;
	t = date_read(line);
	assert_true(t <= now + 1 && t > now - DATE_OLD);
	memmove(line, line + DATE_LINE, strlen(line + DATE_LINE) + 1);
	assert_null(strstr(head, "\r\nDate:"));
	return head;
}

#endif
