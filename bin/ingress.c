/*
 * ingress - takes what is published over HTTP to the store, and hands
 * whoever listens to a hub.  What it may be told is in ingress(8).
 */
#include "ingress/ingress.h"
#include "common/daemon.h"

int
main(int argc, char *argv[])
{
	return daemon_main(&ingress_stage, argc, argv);
}
