/*
 * attend_own.h - private to attend.c and attend_roster.c: who is present, and
 * what each link was told.
 */
#ifndef HUB_ATTEND_OWN_H
#define HUB_ATTEND_OWN_H

#include "hub/attend.h"

struct attendee {
	struct table_entry entry; /* by channel, user, session */
	struct list node;         /* of all, in the order they came */
	struct list parting;      /* of those gone, in the order they went */
	struct list attends;      /* who came by it */
	struct body *data;        /* NULL: none */
	uint64_t at;              /* unix ms it came with this data */
	uint64_t boot;            /* of the store that knew it; 0: none did */
	uint64_t before;          /* boot, until it is known to be taken */
	uint32_t life;  /* of the link it was said on; 0: it was not */
	uint32_t moves; /* of its shard, when it was said */
	uint32_t gone;  /* tick at which it went; 0: it is here */
	uint16_t shard, channel_n, user_n;
	uint8_t link;
	bool linger;  /* once gone: its connection was lost */
	char bytes[]; /* the key */
};

struct attends {
	struct attend_face *face;
	struct table *by_name, *rosters;
	struct list all;    /* struct attendee */
	struct list parted; /* struct attendee */
	size_t nparted;
	uint32_t ticks;      /* from 1 */
	struct list *at;     /* next of the walk; NULL: none is on */
	struct list unasked; /* struct roster */
	struct list later;   /* struct roster, unasked until the next tick */
	uint64_t ref;
	uint32_t hubs;                 /* as a store said last */
	bool retry;                    /* begin a walk at the next tick */
	uint32_t moves[ATTEND_SHARDS]; /* owners that each had */
	struct attend_link {
		uint32_t life;
		bool up, rejoining; /* not all was said again */
	} links[ATTEND_LINKS];
};

/* The link on which it can be talked about; -1: none now. */
static inline int
attend_link_of(const struct attends *a, unsigned shard)
{
	int l = a->face->link(a->face, shard);

	return l >= 0 && a->links[l].up ? l : -1;
}

/* attend_roster.c: a link is new, or the owner of a shard; what can be asked
 * is asked. */
void rosters_link(struct attends *, unsigned link);
void rosters_owner(struct attends *, unsigned shard);
void rosters_ask(struct attends *);

#endif
