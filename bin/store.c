/*
 * store - numbers every message, keeps what is to be kept, and sends each to
 * the hubs that joined its channel.  What it promises is in store(8).
 */
#include "store/store.h"
#include "common/daemon.h"

#include <string.h>

int
main(int argc, char *argv[])
{
	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return store_verify(argc, argv);
	return daemon_main(&store_stage, argc, argv);
}
