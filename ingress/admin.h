/*
 * admin.h - was the administrator's key shown?
 */
#ifndef INGRESS_ADMIN_H
#define INGRESS_ADMIN_H

#include "common/slice.h"

#include <stdbool.h>

/* The value of an Authorization header, p NULL without one; an empty key is
 * nobody's.  Takes as long for a wrong key as for the right one. */
bool admin_shown(const char *key, struct slice header);

#endif
