// SPDX-License-Identifier: MIT
/*
 * What `oriel doctor` found: rows, each on, off or degraded, with what was found, what it matters
 * for, and what to do. Printed for people as it grows, or as one JSON object at the end.
 */
#ifndef ORIEL_PROGRAM_REPORT_H
#define ORIEL_PROGRAM_REPORT_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** 16 GPUs, each in three rows, and all the rest. Further rows are counted and left out. */
#define REPORT_MAX_ROWS 80u

/** The widest a report gets, whatever the terminal. */
#define REPORT_MAX_COLUMNS 100u

enum report_state { REPORT_OFF, REPORT_DEGRADED, REPORT_ON };

struct report_row {
	const char *section;
	char name[32];
	enum report_state state;
	char found[320];
	const char *matters; // what for; NULL in the summary
	char remedy[320];    // empty: there is nothing to do
};

struct report {
	size_t n_rows;
	size_t n_dropped;
	struct report_row rows[REPORT_MAX_ROWS];
	size_t n_printed;
};

/** How it is printed for people. */
struct report_style {
	FILE *out;
	size_t columns; // at least 60 and at most REPORT_MAX_COLUMNS are used
	bool has_colour;
};

/**
 * Add a row that is off until it is said otherwise. section and matters must stay.
 *
 * Valid: for the report's life; when there are too many rows, until the next one.
 */
struct report_row *report_add(struct report *report, const char *section, const char *name,
		const char *matters);

/** Say what was found; the last word counts. What is not printable ASCII becomes '?', here and
 * below. */
void report_set(struct report_row *row, enum report_state state, const char *format, ...)
		ORIEL_PRINTF(3, 4);

/** Say what to do. */
void report_advise(struct report_row *row, const char *format, ...) ORIEL_PRINTF(2, 3);

/** "on", "off" or "degraded". */
const char *report_state_name(enum report_state state);

/** How to print to out: as wide as the terminal, in colour if it is one that can and may be. */
void report_style_init(struct report_style *style, FILE *out);

/** Print the rows that were added since the last call. Those that are on say only what was found.
 */
void report_print(struct report *report, const struct report_style *style);

#endif
