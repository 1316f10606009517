/* hub - keeps clients' connections open and hands each message to those who
 * asked for its channel.  What it may be told is in hub(8). */
#include "hub/hub.h"
#include "common/daemon.h"

int
main(int argc, char *argv[])
{
	return daemon_main(&hub_stage, argc, argv);
}
