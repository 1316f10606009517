/* keygen - makes a pair of keys for the bus between hosts.  How the stages
 * use them is in keygen(1). */
#include "common/bus_socket.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int
main(int argc, char *argv[])
{
	char public[BUS_KEY_TEXT], secret[BUS_KEY_TEXT];

	bool asked = argc == 2 && (strcmp(argv[1], "-h") == 0 ||
				      strcmp(argv[1], "--help") == 0);

	if (argc != 1) {
		fputs("usage: keygen >> .env\n", asked ? stdout : stderr);
		return asked ? 0 : 100;
	}
	bus_keys_new(public, secret);
	printf("POSTHORN_BUS_PUBLIC_KEY='%s'\n", public);
	printf("POSTHORN_BUS_SECRET_KEY='%s'\n", secret);
	return fflush(stdout) == 0 ? 0 : 111;
}
