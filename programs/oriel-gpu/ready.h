// SPDX-License-Identifier: MIT
/*
 * Tells who started the program that its sockets are there: a service manager that has put the
 * address of a datagram socket into NOTIFY_SOCKET, as systemd does for units of Type=notify.
 */
#ifndef ORIEL_PROGRAM_READY_H
#define ORIEL_PROGRAM_READY_H

#include "base/compiler.h"

/** Say so, without waiting. Returns 0, also if nobody wants to know, or -errno. */
ORIEL_MUST_CHECK
int ready_announce(void);

#endif
