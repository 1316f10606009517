/*
 * note.c - one line for each connection that was a hub's.
 *
 * Method and path are those of its last request; a poll that asks again and
 * again is one line with the number of its requests.
 */
#include "hub/note.h"

#include "common/access.h"
#include "common/must.h"
#include "hub/conn.h"

struct conn_note {
	uint64_t began, bytes, requests; /* us */
	struct ip address;
	uint8_t method_n, path_n;
	char method[16], path[96]; /* ours are shorter; others are cut */
};

void
conn_note_begin(struct conn *c, const struct ip *ip)
{
	c->note = xcalloc(1, sizeof(*c->note));
	c->note->began = clock_us();
	c->note->address = *ip;
}

void
conn_note_told(struct conn *c, const struct ip *ip)
{
	c->note->address = *ip;
}

static uint8_t
keep(char *to, size_t room, struct slice s)
{
	if (s.n > room)
		s.n = room;
	memcpy(to, s.p, s.n);
	return (uint8_t)s.n;
}

void
conn_note_request(struct conn *c, const struct http_request *r)
{
	struct conn_note *n = c->note;

	n->requests++;
	n->method_n = keep(n->method, sizeof(n->method), r->method);
	n->path_n = keep(n->path, sizeof(n->path), r->path);
}

void
conn_note_wrote(struct conn *c, size_t n)
{
	c->note->bytes += n;
}

void
conn_note_passed(struct conn *c)
{
	if (c->note->bytes != 0)
		return;
	free(c->note);
	c->note = NULL;
}

void
conn_note_end(struct conn *c)
{
	struct conn_note *n = c->note;

	if (n == NULL)
		return;
	access_add(c->hub->d.access, &(struct access_line){
					 .method = {n->method, n->method_n},
					 .path = {n->path, n->path_n},
					 .requests = n->requests,
					 .bytes = n->bytes,
					 .us = clock_us() - n->began,
					 .address = n->address,
				     });
	free(n);
	c->note = NULL;
}
