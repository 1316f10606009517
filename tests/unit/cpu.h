/*
 * cpu.h - how long this process has computed, for tests of what something must
 * not cost: unlike the clock it does not run on while others compute.
 */
#ifndef TESTS_UNIT_CPU_H
#define TESTS_UNIT_CPU_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

#endif
