/*
 * pass.h - a client whose request a hub owns leaves through the door.
 */
#ifndef INGRESS_PASS_H
#define INGRESS_PASS_H

struct client;

/* Nothing is owed and nothing unsent; its input begins with the head. */
void pass_client(struct client *);

#endif
