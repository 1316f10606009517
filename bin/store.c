/*
 * store - numbers every message, keeps what is to be kept, and sends each to
 * the hubs that joined its channel.  What it promises is in store(8).
 */
#include "store/store.h"
#include "common/daemon.h"
#include "store/tool.h"

int
main(int argc, char *argv[])
{
	int status = store_tool(argc, argv);

	return status >= 0 ? status : daemon_main(&store_stage, argc, argv);
}
