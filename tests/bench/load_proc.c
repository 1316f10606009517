/*
 * load_proc.c - what the processes under test use of CPU and memory.
 *
 * Read at the two ends of a measurement, so that the table can name the
 * process that had no CPU left.
 */
#include "tests/bench/load.h"

#include <unistd.h>

/* "hub=12,store=34" */
void
procs_parse(struct load *l)
{
	struct slice rest = slice_of(l->opt.pids != NULL ? l->opt.pids : "");
	struct slice part, name;
	struct proc *p;

	l->procs[l->nprocs++] = (struct proc){"load generator", getpid()};
	while (rest.n != 0 && slice_cut(&rest, ',', &part)) {
		if (!slice_cut(&part, '=', &name) || part.n == 0)
			die("--pids wants name=pid,...");
		must(l->nprocs < PROCS);
		p = &l->procs[l->nprocs++];
		snprintf(p->name, sizeof(p->name), "%.*s", SLICE_ARGS(name));
		p->pid = (int)strtol(part.p, NULL, 10);
	}
}

double
proc_cpu(int pid)
{
	char path[64], text[1024], *at;
	unsigned long user = 0, kernel = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	if ((at = strrchr(text, ')')) == NULL ||
	    sscanf(at + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
		" %lu %lu",
		&user, &kernel) != 2)
		return 0;
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

uint64_t
proc_memory(int pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	if ((f = fopen(path, "r")) == NULL)
		die("cannot read %s", path);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Rss: %lu kB", &kib) == 1)
			break;
	fclose(f);
	return (uint64_t)kib * 1024;
}

double
core_idle(void)
{
	unsigned long idle = 0, waiting = 0;
	char line[256];
	FILE *f = fopen("/proc/stat", "r");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "cpu0 %*u %*u %*u %lu %lu", &idle, &waiting) ==
		    2)
			break;
	fclose(f);
	return (double)(idle + waiting) / (double)sysconf(_SC_CLK_TCK);
}
