// SPDX-License-Identifier: MIT
/* See say.h. */
#include "oriel/run/say.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_S 2u

/** Room for a path and what is said of it. */
#define LINE_SIZE (PATH_MAX + 512)

/** A signal handler is given no argument of ours. */
static char waiting_line[256];

void say(const char *format, ...) {
	char line[LINE_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	say_clean(line); // paths may have anything in them
	fprintf(stderr, "oriel run: %s\n", line);
}

static void handle_alarm(int number) {
	int saved = errno;
	(void)number;
	ssize_t n = write(STDERR_FILENO, waiting_line, strlen(waiting_line));
	(void)n; // there is nobody else to tell
	errno = saved;
}

void say_waiting(const char *what) {
	snprintf(waiting_line, sizeof(waiting_line), "oriel run: waiting for %.200s...\n", what);
	struct sigaction action = { .sa_handler = handle_alarm, .sa_flags = SA_RESTART };
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL); // cannot fail: SIGALRM is a signal that may be caught
	alarm(PATIENCE_S);
}

void say_waiting_end(void) {
	alarm(0);
}

void say_clean(char *text) {
	for (char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			*c = *c == '\t' ? ' ' : '?';
		}
	}
}
