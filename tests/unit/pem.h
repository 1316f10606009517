/*
 * pem.h - keys for tests, all of them public knowledge.
 *
 * The RSA and the P-256 key are those of RFC 7515 appendix A.2 and A.3; the
 * others are of kinds we refuse.
 */
#ifndef TESTS_UNIT_PEM_H
#define TESTS_UNIT_PEM_H

/* clang-format off */
#define PEM_RSA_PRIVATE \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n" \
	"jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n" \
	"aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n" \
	"juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n" \
	"ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n" \
	"toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n" \
	"VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n" \
	"PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n" \
	"O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n" \
	"kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n" \
	"XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n" \
	"4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n" \
	"pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n" \
	"0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n" \
	"lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n" \
	"kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n" \
	"rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n" \
	"kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n" \
	"5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n" \
	"9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n" \
	"evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n" \
	"yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n" \
	"OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n" \
	"tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n" \
	"ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n" \
	"03k2+ZQwVK0JKSHuLFkuQ3U=\n" \
	"-----END PRIVATE KEY-----\n"

#define PEM_RSA_PUBLIC \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n" \
	"NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n" \
	"P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n" \
	"9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n" \
	"EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n" \
	"FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n" \
	"oQIDAQAB\n" \
	"-----END PUBLIC KEY-----\n"

#define PEM_EC_PRIVATE \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n" \
	"H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n" \
	"7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n" \
	"-----END PRIVATE KEY-----\n"

#define PEM_EC_PUBLIC \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n" \
	"6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n" \
	"-----END PUBLIC KEY-----\n"

#define PEM_LOCKED \
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" \
	"MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh5IMLfCtqa1QICCAAw\n" \
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEEhrJWzX0hzimsFUYNz8Bw0EgZBo\n" \
	"CbHmHqsLlOrC/A/8PTEq/7OWpnUUz0slShCBYHpl3GbmqS5Z17T1bBiVzRXnllp/\n" \
	"lMH+upFq9MdnJrz0RHz51GzRnco7JomncQ0HLpxnC/4IiCgwCKkf2Do0MDKKlPeq\n" \
	"UZ3qP2UPc7LmQGHLEg+Vee2eccQfo7fMQ38KwgtUVwvEAt2T9IFy76r6+WcomUw=\n" \
	"-----END ENCRYPTED PRIVATE KEY-----\n"

#define PEM_SMALL \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDDNGW/PWtvD7WX6LLD/eQU/e7z\n" \
	"HQq8x/A0fSFKcv8l3VPa1Eou/8pwa18rrhaPP9x9Y1PbaFkVsMhBMachRM3y1AKC\n" \
	"Aw9JeGCILe5fEUn6HKgBBA9RF445NJdb+uswGy1tbAWTyWVWSsDruvdRIHrOSSmX\n" \
	"4kV76W7uU+nmLzdlrwIDAQAB\n" \
	"-----END PUBLIC KEY-----\n"

#define PEM_P384 \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEFRQKuj/OxshiNni6JGIVU4YR8Kfmp1EV\n" \
	"7MdoebVi61didoZb/IYjVJPT5keycM+1m+DoKHNBDgWxff+DDkrsRXIG+5ygrX+j\n" \
	"4xbWMNE6GmY5nZ2bzw5yYkIewB2mre3l\n" \
	"-----END PUBLIC KEY-----\n"

#define PEM_ED \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MCowBQYDK2VwAyEAL2Ftq0oos3zAssaYccjkkZUpFgeWjbKmqPgWg8EvamQ=\n" \
	"-----END PUBLIC KEY-----\n"

/* clang-format on */

#endif
