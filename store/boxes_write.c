/*
 * boxes_write.c - puts and drops: decided on the directory, in the order they
 * came, and answered when they are safe.
 *
 * A refusal may rest on what is not safe yet, so it too is told in its turn.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/boxes_own.h"

enum { WAITING_BYTES = 16 << 20 }; /* that wait for directories; then: busy */

void
deed_free(struct deed *d)
{
	list_remove(&d->node);
	record_unref(&d->write.beside.record);
	free(d->ops);
	buf_free(&d->rows);
	free(d);
}

static void
answered(struct write *w, enum code code)
{
	struct deed *d = container_of(w, struct deed, write);
	struct box *b = d->box;
	uint64_t unix_ms = d->unix_ms;

	deed_free(d);
	if (b == NULL)
		return;
	b->pending--;
	if (code != CODE_ok && b->state == BOX_READY)
		b->state = BOX_STALE;
	box_let_go(b, unix_ms);
}

static void
keep(struct box *b, struct deed *d, size_t ops)
{
	d->box = b;
	b->pending++;
	d->write.answer.shard = b->shard;
	d->write.answer.state = (uint8_t)b->all->setup.engine->kept;
	list_append(&b->all->pending, &d->node);
	write_keep(&d->write, d->ops, ops, d->unix_ms);
}

static void
refuse(struct boxes *all, struct deed *d, enum code code)
{
	list_append(&all->pending, &d->node);
	write_refuse(&d->write, code);
}

static enum code
may_put(const struct box *b, const struct msg_put *m, uint32_t size)
{
	const struct boxes_setup *s = &b->all->setup;
	const struct box_item *old = box_dir_find(&b->dir, m->key);
	uint64_t bytes = b->dir.bytes + size - (old != NULL ? old->size : 0);

	if (old != NULL && m->newer != 0 && m->version <= old->version)
		return CODE_older;
	if (old == NULL && b->dir.count >= s->items)
		return CODE_box_full;
	if (bytes > s->bytes && bytes > b->dir.bytes)
		return CODE_box_full;
	return CODE_ok;
}

/* Not beyond the bound, and never zero. */
static uint64_t
lives_until(const struct boxes *all, const struct deed *d)
{
	uint64_t bound = d->unix_ms + all->setup.ttl_ms;
	uint64_t wanted = d->msg.put.expires;

	return wanted != 0 && wanted < bound ? wanted : bound;
}

/* As a message: its id is the key, its filter the version. */
static void
tell(struct deed *d, uint64_t expires)
{
	const struct msg_put *m = &d->msg.put;
	char version[24];
	int n = snprintf(
	    version, sizeof(version), "%llu", (unsigned long long)m->version);

	write_tell(&d->write, &(struct msg_deliver){
				  .channel = m->box,
				  .type = m->type,
				  .body = m->body,
				  .filter = {version, (size_t)n},
				  .id = m->key,
				  .expires = expires,
			      });
}

static void
put(struct box *b, struct deed *d)
{
	const struct msg_put *m = &d->msg.put;
	struct box_value v = {m->version, d->unix_ms, m->type, m->body};
	struct box_entry e = {.key = m->key,
	    .version = m->version,
	    .expires = lives_until(b->all, d),
	    .size = box_size(m->key, &v)};
	enum code code = may_put(b, m, e.size);
	char room[ROW_KEY];
	struct slice key;

	if (code == CODE_ok && m->tell != 0 && !write_can_tell(&d->write))
		code = CODE_busy;
	if (code == CODE_ok && engine_full(b->all->setup.engine, b->shard))
		code = CODE_full;
	if (code != CODE_ok) {
		refuse(b->all, d, code);
		return;
	}
	box_dir_put(&b->dir, &e);
	key = box_key(room, m->box, m->key);
	buf_put(&d->rows, key);
	box_value_write(&d->rows, &v);
	d->ops = xcalloc(1, sizeof(*d->ops));
	d->ops[0] = (struct op){.kind = OP_PUT,
	    .row = {
		.key = {d->rows.p, key.n},
		.value = slice_from(buf_slice(&d->rows), key.n),
		.expires = e.expires,
		.shard = b->shard,
		.space = SPACE_BOX,
	    }};
	if (m->tell != 0)
		tell(d, e.expires);
	keep(b, d, 1);
}

