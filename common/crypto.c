/*
 * crypto.c - the file that knows OpenSSL's digests.
 */
#include "common/crypto.h"

#include "common/must.h"

#include <openssl/evp.h>

void
crypto_sha1(struct slice s, unsigned char out[20])
{
	must(EVP_Digest(s.p, s.n, out, NULL, EVP_sha1(), NULL) == 1);
}
