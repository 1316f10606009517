/*
 * daemon_reload.c - settings that change while clients are connected.
 */
#include "common/daemon.h"

#include "common/log.h"

#include <stdlib.h>

/* Those of every stage: */
static const char always_live[] = "log_level";

static bool
in_words(const char *words, const char *name)
{
	struct slice rest = slice_of(words != NULL ? words : ""), word;

	while (opt_word(&rest, &word))
		if (slice_is(word, name))
			return true;
	return false;
}

static void
say_changes(const struct daemon *d)
{
	const char *name;

	for (unsigned i = 0; (name = options_changed(d->options, &i)) != NULL;)
		if (in_words(d->stage->live, name) ||
		    in_words(always_live, name))
			log_info("setting", "name=%s changed=now", name);
		else
			log_warn("setting",
			    "name=%s changed=no why=\"needs a restart\"", name);
}

/* False: the settings are as they were. */
static bool
read_again(struct daemon *d, enum log_level *level)
{
	struct options *o;
	char *why = NULL, shown[LOG_VALUE];
	size_t n = 0;
	FILE *err = open_memstream(&why, &n);

	o = err != NULL ? options_again(d->options, err) : NULL;
	if (err != NULL)
		fclose(err);
	if (o == NULL)
		log_err("reload", "settings=kept why=%s",
		    log_value(shown, sizeof(shown), (struct slice){why, n}));
	free(why);
	if (o == NULL)
		return false;
	if (!log_level_named(opt_str(o, "log_level"), level)) {
		log_err("setting", "name=log_level why=\"no such level\"");
		options_back(o);
		return false;
	}
	d->options = o;
	return true;
}

void
daemon_reload(struct daemon *d)
{
	enum log_level level;
	bool again = read_again(d, &level);
	int status = EXIT_OK;

	if (again && d->stage->reload != NULL)
		status = d->stage->reload(d);
	if (again && status == EXIT_OK) {
		log_set_level(level);
		say_changes(d);
	} else if (again) {
		d->options = options_back(d->options);
	}
	log_info("reload", "status=%d", again ? status : EXIT_SETTINGS);
}