static void
drop_one(struct box *b, struct deed *d)
{
	const struct msg_drop *m = &d->msg.drop;
	const struct box_item *old = box_dir_find(&b->dir, m->key);
	char room[ROW_KEY];

	if (old == NULL || (m->version != 0 && m->version != old->version)) {
		refuse(b->all, d, CODE_not_found);
		return;
	}
	box_dir_remove(&b->dir, m->key);
	buf_put(&d->rows, box_key(room, m->box, m->key));
	d->ops = xcalloc(1, sizeof(*d->ops));
	d->ops[0] = (struct op){.kind = OP_DELETE,
	    .row = {.key = buf_slice(&d->rows),
		.shard = b->shard,
		.space = SPACE_BOX}};
	keep(b, d, 1);
}

/* One row for each item; the limits of a box bound them. */
static void
drop_all(struct box *b, struct deed *d)
{
	const struct box_dir *dir = &b->dir;
	size_t count = dir->count, at = 0;
	char room[ROW_KEY];

	for (size_t k = 0; k < count; k++)
		buf_put(&d->rows, box_key(room, d->msg.drop.box,
				      box_item_key(dir->items[k])));
	d->ops = xcalloc(count, sizeof(*d->ops));
	for (size_t k = 0; k < count; k++) {
		size_t n = (size_t)b->name_n + 1 + dir->items[k]->key_n;

		d->ops[k] = (struct op){.kind = OP_DELETE,
		    .row = {.key = {d->rows.p + at, n},
			.shard = b->shard,
			.space = SPACE_BOX}};
		at += n;
	}
	box_dir_clear(&b->dir);
	keep(b, d, count);
}

void
deed_decide(struct box *b, struct deed *d)
{
	stats_add(STAT_box_expired, box_dir_expire(&b->dir, d->unix_ms));
	if (d->msg.id == MSG_put)
		put(b, d);
	else if (d->msg.drop.key.n != 0)
		drop_one(b, d);
	else
		drop_all(b, d);
}

static enum code
check(const struct boxes *all, const struct msg *m, uint64_t unix_ms)
{
	if (channel_check(msg_home(m)) != NULL)
		return CODE_bad_channel;
	if (m->id == MSG_put && m->put.key.n == 0)
		return CODE_missing_field;
	if (m->id == MSG_put && m->put.expires != 0 &&
	    m->put.expires <= unix_ms)
		return CODE_expired;
	return all->waiting < WAITING_BYTES ? CODE_ok : CODE_busy;
}

static struct deed *
deed_new(struct boxes *all, const struct msg *m)
{
	bool is_put = m->id == MSG_put;
	struct slice key = is_put ? m->put.key : m->drop.key;
	size_t n = msg_home(m).n + key.n +
	           (is_put ? m->put.type.n + m->put.body.n : 0);
	struct deed *d = xcalloc(1, sizeof(*d) + n);
	char *at = (char *)(d + 1);

	list_init(&d->node);
	d->all = all;
	d->bytes = sizeof(*d) + n;
	d->msg = *m;
	d->msg.publish.channel = slice_keep(&at, msg_home(m));
	if (is_put) {
		d->msg.put.key = slice_keep(&at, key);
		d->msg.put.type = slice_keep(&at, m->put.type);
		d->msg.put.body = slice_keep(&at, m->put.body);
	} else {
		d->msg.drop.key = slice_keep(&at, key);
	}
	return d;
}

void
boxes_write(struct boxes *all, struct publisher *from, const struct msg *m,
    uint64_t unix_ms)
{
	struct deed *d = deed_new(all, m);
	enum code code;
	struct box *b;

	if (!write_begin(&d->write, all->setup.writes, from, m)) {
		deed_free(d);
		return;
	}
	d->write.answered = answered;
	d->unix_ms = unix_ms;
	if ((code = check(all, m, unix_ms)) != CODE_ok) {
		write_end(&d->write, code);
		return;
	}
	b = box_touch(all, msg_home(m));
	list_append(&b->waiting, &d->node);
	all->waiting += d->bytes;
	box_let_go(b, unix_ms);
}
