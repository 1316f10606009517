/*
 * note.c - from a head to a line of the access log.
 */
#include "ingress/note.h"

#include "common/access.h"
#include "common/must.h"
#include "ingress/door.h"
#include "ingress/request.h"

struct note {
	uint64_t began, bytes; /* us; of the answer */
	unsigned status;       /* 0: nothing was said yet */
	struct ip address;
	size_t method_n, path_n;
	char text[]; /* method, path */
};

void
note_begin(struct request *r, const struct front *f, const struct ip *ip,
    const struct http_request *h)
{
	size_t method = h != NULL ? h->method.n : 0;
	size_t path = h != NULL ? h->path.n : 0;
	struct note *n;

	if (f->access == NULL || r->note != NULL)
		return;
	n = xcalloc(1, sizeof(*n) + method + path);
	n->began = clock_us();
	n->address = *ip;
	n->method_n = method;
	n->path_n = path;
	if (h != NULL) {
		memcpy(n->text, h->method.p, method);
		memcpy(n->text + method, h->path.p, path);
	}
	r->note = n;
}

/* "HTTP/1.1 200 OK" begins every answer. */
static unsigned
status_of(const char *p, size_t n)
{
	uint64_t status;

	if (n < 12 || !slice_num((struct slice){p + 9, 3}, &status))
		return 0;
	return (unsigned)status;
}

void
note_said(struct request *r, const struct buf *out, size_t from)
{
	struct note *n = r->note;

	if (n == NULL || out->n == from)
		return;
	if (n->status == 0)
		n->status = status_of(out->p + from, out->n - from);
	n->bytes += out->n - from;
}

void
note_move(struct request *to, struct request *from)
{
	to->note = from->note;
	from->note = NULL;
}

void
note_end(struct request *r, const struct front *f)
{
	struct note *n = r->note;

	if (n == NULL)
		return;
	access_add(f->access, &(struct access_line){
				  .method = {n->text, n->method_n},
				  .path = {n->text + n->method_n, n->path_n},
				  .status = n->status,
				  .bytes = n->bytes,
				  .us = clock_us() - n->began,
				  .address = n->address,
			      });
	free(n);
	r->note = NULL;
}

void
note_handed(const struct front *f, const struct handover *way,
    const struct note_handed *how)
{
	struct access_line line = {
	    .hub = how->hub,
	    .status = how->status,
	    .bytes = how->bytes,
	    .us = how->us,
	};
	struct http_request h;
	size_t seen = 0;

	if (f->access == NULL)
		return;
	if (http_parse(way->bytes, &seen, HTTP_HEAD_MAX, &h) > 0) {
		line.method = h.method;
		line.path = h.path;
	}
	if (!ip_parse(way->address, &line.address))
		line.address = (struct ip){{0}};
	access_add(f->access, &line);
}
