/* tap - writes what the stores handle to stdout.  See tap(1). */
#include "common/shell_tap.h"

int
main(int argc, char *argv[])
{
	return daemon_main(&shell_tap, argc, argv);
}
