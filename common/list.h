/*
 * list.h - an intrusive list: the element embeds the node.
 *
 * A head is a node that points at itself.  A node taken out points at itself
 * too, so taking it out twice is harmless and list_empty(node) tells whether
 * it is on a list.  Everything is O(1).
 */
#ifndef COMMON_LIST_H
#define COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define list_each(at, head)                                                    \
	for (struct list *at = (head)->next; at != (head); at = at->next)

/* The current element, and no other, may be taken out on the way. */
#define list_each_safe(at, head)                                               \
	for (struct list *at = (head)->next, *at##_next = at->next;            \
	     at != (head); at = at##_next, at##_next = at->next)

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void
list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Take the first element out; NULL when there is none. */
static inline struct list *
list_shift(struct list *head)
{
	struct list *first = head->next;

	if (first == head)
		return NULL;
	list_remove(first);
	return first;
}

/* All of one list goes to the end of another. */
static inline void
list_move(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#endif
