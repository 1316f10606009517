/* keygen - makes a pair of keys for the bus between hosts.  How the stages
 * use them is in keygen(1). */
#include "common/bus_socket.h"

#include <stdio.h>

int
main(int argc, char *argv[])
{
	char public[BUS_KEY_TEXT], secret[BUS_KEY_TEXT];

	(void)argv;
	if (argc != 1) {
		fputs("usage: keygen >> .env\n", stderr);
		return 100;
	}
	bus_keys_new(public, secret);
	printf("POSTHORN_BUS_PUBLIC_KEY='%s'\n", public);
	printf("POSTHORN_BUS_SECRET_KEY='%s'\n", secret);
	return fflush(stdout) == 0 ? 0 : 111;
}
