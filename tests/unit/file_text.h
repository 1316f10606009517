/* file_text.h - what a file says, for tests of what was logged. */
#ifndef TESTS_UNIT_FILE_TEXT_H
#define TESTS_UNIT_FILE_TEXT_H

#include "tests/unit/test.h"

#include <stdio.h>

/* All of it, up to 64 kB, until the next call; "" when there is none. */
static inline const char *
file_text(const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return text;
}

#endif
