/*
 * verb.h - the commands of verb.def.
 */
#ifndef COMMON_VERB_H
#define COMMON_VERB_H

#define VERB(name, number, why, ...) VERB_##name = number,
enum verb {
	VERB_none,
#include "common/verb.def"
	VERBS = 64 /* numbers are below */
};

#endif
