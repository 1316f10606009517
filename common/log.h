/*
 * log.h - one line per event, in logfmt, for people and for grep.
 *
 *	ts=2026-11-20T19:07:00.123Z level=info stage=hub.1 event=listening
 *	port=4000			(one line, one write)
 *
 * An event is a literal word; what follows comes from a printf format that
 * yields key=value pairs.  Bytes of strangers pass through log_value() first.
 * Of one event 10 lines pass in 10 s; the next one to pass, or log_tick(),
 * says how many were suppressed.  Any thread may log.  Before log_open() lines
 * of level info and above go to stderr.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/slice.h"

enum log_level { LEVEL_ERR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

/* dest is "stderr", "stdout" or the path of a file to append to; copies both.
 * -1 with errno when the file cannot be opened: the log stays where it was. */
int log_open(const char *stage, const char *dest, enum log_level);
int log_reopen(void); /* SIGUSR1: the file may have been renamed */
void log_close(void); /* says what is still suppressed; back to stderr */

/* "err", "warn", "info" or "debug". */
bool log_level_named(const char *name, enum log_level *);
bool log_enabled(enum log_level);

/* Whether lines begin with YYYY/MM/DD HH:MM:SS of local time instead of ts=, as
 * Go's programs log.  "logfmt" or "go". */
enum log_layout { LAYOUT_LOGFMT, LAYOUT_GO };
bool log_layout_named(const char *name, enum log_layout *);
void log_set_layout(enum log_layout); /* until log_close() */

/* A line of text for whoever reads such a log; nothing in the other layout.  It
 * is of level info. */
void log_go(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void log_set_level(enum log_level);

void log_err(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_debug(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Once a second or so: tell what was suppressed in windows that ended. */
void log_tick(void);

enum { LOG_VALUE = 128 }; /* a good size for out */

/* Any bytes as one value: quoted where needed, control characters, quotes
 * and bytes that are no UTF-8 escaped, cut to n - 1 bytes with "..." at the
 * end.  n is at least 8.  Returns out, for use among printf's arguments. */
const char *log_value(char *out, size_t n, struct slice);

/* For tests: unix time in ms; NULL is the real one again. */
void log_clock(uint64_t (*now_ms)(void));

#endif
