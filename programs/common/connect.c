// SPDX-License-Identifier: MIT
/* See connect.h. */
#include "common/connect.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/** The kernel refuses a connection to whatever is no socket just as it does to a dead one. */
static const char *explain_refused(const char *path) {
	struct stat st;
	if (stat(path, &st) < 0 || S_ISSOCK(st.st_mode)) {
		return "nobody listens there any more";
	}
	return S_ISDIR(st.st_mode) ? "a folder, not a socket" : "not a socket";
}

const char *connect_explain(const char *path, int err) {
	switch (err) {
	case -ENOENT:
		return "there is no such socket";
	case -ECONNREFUSED:
		return explain_refused(path);
	case -EINVAL:
	case -ENAMETOOLONG:
		return "too long for a socket's path";
	case -EPROTOTYPE:
		return "not a stream socket";
	default:
		return strerror(-err);
	}
}
