/* rfc7515.h - the signed examples of RFC 7515 appendix A.1 to A.3. */
#ifndef TESTS_UNIT_RFC7515_H
#define TESTS_UNIT_RFC7515_H

/* clang-format off */
#define JWS_CLAIMS                                                             \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"     \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

#define JWS_HS256_KEY                                                          \
	"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"     \
	"PS4hcgUuTwjAzZr1Z9CAow"
#define JWS_HS256_HEADER "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
#define JWS_HS256_SIGNATURE "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

#define JWS_RS256_HEADER "eyJhbGciOiJSUzI1NiJ9"
#define JWS_RS256_SIGNATURE                                                    \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"     \
	"AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"     \
	"BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"     \
	"0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"     \
	"hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"     \
	"p0igcN_IoypGlUPQGe77Rw"

#define JWS_ES256_HEADER "eyJhbGciOiJFUzI1NiJ9"
#define JWS_ES256_SIGNATURE                                                    \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"     \
	"pmWQxfKTUJqPP3-Kg6NU1Q"
/* clang-format on */

#define JWS_HS256 JWS_HS256_HEADER "." JWS_CLAIMS "." JWS_HS256_SIGNATURE
#define JWS_RS256 JWS_RS256_HEADER "." JWS_CLAIMS "." JWS_RS256_SIGNATURE
#define JWS_ES256 JWS_ES256_HEADER "." JWS_CLAIMS "." JWS_ES256_SIGNATURE

#endif
