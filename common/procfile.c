/*
 * procfile.c - reads Procfiles and formations.
 *
 * Other tools pass over lines they do not understand; here they are an
 * error with a line number, because a stage that silently never runs is the
 * worst kind of typing mistake.
 */
#include "common/procfile.h"

static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z') &&
		    (c < '0' || c > '9') && c != '_' && c != '-')
			return false;
	}
	return s.n != 0;
}

static struct procfile_line *
find(struct procfile *f, struct slice name)
{
	for (size_t i = 0; i < f->n; i++) {
		if (slice_eq(f->lines[i].name, name))
			return &f->lines[i];
	}
	return NULL;
}

static const char *
add(struct procfile *f, struct slice line)
{
	struct slice command = line, name;

	slice_cut(&command, ':', &name);
	command = slice_trim(command);
	if (!is_name(name))
		return "no `name: command`";
	if (name.n > PROCFILE_NAME)
		return "the name has more than 32 bytes";
	if (slice_is(name, "all") || slice_is(name, "up"))
		return "`all` and `up` cannot be names";
	if (command.n == 0)
		return "no command behind the name";
	if (memchr(command.p, '\0', command.n) != NULL)
		return "a NUL in the command";
	if (find(f, name) != NULL)
		return "the name was used before";
	if (f->n == PROCFILE_LINES)
		return "more than 64 commands";
	f->lines[f->n++] = (struct procfile_line){name, command, 1};
	return NULL;
}

const char *
procfile_parse(struct procfile *f, struct slice text)
{
	struct slice line;
	const char *error = NULL;

	*f = (struct procfile){.n = 0};
	while (error == NULL && slice_cut(&text, '\n', &line)) {
		f->at++;
		if (line.n != 0 && line.p[line.n - 1] == '\r')
			line.n--;
		line = slice_trim(line);
		if (line.n != 0 && line.p[0] != '#')
			error = add(f, line);
	}
	return error == NULL && f->n == 0 ? "no command at all" : error;
}

static const char *
form(struct procfile *f, struct slice item)
{
	struct slice count = item, name;
	struct procfile_line *line;
	uint64_t n;

	slice_cut(&count, '=', &name);
	name = slice_trim(name);
	if (count.p == NULL || !slice_num(slice_trim(count), &n))
		return "no `name=number`";
	if (n > PROCFILE_COUNT)
		return "more than 256 of one";
	if (slice_is(name, "all")) {
		for (size_t i = 0; i < f->n; i++)
			f->lines[i].count = (unsigned)n;
		return NULL;
	}
	if ((line = find(f, name)) == NULL)
		return "no such name in the Procfile";
	line->count = (unsigned)n;
	return NULL;
}

const char *
procfile_form(struct procfile *f, struct slice formation)
{
	struct slice item;
	const char *error = NULL;

	if (slice_trim(formation).n == 0)
		return NULL;
	while (error == NULL && slice_cut(&formation, ',', &item)) {
		f->culprit = item;
		error = form(f, item);
	}
	return error;
}

bool
procfile_plain(struct slice command)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+./,:@%= \t";
	bool first = true; /* word, where NAME=value is the shell's business */

	for (size_t i = 0; i < command.n; i++) {
		char c = command.p[i];

		if (memchr(plain, c, sizeof(plain) - 1) == NULL)
			return false;
		if (c == '=' && first)
			return false;
		first = first && c != ' ' && c != '\t';
	}
	return true;
}
