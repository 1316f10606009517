/*
 * redis_cmd.c - words into RESP, and the slot of a key.
 */
#include "store/redis_cmd.h"

#include "common/crypto.h"
#include "common/must.h"
#include "common/redis_writer.h"

#include <stdio.h>

void
redis_script_init(struct redis_script *s, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[CRYPTO_SHA1_SIZE];

	crypto_sha1(slice_of(text), digest);
	s->text = text;
	for (size_t i = 0; i < sizeof(digest); i++) {
		s->sha[i * 2] = hex[digest[i] >> 4];
		s->sha[i * 2 + 1] = hex[digest[i] & 15];
	}
	s->sha[sizeof(digest) * 2] = '\0';
}

void
redis_cmd_free(struct redis_cmd *c)
{
	buf_free(&c->body);
	redis_reply_free(&c->reply);
	*c = (struct redis_cmd){0};
}

void
redis_cmd_word(struct redis_cmd *c, struct slice word)
{
	redis_put_word(&c->body, word);
	c->words++;
}

void
redis_cmd_str(struct redis_cmd *c, const char *word)
{
	redis_cmd_word(c, slice_of(word));
}

void
redis_cmd_num(struct redis_cmd *c, uint64_t n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)n);

	redis_cmd_word(c, (struct slice){text, (size_t)len});
}

void
redis_cmd_put(const struct redis_cmd *c, struct buf *out)
{
	const struct redis_script *s = c->script;

	redis_put_count(out, c->words + (s != NULL ? 2 : 0));
	if (s != NULL && c->whole) {
		redis_put_word(out, SLICE("EVAL"));
		redis_put_word(out, slice_of(s->text));
	} else if (s != NULL) {
		redis_put_word(out, SLICE("EVALSHA"));
		redis_put_word(out, slice_of(s->sha));
	}
	buf_put(out, buf_slice(&c->body));
}

/* CRC16 of XMODEM, which Redis Cluster is made with. */
static unsigned
crc16(struct slice s)
{
	unsigned crc = 0;

	for (size_t i = 0; i < s.n; i++) {
		crc ^= (unsigned)(unsigned char)s.p[i] << 8;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
		crc &= 0xffff;
	}
	return crc;
}

unsigned
redis_slot(struct slice key)
{
	struct slice rest = key, before, tag;
	bool opens = memchr(key.p, '{', key.n) != NULL;

	if (opens && slice_cut(&rest, '{', &before) && rest.p != NULL &&
	    memchr(rest.p, '}', rest.n) != NULL &&
	    slice_cut(&rest, '}', &tag) && tag.n != 0)
		key = tag;
	return crc16(key) % REDIS_SLOTS;
}

struct slice
redis_text(const struct redis_cmd *c)
{
	return c->reply != NULL ? c->reply->text : (struct slice){"", 0};
}

struct slice
redis_item(const struct redis_reply *r, size_t i)
{
	return r != NULL && i < r->n && r->items[i].text.p != NULL
	           ? r->items[i].text
	           : (struct slice){"", 0};
}

uint64_t
redis_item_num(const struct redis_reply *r, size_t i)
{
	uint64_t n = 0;

	if (r != NULL && i < r->n && r->items[i].kind == REDIS_IS_NUMBER)
		return (uint64_t)r->items[i].number;
	return slice_num(redis_item(r, i), &n) ? n : 0;
}

bool
redis_failed(const struct redis_cmd *c)
{
	return c->outcome != REDIS_DONE || c->reply == NULL ||
	       c->reply->kind == REDIS_IS_ERROR;
}
