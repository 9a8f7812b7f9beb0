// SPDX-License-Identifier: MIT
/* See status.c. For builds without json-c. */
#include "oriel/command.h"

#include <stdio.h>

int run_status(int argc, char **argv) {
	(void)argc;
	(void)argv;
	fputs("oriel status: built without json-c, so it cannot read what oriel-gpu says\n",
			stderr);
	return STATUS_FAILED;
}
