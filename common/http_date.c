/*
 * http_date.c - days since 1970 to a day of the calendar, by the way of whole
 * eras of 400 years, which begin with March so that the odd day comes last.
 */
#include "common/http_date.h"

enum { DAY = 86400, ERA_DAYS = 146097, SHIFT = 719468 /* from 1 March 0 */ };

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

	buf_printf(b, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
	    days + 3 * (day % 7), (unsigned)(doy - (153 * month + 2) / 5 + 1),
	    months + 3 * month, (unsigned)year, (unsigned)(s / 3600),
	    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}
