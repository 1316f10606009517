/*
 * rowfile.c - blocks of rows: length, rows, hash.
 *
 *	file    "posthorn rows", version, 2 bytes of 0; blocks
 *	block   length (4), rows, hash (8): of the hash before, and the rows
 *	row     kind, length, key, length, value
 *	last    kind END, no key, the number of rows before; then nothing more
 *
 * Numbers of a fixed length are little-endian, others take a byte for each 7
 * bits.
 */
#include "store/rowfile.h"

#include "common/buf.h"
#include "common/hash.h"
#include "common/must.h"
#include "store/folder.h"
#include "store/rocks_row.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	PATH = 4096,
	MAGIC = 16,
	SUM = 8,
	BLOCK = 64 << 10,      /* written when it is that large */
	BLOCK_MOST = 64 << 20, /* a row may be that large; read no larger */
	END = 255,
};

static const char magic[MAGIC] = "posthorn rows\1";

struct rowfile_out {
	FILE *file;
	char *path, *part;
	struct buf block; /* its first bytes are the hash before */
	uint64_t rows;
	int why; /* errno of the first failure */
};

struct rowfile_in {
	FILE *file;
	struct buf block; /* likewise */
	struct slice rest;
	uint64_t rows;
};

static void
put_fixed(char *to, uint64_t n, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (char)(n >> 8 * i);
}

static uint64_t
get_fixed(const char *at, unsigned bytes)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < bytes; i++)
		n |= (uint64_t)(unsigned char)at[i] << 8 * i;
	return n;
}

static void
begin_block(struct buf *block, uint64_t hash)
{
	char sum[SUM];

	put_fixed(sum, hash, SUM);
	buf_clear(block);
	buf_add(block, sum, SUM);
}

static void
write_bytes(struct rowfile_out *s, const char *p, size_t n)
{
	if (s->why == 0 && fwrite(p, 1, n, s->file) != n)
		s->why = errno != 0 ? errno : EIO;
}

struct rowfile_out *
rowfile_create(const char *path)
{
	struct rowfile_out *s;
	char part[PATH];

	errno = ENAMETOOLONG;
	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return NULL;
	errno = EEXIST;
	if (access(path, F_OK) == 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->file = fopen(part, "we");
	if (s->file == NULL) {
		free(s);
		return NULL;
	}
	s->path = xstrdup(path);
	s->part = xstrdup(part);
	begin_block(&s->block, 0);
	write_bytes(s, magic, MAGIC);
	return s;
}

static void
end_block(struct rowfile_out *s)
{
	uint64_t hash = hash_fixed(buf_slice(&s->block));
	char length[4], sum[SUM];

	put_fixed(length, s->block.n - SUM, sizeof(length));
	put_fixed(sum, hash, SUM);
	write_bytes(s, length, sizeof(length));
	write_bytes(s, s->block.p + SUM, s->block.n - SUM);
	write_bytes(s, sum, SUM);
	begin_block(&s->block, hash);
}

static void
put_row(struct rowfile_out *s, const struct rowfile_row *row)
{
	buf_chr(&s->block, (char)row->kind);
	rocks_put_num(&s->block, row->key.n);
	buf_put(&s->block, row->key);
	rocks_put_num(&s->block, row->value.n);
	buf_put(&s->block, row->value);
	if (s->block.n >= BLOCK)
		end_block(s);
}

void
rowfile_put(struct rowfile_out *s, const struct rowfile_row *row)
{
	must(row->kind < ROWFILE_KINDS);
	if (row->value.n > BLOCK_MOST / 2)
		s->why = EFBIG;
	s->rows++;
	put_row(s, row);
}

void
rowfile_abandon(struct rowfile_out **sp)
{
	struct rowfile_out *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	fclose(s->file);
	unlink(s->part);
	free(s->path);
	free(s->part);
	buf_free(&s->block);
	free(s);
}

bool
rowfile_end(struct rowfile_out **sp)
{
	struct rowfile_out *s = *sp;
	struct buf count = {0};
	int why;

	rocks_put_num(&count, s->rows);
	put_row(s, &(struct rowfile_row){END, {"", 0}, buf_slice(&count)});
	buf_free(&count);
	if (s->block.n > SUM)
		end_block(s);
	if (s->why == 0 &&
	    (fflush(s->file) != 0 || fsync(fileno(s->file)) != 0 ||
		link(s->part, s->path) != 0 || !folder_sync_above(s->path)))
		s->why = errno;
	why = s->why;
	rowfile_abandon(sp);
	errno = why;
	return why == 0;
}

struct rowfile_in *
rowfile_open(const char *path, const char **why)
{
	struct rowfile_in *s;
	char head[MAGIC];
	FILE *file = fopen(path, "re");

	*why = strerror(errno);
	if (file == NULL)
		return NULL;
	*why = NULL;
	if (fread(head, 1, MAGIC, file) != MAGIC ||
	    memcmp(head, magic, MAGIC - 3) != 0)
		*why = "it is no file of rows";
	else if (memcmp(head, magic, MAGIC) != 0)
		*why = "a newer version made it";
	if (*why != NULL) {
		fclose(file);
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->file = file;
	begin_block(&s->block, 0);
	return s;
}

void
rowfile_close(struct rowfile_in **sp)
{
	struct rowfile_in *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	fclose(s->file);
	buf_free(&s->block);
	free(s);
}

/* The next block behind the hash of the one before. */
static bool
read_block(struct rowfile_in *s)
{
	char length[4], sum[SUM], *to;
	uint64_t n;

	if (s->rest.p != NULL)
		begin_block(&s->block, hash_fixed(buf_slice(&s->block)));
	if (fread(length, 1, sizeof(length), s->file) != sizeof(length))
		return false;
	n = get_fixed(length, sizeof(length));
	if (n == 0 || n > BLOCK_MOST)
		return false;
	to = buf_room(&s->block, n);
	if (fread(to, 1, n, s->file) != n || fread(sum, 1, SUM, s->file) != SUM)
		return false;
	s->block.n += n;
	s->rest = slice_from(buf_slice(&s->block), SUM);
	return hash_fixed(buf_slice(&s->block)) == get_fixed(sum, SUM);
}

static bool
get_bytes(struct slice *rest, struct slice *out)
{
	uint64_t n;

	if (!rocks_get_num(rest, &n) || n > rest->n)
		return false;
	*out = (struct slice){rest->p, n};
	*rest = slice_from(*rest, n);
	return true;
}

static bool
get_row(struct rowfile_in *s, struct rowfile_row *row)
{
	row->kind = (unsigned char)s->rest.p[0];
	s->rest = slice_from(s->rest, 1);
	return get_bytes(&s->rest, &row->key) &&
	       get_bytes(&s->rest, &row->value);
}

static bool
is_end(struct rowfile_in *s, const struct rowfile_row *row)
{
	struct slice rest = row->value;
	uint64_t rows;

	return row->key.n == 0 && rocks_get_num(&rest, &rows) &&
	       rows == s->rows && s->rest.n == 0 && fgetc(s->file) == EOF;
}

enum rowfile_step
rowfile_next(struct rowfile_in *s, struct rowfile_row *row, const char **why)
{
	*why = "it is torn, or was changed";
	if (s->rest.n == 0 && !read_block(s))
		return ROWFILE_BAD;
	if (!get_row(s, row))
		return ROWFILE_BAD;
	if (row->kind == END)
		return is_end(s, row) ? ROWFILE_END : ROWFILE_BAD;
	s->rows++;
	return row->kind < ROWFILE_KINDS ? ROWFILE_ROW : ROWFILE_BAD;
}
