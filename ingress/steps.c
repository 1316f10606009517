/*
 * steps.c - one question at a time, and one answer in the end.
 */
#include "ingress/steps.h"

#include "common/must.h"

static void
scan_row(struct ask *a, const struct msg *m)
{
	struct steps *s = container_of(a, struct steps, a);

	s->row(s, &m->row);
}

static void
scan_end(struct ask *a, const struct msg *m)
{
	struct steps *s = container_of(a, struct steps, a);

	s->more = m->scan_end.more != 0;
	s->next(s);
}

void
steps_init(
    struct steps *s, const struct request_kind *kind, struct front *front)
{
	*s = (struct steps){.a = {.r.kind = kind,
				.front = front,
				.row = scan_row,
				.end = scan_end}};
}

void
steps_end(struct steps *s)
{
	ticket_forget(&s->ticket);
	ask_end(&s->a);
}

void
steps_done(struct steps *s)
{
	ask_done(&s->a);
}

void
steps_scan(struct steps *s, const struct msg_scan *scan,
    void (*row)(struct steps *, const struct msg_row *),
    void (*next)(struct steps *))
{
	struct msg m = {.id = MSG_scan, .scan = *scan};

	s->row = row;
	s->next = next;
	if (!ask_home(&s->a, scan->home, &m))
		ask_refuse(&s->a, CODE_unavailable, NULL, NULL);
}

static void
written(struct ticket *t, const struct msg_published *got)
{
	struct steps *s = container_of(t, struct steps, ticket);

	if (got->code != CODE_ok)
		ask_refuse(&s->a, (enum code)got->code, NULL, NULL);
	else if (!s->a.done)
		s->next(s);
}

void
steps_write(struct steps *s, struct msg *m, void (*next)(struct steps *))
{
	struct front *f = s->a.front;

	if (!front_has_room(f, msg_home(m))) {
		ask_refuse(&s->a,
		    bus_shards(f->bus) == 0 ? CODE_unavailable : CODE_busy,
		    NULL, NULL);
		return;
	}
	s->next = next;
	s->ticket = (struct ticket){.answered = written};
	bus_publish(f->bus, m, &s->ticket);
}
