// SPDX-License-Identifier: MIT
/*
 * The little of QMP, QEMU's monitor protocol, that `oriel run` needs: two commands, and the reason
 * why QEMU ends. Its lines of JSON are searched for words, not understood.
 */
#ifndef ORIEL_RUN_QMP_H
#define ORIEL_RUN_QMP_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct qmp {
	int fd; // -1: not connected
	bool is_ready;
	size_t len;
	char line[4096];
	char reason[32]; // why QEMU ends, in its words; empty until it does
};

void qmp_init(struct qmp *qmp);

/** Connect, without waiting. Returns 0, or -errno: QEMU may not listen yet. */
ORIEL_MUST_CHECK
int qmp_connect(struct qmp *qmp, const char *path);

/** Take what has come. */
void qmp_read(struct qmp *qmp);

/** Send a command that has no arguments, if QEMU listens. */
void qmp_send(struct qmp *qmp, const char *command);

void qmp_finish(struct qmp *qmp);

#endif
