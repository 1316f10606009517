/* incus_sets_model_test.c - a Redis has what is so in the end, whatever became
 * of the asks. */
#include "tests/unit/incus_sets_world.h"

static uint64_t chance;

static unsigned
any(unsigned n)
{
	chance = chance * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(chance >> 33) % n;
}

static unsigned
word(const char **at)
{
	char *end, number[16] = "";
	unsigned long n = strtoul(*at, &end, 10);

	assert_int_equal(*end, ':');
	assert_in_range(n, 1, sizeof(number) - 1);
	memcpy(number, end + 1, n);
	*at = end + 1 + n;
	return (unsigned)strtoul(number + (number[0] == 'u'), NULL, 10);
}

/* Do what was asked, as the scripts of verb.def would; what is answered. */
static unsigned
redis_does(struct world *w, const char *field, const char *value)
{
	char life[32];
	unsigned long long done, number;
	int n = sscanf(field, "%31[0-9a-f]:%llu:%llu", life, &done, &number);

	if (n == 1) {
		w->has = (struct redis_has){.last = 0};
		memcpy(w->has.life, life, sizeof(life));
		return 0;
	}
	assert_int_equal(n, 3);
	if (strcmp(life, w->has.life) != 0 || w->has.last < done)
		return 0;
	if (w->has.last >= number)
		return 1;
	w->has.last = number;
	while (*value != '\0') {
		unsigned user = word(&value);

		assert_in_range(user, 0, NAMES - 1);
		w->has.sockets[user] = word(&value);
	}
	return 1;
}

/* An ask that is on its way for long, and may be done much later. */
struct late {
	char field[128];
	char *value;
};

static void
any_fate(struct world *w, struct late *late)
{
	char said[16];

	if (any(8) == 0 && late->value == NULL) {
		memcpy(late->field, w->field, sizeof(late->field));
		late->value = strdup(w->value.p);
		incus_sets_lost(w->sets);
		return;
	}
	if (any(6) == 0) { /* not done, and that is known or not */
		answer_with(w, any(2) ? CODE_unavailable : CODE_timeout, "");
		return;
	}
	snprintf(said, sizeof(said), "%u", redis_does(w, w->field, w->value.p));
	if (any(6) == 0)
		incus_sets_lost(w->sets);
	else
		answer_with(w, CODE_ok, said);
}

static void
what_is_late_is_done(struct world *w, struct late *late)
{
	if (late->value != NULL)
		redis_does(w, late->field, late->value);
	free(late->value);
	late->value = NULL;
}

static void
redis_has_what_is_so_in_the_end(void **state)
{
	struct world *w = *state;
	struct incus_stay *stays[200] = {NULL};
	unsigned is[NAMES] = {0}, user[LENGTH(stays)], answered = 0;
	struct late late = {.value = NULL};
	char name[16];

	chance = 42;
	for (unsigned step = 0; step < 60000; step++) {
		unsigned i = any(LENGTH(stays));

		if (stays[i] != NULL) {
			is[user[i]]--;
			incus_stay_end(w->sets, &stays[i]);
		} else if (any(3) == 0) {
			is[user[i] = any(NAMES)]++;
			snprintf(name, sizeof(name), "%u", user[i]);
			stays[i] = come(w, name);
		}
		w->away = any(50) == 0;
		pass(w, any(300));
		if (w->asks != answered) {
			answered = w->asks;
			any_fate(w, &late);
		}
		if (any(40) == 0)
			what_is_late_is_done(w, &late);
		if (any(500) == 0) /* a copy is made, or taken */
			w->had = w->has;
		if (any(2000) == 0)
			w->has = w->had;
		if (any(5000) == 0)
			w->has = (struct redis_has){.last = 0};
	}
	what_is_late_is_done(w, &late);
	w->has = w->had;
	w->away = false;
	for (unsigned quiet = 0; quiet < 200; quiet++) {
		pass(w, 250);
		if (w->asks == answered)
			continue;
		answered = w->asks;
		snprintf(name, sizeof(name), "%u",
		    redis_does(w, w->field, w->value.p));
		answer_with(w, CODE_ok, name);
	}
	for (unsigned i = 0; i < NAMES; i++)
		assert_int_equal(w->has.sockets[i], is[i]);
	assert_true(stats_get(STAT_incus_sets_begun) > 5);
	for (unsigned i = 0; i < LENGTH(stays); i++)
		incus_stay_end(w->sets, &stays[i]);
}

TESTS(story(redis_has_what_is_so_in_the_end))
