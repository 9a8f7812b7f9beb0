// SPDX-License-Identifier: MIT
/* See place.h. */
#include "oriel/place.h"

#include "base/error.h"
#include "common/connect.h"
#include "common/typed.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Room for the names of some machines, in a message. */
#define NAMES_SIZE 256u

/** Put a path together. Returns 0, or -ENAMETOOLONG after having said so. */
ORIEL_PRINTF(3, 4)
static int make_path(const char *command, struct place_path *ret, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int len = vsnprintf(ret->text, sizeof(ret->text), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(ret->text)) {
		fprintf(stderr, "%s: the path of the socket is too long\n", command);
		return -ENAMETOOLONG;
	}
	return 0;
}

/** The folder that machines are in. Anybody may make one in /tmp, so it has to be this user's. */
static int find_folder(const char *command, struct place_path *ret) {
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (runtime != NULL && runtime[0] == '/') {
		return make_path(command, ret, "%s/oriel", runtime);
	}
	int err = make_path(command, ret, "/tmp/oriel-%u", getuid());
	struct stat st;
	if (err == 0 && lstat(ret->text, &st) == 0 &&
			(!S_ISDIR(st.st_mode) || st.st_uid != getuid())) {
		fprintf(stderr, "%s: %s: not a folder of this user's\n", command, ret->text);
		return -EPERM;
	}
	return err;
}

static bool is_socket(int folder, const char *machine, const char *file) {
	char path[2 * NAME_MAX + 2];
	struct stat st;
	int len = snprintf(path, sizeof(path), "%s/%s", machine, file);
	return len > 0 && (size_t)len < sizeof(path) && fstatat(folder, path, &st, 0) == 0 &&
	       S_ISSOCK(st.st_mode);
}

/** Add a name to those for the message, if there is room. */
static void add_name(char *names, const char *name) {
	size_t size = strlen(names);
	const size_t len = strlen(name);
	if (size + 2 + len + 1 > NAMES_SIZE) {
		return;
	}
	if (size > 0) {
		memcpy(names + size, ", ", 2);
		size += 2;
	}
	memcpy(names + size, name, len + 1);
}

/** Count the machines that have such a socket: the last one's name in ret, all in names. */
static unsigned int count(DIR *folder, const char *file, char ret[NAME_MAX + 1], char *names) {
	unsigned int n = 0;
	names[0] = '\0';
	for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
		if (entry->d_name[0] != '.' && is_socket(dirfd(folder), entry->d_name, file)) {
			snprintf(ret, NAME_MAX + 1, "%s", entry->d_name);
			add_name(names, entry->d_name);
			n++;
		}
	}
	return n;
}

static int find_only(const char *command, const struct place_path *folder, const char *file,
		struct place_path *ret) {
	char name[NAME_MAX + 1] = "";
	char names[NAMES_SIZE] = "";
	DIR *dir = opendir(folder->text);
	const unsigned int n = dir != NULL ? count(dir, file, name, names) : 0;
	if (dir != NULL) {
		closedir(dir);
	}
	if (n == 0) {
		fprintf(stderr,
				"%s: no machine runs in %s that has a %s; --socket says where one "
				"is\n",
				command, folder->text, file);
		return -ENOENT;
	}
	if (n > 1) {
		fprintf(stderr, "%s: %u machines run; --name says which: %s\n", command, n, names);
		return -EINVAL;
	}
	return make_path(command, ret, "%s/%s/%s", folder->text, name, file);
}

/** A machine that was named. */
static int find_named(const char *command, const struct place_path *folder, const char *name,
		const char *file, struct place_path *ret) {
	int err = make_path(command, ret, "%s/%s/%s", folder->text, name, file);
	struct stat st;
	if (err == 0 && stat(ret->text, &st) < 0) {
		err = oriel_errno();
		char typed[TYPED_SIZE];
		fprintf(stderr, "%s: --name: no machine '%s' runs in %s that has a %s\n", command,
				typed_copy(name, typed), folder->text, file);
	}
	return err;
}

bool place_is_name(const char *text) {
	return text[0] != '\0' && text[0] != '.' && strchr(text, '/') == NULL;
}

int place_find_socket(const char *command, const struct place_wanted *place, const char *file,
		struct place_path *ret) {
	ret->was_typed = place->socket != NULL;
	if (place->socket != NULL) {
		return make_path(command, ret, "%s", place->socket);
	}
	struct place_path folder;
	int err = find_folder(command, &folder);
	if (err < 0) {
		return err;
	}
	return place->name != NULL ? find_named(command, &folder, place->name, file, ret)
				   : find_only(command, &folder, file, ret);
}

int place_fail_connect(const char *command, const struct place_path *path, int err) {
	char typed[TYPED_SIZE];
	fprintf(stderr, "%s: %s%s: %s\n", command, path->was_typed ? "--socket: " : "",
			typed_copy(path->text, typed), connect_explain(path->text, err));
	return err;
}
