// SPDX-License-Identifier: MIT
/* See json.h. For builds without json-c. */
#include "oriel/doctor/json.h"

#include <errno.h>

bool json_is_built(void) {
	return false;
}

int json_write_report(const struct report *report, const char *summary, bool can_run, FILE *out) {
	(void)report;
	(void)summary;
	(void)can_run;
	(void)out;
	return -EOPNOTSUPP;
}
