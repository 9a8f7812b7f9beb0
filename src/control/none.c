// SPDX-License-Identifier: MIT
/* See control.h. For builds without json-c. */
#include "control/control.h"

#include "base/fd.h"

#include <errno.h>

bool oriel_control_is_built(void) {
	return false;
}

int oriel_control_create(const struct oriel_control_options *options, struct oriel_control **ret) {
	(void)options;
	(void)ret;
	return -EOPNOTSUPP;
}

int oriel_control_add_client_take(struct oriel_control *control, int fd) {
	(void)control;
	oriel_fd_close(&fd);
	return -EOPNOTSUPP;
}

void oriel_control_destroy(struct oriel_control *control) {
	(void)control;
}
