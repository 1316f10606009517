/*
 * incus.h - what Incus' clients and Redis say to us, read once.
 *
 *	{"command": {"command": C, "user": U, "page": P, ...}, "message": M}
 *
 * The two names on top are taken in letters of any case, as is C; the values
 * in the inner object are strings or null, which stands for ""; M is any
 * object, passed on byte for byte.  What has no command, or one that is not
 * for this way in, is read as INCUS_NOTHING and to be ignored.  Half of a
 * surrogate pair, as browsers say it of a text that was cut, is U+FFFD.
 *
 * A struct incus is zeroed before its first use and then used again and
 * again: it keeps its memory.  What was read borrows from the input, and
 * from the struct until its next use.  Cost: one pass over the input, and
 * one over what stands in `command`.
 */
#ifndef COMMON_INCUS_H
#define COMMON_INCUS_H

#include "common/buf.h"
#include "common/channel.h"
#include "common/json.h"
#include "common/native.h"
#include "common/slice.h"

enum {
	INCUS_WORD_MAX = 4096,   /* bytes of a user, page, token ... */
	INCUS_IDS_MAX = 1 << 20, /* of registration_ids: a thousand long ones */
	INCUS_NAME_MAX = 235,    /* of a user or page within a channel */
};

enum incus_command {
	INCUS_NOTHING,
	INCUS_AUTHENTICATE,
	INCUS_MESSAGE,
	INCUS_SETPAGE,
	INCUS_SETPRESENCE,
	INCUS_PUSH, /* of a push_type */
	INCUS_PUSHIOS,
	INCUS_PUSHANDROID,
	INCUS_PUSHORMESSAGE,
};

/* Bits: a row of the table of commands says for which it is. */
enum incus_way {
	INCUS_SOCKET = 1, /* a frame: what follows the first value is ignored */
	INCUS_POLL = 2,   /* what has the wrong type counts as not there */
	INCUS_REDIS = 4,  /* exactly one value */
};

/* Strings of `command`; p is NULL where one is not there. */
enum incus_word {
	INCUS_USER, /* of authenticate it may be a number: its digits */
	INCUS_PAGE,
	INCUS_PUSH_TYPE,
	INCUS_DEVICE_TOKEN,
	INCUS_BUILD,
	INCUS_REGISTRATION_IDS,
	INCUS_CURSOR, /* of authenticate; not of the original */
	INCUS_WORDS
};

struct incus {
	enum incus_command command;
	/* Of the command in small letters, fit for the name of a metric; ""
	 * for none, "other" for one that is not fit. */
	char name[32];
	struct slice words[INCUS_WORDS];
	struct slice message; /* the object M; p is NULL when there is none */
	struct slice json;    /* the envelope without what follows it */
	struct native_fault fault; /* what was wrong; else CODE_ok */
	struct buf text, names;    /* what was unescaped, or made of it */
	struct buf mended;         /* the input, where it needed it */
};

/* Returns fault.code: CODE_ok; bad_json, also when a member comes twice;
 * bad_field for one of the wrong type, too_large for a word. */
enum code incus_read(struct incus *, struct slice json, enum incus_way);

void incus_free(struct incus *); /* and makes it a fresh one */

/*
 * Whom a message is for.  Where there is a user, his channel, and of his
 * sockets only those on the page, if there is one; else whoever is on the
 * page; else everybody.  What is there and empty reaches nobody.
 */
enum incus_to {
	INCUS_TO_NOBODY,
	INCUS_TO_ALL,
	INCUS_TO_USER,
	INCUS_TO_PAGE,
};
struct incus_route { /* borrows from the struct incus until its next use */
	enum incus_to to;
	struct slice channel;
	struct slice filter; /* of publish: the page's name, or empty */
};
struct incus_route incus_route(struct incus *);

/* Count a message by whom it is for. */
void incus_count(enum incus_to);

/* Append the name of a user or page as channels, filters and presence have
 * it: as segment.h makes it.  Nothing for an empty one. */
void incus_name(struct buf *, struct slice);

/* Append the channel of all, or of a user or page, whose name may not be
 * empty. */
void incus_channel(struct buf *, enum incus_to, struct slice name);

/* A channel as a log may have it: to know a user's name is to be him. */
struct slice incus_shown(struct slice channel);

#define INCUS_ALL         "/incus/public/all"
#define INCUS_USER_PREFIX "/incus/private/user/"
#define INCUS_PAGE_PREFIX "/incus/public/page/"
#define INCUS_PRESENCE    "/incus/presence/users"
#define INCUS_CONTROL     "/incus/meta/control"

#endif
