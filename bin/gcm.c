/* gcm - wakes devices through Google: Firebase Cloud Messaging, or what was
 * GCM.  What it may be told is in gcm(8). */
#include "pushers/gcm.h"

int
main(int argc, char *argv[])
{
	return daemon_main(&gcm_stage, argc, argv);
}
