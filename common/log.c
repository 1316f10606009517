/*
 * log.c - events become lines; a flood becomes a number.
 *
 * One write(2) per line, so that lines of several threads and of several
 * processes on one file never mix.  A line that cannot be written is lost:
 * no stage stops because a disk is full.  The state is file-wide on purpose
 * (the log is the one thing every function may need) and behind one mutex.
 */
#include "common/log.h"

#include "common/must.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE = 2048,    /* bytes; what is longer is cut and says so */
	EVENTS = 64,    /* limited at once; the quietest makes room */
	BURST = 10,     /* lines of one event in a window */
	WINDOW = 10000, /* ms */
	NAME = 48,      /* of an event or a stage */
};

static const char *const levels[] = {"err", "warn", "info", "debug"};

struct limit {
	char event[NAME]; /* "" is a free row */
	enum log_level level;
	uint64_t since; /* ms; of this window */
	unsigned passed, suppressed;
};

static struct {
	pthread_mutex_t lock;
	char stage[NAME];
	char *path; /* NULL: fd is not ours */
	int fd;
	_Atomic enum log_level level;
	_Atomic enum log_layout layout;
	uint64_t (*now)(void);
	struct limit limits[EVENTS];
} state = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .stage = "-",
    .fd = STDERR_FILENO,
    .level = LEVEL_INFO,
};

