/* bridge - carries messages from Redis lists and channels to the stores.
 * What it may be told is in bridge(8). */
#include "ingress/bridge.h"

int
main(int argc, char *argv[])
{
	return daemon_main(&bridge_stage, argc, argv);
}
