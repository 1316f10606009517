/* apns - pushes jobs to Apple's devices.  What it may be told is in
 * apns(8). */
#include "pushers/apns.h"

int
main(int argc, char *argv[])
{
	return daemon_main(&apns_stage, argc, argv);
}
