/*
 * apns_token.c - header {alg ES256, kid}, claims {iss, iat}.
 */
#include "pushers/apns_token.h"

#include "common/file.h"
#include "common/json_write.h"
#include "common/jwt.h"
#include "common/must.h"
#include "common/stats.h"

#include <errno.h>

const char *
apns_token_open(struct apns_token *t, const char *path)
{
	struct buf pem = {0};
	const char *why = NULL;

	if (file_read(path, APNS_KEY_FILE, &pem) != 0) {
		why = strerrordesc_np(errno);
		why = why != NULL ? why : "cannot be read";
	} else if ((why = crypto_key_private(&t->key, buf_slice(&pem))) ==
		   NULL) {
		if (crypto_key_alg(t->key) != CRYPTO_ES256)
			why = "is not a key on P-256, as Apple's are";
	}
	if (pem.p != NULL)
		explicit_bzero(pem.p, pem.cap);
	buf_free(&pem);
	if (why != NULL)
		crypto_key_free(&t->key);
	return why;
}

void
apns_token_close(struct apns_token *t)
{
	crypto_key_free(&t->key);
	buf_free(&t->text);
	t->iat = t->made = 0;
}

static void
make(struct apns_token *t, uint64_t iat, uint64_t now)
{
	struct buf claims = {0};

	buf_str(&claims, "{\"iss\":");
	json_escape(&claims, slice_of(t->team));
	buf_printf(&claims, ",\"iat\":%llu}", (unsigned long long)iat);
	buf_clear(&t->text);
	buf_str(&t->text, "bearer ");
	must(jwt_sign(&t->text, t->key,
	    &(struct jwt_draft){
		.kid = slice_of(t->kid), .claims = buf_slice(&claims)}));
	buf_free(&claims);
	stats_add(STAT_apns_tokens, 1);
	t->iat = iat;
	t->made = now;
}

struct slice
apns_token(struct apns_token *t, uint64_t now)
{
	uint64_t due = now - now % APNS_TOKEN_AGE;

	/* One of this very moment stands until its own time is over. */
	if (t->iat == 0 || now < t->iat || now - t->iat >= APNS_TOKEN_AGE)
		make(t, due, now);
	return buf_slice(&t->text);
}

bool
apns_token_renew(struct apns_token *t, uint64_t now)
{
	if (t->iat != 0 && now >= t->iat && now - t->iat < APNS_TOKEN_OFTEN)
		return false;
	make(t, now, now);
	return true;
}