struct line {
	size_t n;
	char p[LINE];
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	if (state.now != NULL)
		return state.now();
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
put_time(struct line *l, uint64_t now)
{
	time_t s = (time_t)(now / 1000);
	struct tm tm;

	if (state.layout == LAYOUT_GO) {
		localtime_r(&s, &tm);
		l->n = strftime(l->p, sizeof(l->p), "%Y/%m/%d %H:%M:%S", &tm);
		return;
	}
	gmtime_r(&s, &tm);
	l->n = strftime(l->p, sizeof(l->p), "ts=%Y-%m-%dT%H:%M:%S", &tm);
	l->n += (size_t)snprintf(
	    l->p + l->n, sizeof(l->p) - l->n, ".%03uZ", (unsigned)(now % 1000));
}

static void
begin(struct line *l, enum log_level level, const char *event, uint64_t now)
{
	put_time(l, now);
	l->n += (size_t)snprintf(l->p + l->n, sizeof(l->p) - l->n,
	    " level=%s stage=%s event=%.*s", levels[level], state.stage,
	    NAME - 1, event);
}

/* A careless format must not make two lines, nor colour a terminal. */
static void
flatten(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			p[i] = '?';
}

static void
add_pairs(struct line *l, const char *fmt, va_list args)
{
	static const char cut[] = "...\" truncated=1";
	size_t room = sizeof(l->p) - l->n - sizeof(cut) - 32;
	int n;

	if (fmt == NULL || fmt[0] == '\0')
		return;
	l->p[l->n++] = ' ';
	n = vsnprintf(l->p + l->n, room, fmt, args);
	if (n < 0)
		return;
	if ((size_t)n < room) {
		flatten(l->p + l->n, (size_t)n);
		l->n += (size_t)n;
		return;
	}
	flatten(l->p + l->n, room - 1);
	l->n += room - 1;
	memcpy(l->p + l->n, cut, sizeof(cut) - 1);
	l->n += sizeof(cut) - 1;
}

static void
end(struct line *l, unsigned suppressed)
{
	if (suppressed != 0)
		l->n += (size_t)snprintf(l->p + l->n, sizeof(l->p) - l->n,
		    " suppressed=%u", suppressed);
	l->p[l->n++] = '\n';
	while (write(state.fd, l->p, l->n) < 0 && errno == EINTR)
		;
}

/* The window is over: say what it swallowed, and free the row. */
static void
settle(struct limit *lim, uint64_t now)
{
	struct line l;

	if (lim->suppressed != 0) {
		begin(&l, lim->level, lim->event, now);
		end(&l, lim->suppressed);
	}
	lim->event[0] = '\0';
}

static bool
is_over(const struct limit *lim, uint64_t now)
{
	return now < lim->since || now - lim->since >= WINDOW;
}

/* The row of an event; a new one takes a free row or the oldest. */
static struct limit *
limit_of(const char *event, uint64_t now)
{
	struct limit *best = &state.limits[0];

	for (unsigned i = 0; i < EVENTS; i++) {
		struct limit *lim = &state.limits[i];

		if (strncmp(lim->event, event, NAME - 1) == 0)
			return lim;
		if (best->event[0] != '\0' &&
		    (lim->event[0] == '\0' || lim->since < best->since))
			best = lim;
	}
	if (best->event[0] != '\0')
		settle(best, now);
	*best = (struct limit){.since = now};
	snprintf(best->event, sizeof(best->event), "%s", event);
	return best;
}

static void
log_event(enum log_level level, const char *event, const char *fmt, va_list ap)
{
	int kept = errno; /* callers log before they return their errno */
	unsigned suppressed = 0;
	struct limit *lim;
	struct line l;
	uint64_t now;

	if (level > state.level)
		return;
	pthread_mutex_lock(&state.lock);
	now = now_ms();
	lim = limit_of(event, now);
	if (is_over(lim, now)) {
		suppressed = lim->suppressed;
		lim->since = now;
		lim->passed = lim->suppressed = 0;
	}
	lim->level = level;
	if (lim->passed < BURST) {
		lim->passed++;
		begin(&l, level, event, now);
		add_pairs(&l, fmt, ap);
		end(&l, suppressed);
	} else {
		lim->suppressed++;
	}
	pthread_mutex_unlock(&state.lock);
	errno = kept;
}

#define DEFINE(name, level)                                                    \
	void name(const char *event, const char *fmt, ...)                     \
	{                                                                      \
		va_list args;                                                  \
                                                                               \
		va_start(args, fmt);                                           \
		log_event(level, event, fmt, args);                            \
		va_end(args);                                                  \
	}

DEFINE(log_err, LEVEL_ERR)
DEFINE(log_warn, LEVEL_WARN)
DEFINE(log_info, LEVEL_INFO)
DEFINE(log_debug, LEVEL_DEBUG)

void
log_go(const char *fmt, ...)
{
	struct line l;
	va_list args;

	if (state.layout != LAYOUT_GO || !log_enabled(LEVEL_INFO))
		return;
	va_start(args, fmt);
	pthread_mutex_lock(&state.lock);
	put_time(&l, now_ms());
	add_pairs(&l, fmt, args);
	end(&l, 0);
	pthread_mutex_unlock(&state.lock);
	va_end(args);
}

void
log_tick(void)
{
	uint64_t now;

	pthread_mutex_lock(&state.lock);
	now = now_ms();
	for (unsigned i = 0; i < EVENTS; i++)
		if (state.limits[i].event[0] != '\0' &&
		    is_over(&state.limits[i], now))
			settle(&state.limits[i], now);
	pthread_mutex_unlock(&state.lock);
}

static int
open_path(const char *path)
{
	return open(
	    path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

/* Under the lock.  Takes path, which may be NULL. */
static void
switch_to(int fd, char *path)
{
	if (state.path != NULL)
		close(state.fd);
	free(state.path);
	state.fd = fd;
	state.path = path;
}

int
log_open(const char *stage, const char *dest, enum log_level level)
{
	char *path = NULL;
	int fd;

	if (strcmp(dest, "stderr") == 0) {
		fd = STDERR_FILENO;
	} else if (strcmp(dest, "stdout") == 0) {
		fd = STDOUT_FILENO;
	} else {
		if ((fd = open_path(dest)) < 0)
			return -1;
		path = xstrdup(dest);
	}
	pthread_mutex_lock(&state.lock);
	switch_to(fd, path);
	snprintf(state.stage, sizeof(state.stage), "%s", stage);
	state.level = level;
	pthread_mutex_unlock(&state.lock);
	return 0;
}

int
log_reopen(void)
{
	int rc = 0, fd;

	pthread_mutex_lock(&state.lock);
	if (state.path != NULL) {
		if ((fd = open_path(state.path)) < 0) {
			rc = -1;
		} else {
			close(state.fd);
			state.fd = fd;
		}
	}
	pthread_mutex_unlock(&state.lock);
	return rc;
}

void
log_close(void)
{
	uint64_t now;

	pthread_mutex_lock(&state.lock);
	now = now_ms();
	for (unsigned i = 0; i < EVENTS; i++)
		if (state.limits[i].event[0] != '\0')
			settle(&state.limits[i], now);
	switch_to(STDERR_FILENO, NULL);
	state.level = LEVEL_INFO;
	state.layout = LAYOUT_LOGFMT;
	pthread_mutex_unlock(&state.lock);
}

void
log_set_level(enum log_level level)
{
	state.level = level;
}

bool
log_level_named(const char *name, enum log_level *level)
{
	for (unsigned i = 0; i < LENGTH(levels); i++) {
		if (strcmp(name, levels[i]) != 0)
			continue;
		*level = (enum log_level)i;
		return true;
	}
	return false;
}

bool
log_layout_named(const char *name, enum log_layout *layout)
{
	*layout = strcmp(name, "go") == 0 ? LAYOUT_GO : LAYOUT_LOGFMT;
	return *layout == LAYOUT_GO || strcmp(name, "logfmt") == 0;
}

void
log_set_layout(enum log_layout layout)
{
	state.layout = layout;
}

bool
log_enabled(enum log_level level)
{
	return level <= state.level;
}

void
log_clock(uint64_t (*now)(void))
{
	state.now = now;
}
