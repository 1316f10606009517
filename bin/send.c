/* send - publishes what comes on stdin.  See send(1). */
#include "common/shell_send.h"

int
main(int argc, char *argv[])
{
	return daemon_main(&shell_send, argc, argv);
}
