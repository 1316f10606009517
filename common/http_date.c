/*
 * http_date.c - days since 1970 to a day of the calendar, by the way of whole
 * eras of 400 years, which begin with March so that the odd day comes last.
 */
#include "common/http_date.h"

#include <string.h>

enum { DAY = 86400, ERA_DAYS = 146097, SHIFT = 719468 /* from 1 March 0 */ };

static void
put_two(char *at, uint64_t n)
{
	at[0] = (char)('0' + n / 10 % 10);
	at[1] = (char)('0' + n % 10);
}

/* Digit by digit: a poll's answer has one, and printf was a third of it. */
void
http_date(struct buf *b, uint64_t unix_s)
{
	static const char days[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
	uint64_t day = unix_s / DAY, s = unix_s % DAY;
	uint64_t n = day + SHIFT, era = n / ERA_DAYS, doe = n % ERA_DAYS;
	uint64_t yoe =
	    (doe - doe / 1460 + doe / 36524 - doe / (ERA_DAYS - 1)) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t month = (5 * doy + 2) / 153; /* 0 is March */
	uint64_t year = era * 400 + yoe + (month >= 10);

	char text[] = "Thu, 01 Jan 1970 00:00:00 GMT";

	memcpy(text, days + 3 * (day % 7), 3);
	put_two(text + 5, doy - (153 * month + 2) / 5 + 1);
	memcpy(text + 8, months + 3 * month, 3);
	put_two(text + 12, year / 100);
	put_two(text + 14, year);
	put_two(text + 17, s / 3600);
	put_two(text + 20, s / 60 % 60);
	put_two(text + 23, s % 60);
	buf_str(b, text);
}
