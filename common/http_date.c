/*
 * http_date.c - strftime() would ask the locale.
 */
#include "common/http_date.h"

#include <stdio.h>
#include <time.h>

struct slice
http_date(char room[HTTP_DATE], uint64_t unix_s)
{
	static const char days[][4] = {
	    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t s = (time_t)unix_s;
	struct tm tm;

	gmtime_r(&s, &tm);
	snprintf(room, HTTP_DATE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
	    days[tm.tm_wday], (unsigned)tm.tm_mday % 100, months[tm.tm_mon],
	    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
	    (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	return (struct slice){room, HTTP_DATE - 1};
}
