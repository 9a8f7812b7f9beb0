// SPDX-License-Identifier: MIT
/* The command line of oriel-vnc. */
#ifndef ORIEL_VNC_OPTIONS_H
#define ORIEL_VNC_OPTIONS_H

#include "oriel-vnc/address.h"

#include <oriel/log.h>
#include <stdint.h>

/** What VNC's authentication uses of a password. */
#define PASSWORD_SIZE 8

/** Viewers at once, at most: the display socket serves 16 clients, and one is this program. */
#define MAX_VIEWERS 15u

struct options {
	const char *socket; // the display socket
	uint32_t head;

	bool has_listen;
	const char *listen_path; // NULL: listen is a TCP address
	union address listen;

	bool has_web;
	union address web;
	const char *novnc; // where noVNC is

	const char *password_file; // NULL: none
	const char *keymap;
	const char *name; // what viewers call it
	uint32_t max_viewers;
	bool view_only;
	enum oriel_log_level log_level;

	bool help;
	bool version;
};

/** Read the command line. Returns 0, or a negative errno after one line was printed. */
ORIEL_MUST_CHECK
int options_parse(int argc, char **argv, struct options *ret);

void options_print_help(void);

#endif
