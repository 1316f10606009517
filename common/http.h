/*
 * http.h - the head of an HTTP/1.1 request, read strictly.
 *
 * A server's view of RFC 9112: whatever two parsers could understand in two
 * ways is refused, because the second parser may be a proxy in front of us.
 * Parsing costs one pass, copies and allocates nothing; every slice of a
 * request is borrowed from the input and dies when that moves.
 */
#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_HEADERS_MAX = 64,  /* a browser behind three proxies sends 40 */
	HTTP_TARGET_MAX = 8192, /* bytes; RFC 9112 3 asks for 8000 */
	HTTP_HEAD_MAX = 16384,  /* bytes; the usual limit to http_parse() */
};

/* Every way a request can be wrong: name, status, code, sentence.  Codes are
 * part of the API: never changed.  Bodies (http_chunk.h) use it as well. */
/* clang-format off */
#define HTTP_ERRORS(X)                                                         \
	X(BAD_METHOD, 400, "bad_method",                                       \
	    "The request line must begin with a method, which is a token.")    \
	X(BAD_TARGET, 400, "bad_target",                                       \
	    "The request target is not a path, an http URL or *.")             \
	X(BAD_VERSION, 400, "bad_version",                                     \
	    "The request line must end with a space and HTTP/1.1.")            \
	X(BAD_LINE, 400, "bad_line_end",                                       \
	    "Lines must end with CR LF, and neither may stand alone.")         \
	X(EMPTY_LINES, 400, "empty_lines",                                     \
	    "More than one empty line precedes the request line.")             \
	X(FOLDED, 400, "folded_header",                                        \
	    "A header line begins with white space.")                          \
	X(BAD_NAME, 400, "bad_header_name",                                    \
	    "A header must be a token, directly followed by a colon.")         \
	X(BAD_VALUE, 400, "bad_header_value",                                  \
	    "A header value contains a control character.")                    \
	X(REPEATED, 400, "repeated_header",                                    \
	    "A header that may appear only once is repeated.")                 \
	X(NO_HOST, 400, "missing_host",                                        \
	    "HTTP/1.1 requires a Host header.")                                \
	X(BAD_HOST, 400, "bad_host",                                           \
	    "The host is not a name or an address with an optional port.")     \
	X(BAD_LENGTH, 400, "bad_content_length",                               \
	    "Content-Length is not one decimal number.")                       \
	X(BOTH_LENGTHS, 400, "ambiguous_length",                               \
	    "Content-Length and Transfer-Encoding exclude each other.")        \
	X(OLD_CODING, 400, "transfer_encoding_in_http_1_0",                    \
	    "HTTP/1.0 knows no Transfer-Encoding.")                            \
	X(TARGET_LONG, 414, "target_too_long",                                 \
	    "The request target is too long.")                                 \
	X(EXPECT, 417, "unknown_expectation",                                  \
	    "The only expectation met here is 100-continue.")                  \
	X(HEAD_LARGE, 431, "head_too_large",                                   \
	    "The request head is too large.")                                  \
	X(HEADERS_MANY, 431, "too_many_headers",                               \
	    "The request has too many headers.")                               \
	X(CODING, 501, "unknown_transfer_encoding",                            \
	    "The only Transfer-Encoding known here is chunked.")               \
	X(CONNECT, 501, "not_a_proxy",                                         \
	    "CONNECT is not served here.")                                     \
	X(VERSION, 505, "http_version_not_supported",                          \
	    "The versions served here are HTTP/1.1 and HTTP/1.0.")             \
	X(CHUNK_SIZE, 400, "bad_chunk_size",                                   \
	    "A chunk size must be a hexadecimal number of at most 2^32.")      \
	X(CHUNK_LINE, 400, "bad_chunk_line",                                   \
	    "A chunk, its size and its extensions must end with CR LF.")       \
	X(CHUNK_EXTRA, 400, "chunk_extensions_too_long",                       \
	    "The body has too many bytes of chunk extensions.")                \
	X(TRAILER, 400, "bad_trailer",                                         \
	    "A trailer is malformed.")                                         \
	X(TRAILER_LONG, 431, "trailers_too_long",                              \
	    "The trailers are too long.")

/* All are negative, so that a result is a count or one of these. */
enum http_error {
	HTTP_ERRORS_BEGIN = -1000,
#define X(name, status, code, sentence) HTTP_E_##name,
	HTTP_ERRORS(X)
#undef X
	HTTP_ERRORS_END,
};

/* The methods with a name here; RFC 9110 9 and 5789. */
#define HTTP_METHODS(X) \
	X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)

enum http_method {
	HTTP_OTHER,
#define X(name) HTTP_##name,
	HTTP_METHODS(X)
#undef X
	HTTP_METHODS_END,
};
/* clang-format on */

struct http_fault {
	const char *code;    /* stable, for programs */
	const char *message; /* a sentence, for people */
	const char *field;   /* what was wrong; NULL if nothing in particular */
};

enum http_body {
	HTTP_BODY_NONE,    /* nothing follows the head */
	HTTP_BODY_LENGTH,  /* content_length bytes, more than 0 */
	HTTP_BODY_CHUNKED, /* see http_chunk.h */
};

struct http_header {
	struct slice name;  /* as sent; compare without case */
	struct slice value; /* without the white space around it */
};

struct http_request {
	struct slice method;     /* as sent: methods have case */
	struct slice target;     /* the whole of it */
	struct slice path;       /* still encoded; begins with / or is * */
	struct slice query;      /* behind the ?; p is NULL without one */
	struct slice host;       /* with port; p is NULL in some of HTTP/1.0 */
	struct slice upgrade;    /* p is NULL if no upgrade is asked for */
	uint64_t content_length; /* at most INT64_MAX */
	enum http_method verb;
	enum http_body body;
	unsigned minor;       /* 0 or 1 */
	unsigned count;       /* of headers */
	bool keep_alive;      /* the client means to go on after this one */
	bool expect_continue; /* waits for 100 before it sends the body */
	struct http_header headers[HTTP_HEADERS_MAX];
};

/*
 * Parse the head at the front of the input.  Returns its length, 0 if it is
 * not complete yet, or an enum http_error, after which nothing in the stream
 * can be trusted: answer and close.  At most limit (<= INT_MAX) bytes may be
 * head.  *seen begins as 0 and is kept for the next try with more of the same
 * input: as long as no line ends in what is new, a try costs only that, and an
 * error in it is told when the line ends.  It is 0 again after a whole head,
 * for the next one.
 */
int http_parse(
    struct slice in, size_t *seen, size_t limit, struct http_request *out);

/* The status that answers an enum http_error; *why, if not NULL, gets the code
 * and the sentence, both static. */
unsigned http_error_status(int error, struct http_fault *why);

/* The value of the first header of that name; p is NULL if there is none. */
struct slice http_header(const struct http_request *, struct slice name);

/* Equal but for the case of ASCII letters. */
bool http_same(struct slice, struct slice);

#endif
