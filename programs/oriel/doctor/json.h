// SPDX-License-Identifier: MIT
/* The report for programs. oriel-doctor(1) says what is in it. */
#ifndef ORIEL_PROGRAM_DOCTOR_JSON_H
#define ORIEL_PROGRAM_DOCTOR_JSON_H

#include "oriel/doctor/report.h"

/** Whether this build can write JSON. */
bool json_is_built(void);

/**
 * Write the report as one JSON object. Rows of the section summary are features, all others checks.
 *
 * Returns 0, -EOPNOTSUPP if this was built without json-c, -ENOMEM, or -EIO for the file.
 */
ORIEL_MUST_CHECK
int json_write_report(const struct report *report, const char *summary, bool can_run, FILE *out);

#endif
