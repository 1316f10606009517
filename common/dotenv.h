/*
 * dotenv.h - KEY=value lines, as they stand in a file named .env.
 *
 *	# a comment
 *	KEY=plain value		# up to the comment, without outer spaces
 *	export KEY='as it stands'
 *	KEY="with \n \t \" \\ \$ escapes"
 *
 * A value ends with its line.  Nothing is expanded: a $ is a $.
 */
#ifndef COMMON_DOTENV_H
#define COMMON_DOTENV_H

#include "common/buf.h"
#include "common/slice.h"

/* Start with { .rest = the text }, which is borrowed. */
struct dotenv {
	struct slice rest;
	unsigned line;     /* of the pair returned last, from 1 */
	const char *error; /* what is wrong with that line; NULL: nothing */
};

/* The next pair: key is borrowed, value replaces what the buf held.  False at
 * the end and at the first error. */
bool dotenv_next(struct dotenv *, struct slice *key, struct buf *value);

#endif
