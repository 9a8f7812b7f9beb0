// SPDX-License-Identifier: MIT
/* Why nobody could be reached at a socket, for people. */
#ifndef ORIEL_CONNECT_H
#define ORIEL_CONNECT_H

/** What is wrong with a socket's path at which connect() failed with err, a negative errno. */
const char *connect_explain(const char *path, int err);

#endif
