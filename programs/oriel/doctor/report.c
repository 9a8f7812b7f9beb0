// SPDX-License-Identifier: MIT
/* See report.h. */
#include "oriel/doctor/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NAME_COLUMNS 20
#define STATE_COLUMNS 10
/** Where texts begin. */
#define TEXT_COLUMN (2 + NAME_COLUMNS + STATE_COLUMNS)
#define LEAST_COLUMNS 60u

struct report_row *report_add(struct report *report, const char *section, const char *name,
		const char *matters) {
	size_t i = report->n_rows;
	if (i < REPORT_MAX_ROWS - 1) {
		report->n_rows++;
	} else {
		report->n_dropped++; // the last place is for those that are left out
	}
	struct report_row *row = &report->rows[i];
	*row = (struct report_row){ .section = section, .matters = matters };
	snprintf(row->name, sizeof(row->name), "%s", name);
	return row;
}

/** Texts come from drivers, programs and paths, and go to terminals and into JSON. */
static void clean(char *text) {
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~') {
			*text = '?';
		}
	}
}

void report_set(struct report_row *row, enum report_state state, const char *format, ...) {
	va_list args;
	va_start(args, format);
	row->state = state;
	vsnprintf(row->found, sizeof(row->found), format, args);
	clean(row->found);
	va_end(args);
}

void report_advise(struct report_row *row, const char *format, ...) {
	va_list args;
	va_start(args, format);
	vsnprintf(row->remedy, sizeof(row->remedy), format, args);
	clean(row->remedy);
	va_end(args);
}

const char *report_state_name(enum report_state state) {
	switch (state) {
	case REPORT_ON:
		return "on";
	case REPORT_DEGRADED:
		return "degraded";
	case REPORT_OFF:
		break;
	}
	return "off";
}

void report_style_init(struct report_style *style, FILE *out) {
	*style = (struct report_style){ .out = out, .columns = REPORT_MAX_COLUMNS };
	int fd = fileno(out);
	if (!isatty(fd)) {
		return;
	}
	struct winsize size;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		style->columns = size.ws_col;
	}
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	style->has_colour = (no_colour == NULL || *no_colour == '\0') && terminal != NULL &&
			    strcmp(terminal, "dumb") != 0;
}

static size_t columns_of(const struct report_style *style) {
	if (style->columns < LEAST_COLUMNS) {
		return LEAST_COLUMNS;
	}
	return style->columns < REPORT_MAX_COLUMNS ? style->columns : REPORT_MAX_COLUMNS;
}

/** Words from column on; lines that follow begin at indent. */
static void print_wrapped(const struct report_style *style, size_t indent, const char *text) {
	size_t column = indent;
	const char *gap = "";
	for (;;) {
		text += strspn(text, " ");
		size_t len = strcspn(text, " ");
		if (len == 0) {
			break;
		}
		if (column > indent && column + 1 + len > columns_of(style)) {
			fprintf(style->out, "\n%*s", (int)indent, "");
			column = indent;
			gap = "";
		}
		fprintf(style->out, "%s%.*s", gap, (int)len, text);
		column += strlen(gap) + len;
		gap = " ";
		text += len;
	}
	fputc('\n', style->out);
}

static const char *colour_of(enum report_state state) {
	switch (state) {
	case REPORT_ON:
		return "\33[32m";
	case REPORT_DEGRADED:
		return "\33[33m";
	case REPORT_OFF:
		break;
	}
	return "\33[31m";
}

static void print_row(const struct report_row *row, const struct report_style *style) {
	const char *state = report_state_name(row->state);
	fprintf(style->out, "  %-*s", NAME_COLUMNS - 1, row->name);
	fprintf(style->out, " %s%s%s%*s", style->has_colour ? colour_of(row->state) : "", state,
			style->has_colour ? "\33[0m" : "", STATE_COLUMNS - (int)strlen(state), "");
	print_wrapped(style, TEXT_COLUMN, row->found);
	if (row->state == REPORT_ON) {
		return;
	}
	if (row->matters != NULL) {
		fprintf(style->out, "%*sfor: ", TEXT_COLUMN, "");
		print_wrapped(style, TEXT_COLUMN + 5, row->matters);
	}
	if (row->remedy[0] != '\0') {
		fprintf(style->out, "%*sdo:  ", TEXT_COLUMN, "");
		print_wrapped(style, TEXT_COLUMN + 5, row->remedy);
	}
}

void report_print(struct report *report, const struct report_style *style) {
	for (; report->n_printed < report->n_rows; report->n_printed++) {
		const struct report_row *row = &report->rows[report->n_printed];
		const struct report_row *last = report->n_printed > 0 ? row - 1 : NULL;
		if (last == NULL || strcmp(last->section, row->section) != 0) {
			fprintf(style->out, "%s%s\n", last != NULL ? "\n" : "", row->section);
		}
		print_row(row, style);
	}
	fflush(style->out);
}
