/*
 * tool.c - words behind `store`, and what belongs behind each.
 */
#include "store/tool.h"

#include "common/must.h"
#include "common/options.h"
#include "store/rocks.h"
#include "store/rocks_move.h"

#include <string.h>

struct tool {
	const char *word, *behind;
	bool shards, file; /* what it needs */
	bool (*run)(const struct rocks_move *);
};

static bool
check(const struct rocks_move *m)
{
	return engine_rocks_check(m->folder, m->out);
}

/* clang-format off */
static const struct tool tools[] = {
	{"check", "DATA/rocks.NAME", false, false, check},
	{"export", "--shards 3,5-9 DATA/rocks.NAME FILE", true, true, rocks_export},
	{"import", "DATA/rocks.NAME FILE", false, true, rocks_import},
	{"drop", "--shards 3,5-9 DATA/rocks.NAME", true, false, rocks_drop},
};
/* clang-format on */

static bool
read_words(
    const struct tool *t, struct rocks_move *m, int argc, char *const *argv)
{
	int at = 2;

	if (t->shards && (argc < 4 || strcmp(argv[at++], "--shards") != 0 ||
			     !rocks_move_list(m, slice_of(argv[at++]))))
		return false;
	if (argc != at + 1 + t->file)
		return false;
	m->folder = argv[at++];
	m->file = t->file ? argv[at] : NULL;
	return true;
}

int
store_tool(int argc, char *const *argv)
{
	struct rocks_move m = {.out = stdout};
	const struct tool *t = NULL;

	for (size_t i = 0; argc > 1 && i < LENGTH(tools); i++)
		if (strcmp(argv[1], tools[i].word) == 0)
			t = &tools[i];
	if (t == NULL)
		return -1;
	if (!read_words(t, &m, argc, argv)) {
		fprintf(stderr, "usage: store %s %s\n", t->word, t->behind);
		return EXIT_SETTINGS;
	}
	return t->run(&m) ? EXIT_OK : 1;
}
