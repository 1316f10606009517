/*
 * msg.h - frames: the structs, and the way to bytes and back.
 *
 * Everything derives from msg.def.  Decoding allocates nothing: strings and
 * bodies are slices into the input, borrowed as long as it lives.  Encoding
 * appends to a buf.  Both cost one loop over the frame's fields.
 */
#ifndef COMMON_MSG_H
#define COMMON_MSG_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define KIND_TYPE_num uint64_t
#define KIND_TYPE_str struct slice
#define KIND_TYPE_bin struct slice

#define MSG(name, id, why)                   struct msg_##name {
#define FIELD(name, field, kind, limit, why) KIND_TYPE_##kind field;
#define END(name)                            };
#include "common/msg.def"

#define MSG(name, id, why) MSG_##name = id,
#define FIELD(name, field, kind, limit, why)
#define END(name)
enum msg_id {
	MSG_unknown = 0,		/* decoded, but not one of ours: skip it */
#include "common/msg.def"
	MSG_IDS = 160			/* ids are below */
};

#define MSG(name, id, why) struct msg_##name name;
#define FIELD(name, field, kind, limit, why)
#define END(name)
struct msg {
	enum msg_id id;
	union {
#include "common/msg.def"
	};
};
/* clang-format on */

/* Writes are 16 to 31, but for their answer.  All of them begin as publish
 * does, with the seq and with the name whose hash is the shard. */
static inline bool
msg_writes(const struct msg *m)
{
	return m->id >= 16 && m->id < 32 && m->id != MSG_published;
}

static inline uint64_t *
msg_seq(struct msg *m)
{
	return &m->publish.seq;
}

static inline struct slice
msg_home(const struct msg *m)
{
	return m->publish.channel;
}

enum { MSG_HEADER = 19 }; /* bytes of a link header, always */

/* Append the frame.  Its strings must be within their limits. */
void msg_encode(struct buf *, const struct msg *);

/* Decode the frame at the front of `in`: its size in bytes; 0 when it is not
 * whole yet; -1 when it is not a frame, and *why names what was wrong. */
long msg_decode(struct slice in, struct msg *, const char **why);

/* A link header, [n, acked]: what stands before the frames of one message. */
void msg_header_write(char out[MSG_HEADER], uint64_t n, uint64_t acked);
bool msg_header_read(struct slice, uint64_t *n, uint64_t *acked);

const char *msg_name(enum msg_id);     /* NULL: not one of ours */
enum msg_id msg_by_name(struct slice); /* MSG_unknown: not one of ours */

/* One line of JSON: {"frame":"publish","seq":7,...}; bodies that are not
 * UTF-8 are written as {"base64":"..."}.  Secrets are left out. */
void msg_dump(struct buf *, const struct msg *);

/* The protocol for people: every frame, its fields, kinds and limits. */
void msg_print_protocol(struct buf *);

#endif
