/*
 * crypto.h - what we need of OpenSSL's digests.
 *
 * Only the digest a WebSocket handshake asks for stands here so far.
 */
#ifndef COMMON_CRYPTO_H
#define COMMON_CRYPTO_H

#include "common/slice.h"

void crypto_sha1(struct slice, unsigned char out[20]);

#endif
