/*
 * test.h - cmocka and the one line a unit test needs of it.
 *
 * A test file ends in TESTS(unit(a_sentence), unit(another)).
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/slice.h"

/* clang-format off */
#define unit(f) cmocka_unit_test(f)
#define TESTS(...)                                                             \
	int main(void)                                                         \
	{                                                                      \
		const struct CMUnitTest tests[] = { __VA_ARGS__ };             \
		return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL); \
	}
/* clang-format on */

/* A copy in a block of exactly its size, so that the sanitizer sees a parser
 * read past the end.  The caller frees p. */
static inline struct slice
exact(const char *p, size_t n)
{
	char *copy = malloc(n != 0 ? n : 1);

	if (n != 0)
		memcpy(copy, p, n);
	return (struct slice){copy, n};
}

#endif
