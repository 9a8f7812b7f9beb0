// SPDX-License-Identifier: MIT
/* See place.h. */
#include "oriel/run/place.h"

#include "base/error.h"
#include "base/fd.h"
#include "oriel/run/say.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/** The folder may be removed by its last user between our making and locking it. */
#define MAX_ATTEMPTS 100

int place_find(struct place *place, const char *name) {
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	*place = (struct place){ .fd = -1, .lifeline = -1 };
	int n;
	if (runtime != NULL && runtime[0] == '/') {
		n = snprintf(place->parent, sizeof(place->parent), "%s/oriel", runtime);
	} else {
		n = snprintf(place->parent, sizeof(place->parent), "/tmp/oriel-%u", getuid());
	}
	if (n > 0 && (size_t)n < sizeof(place->parent)) {
		n = snprintf(place->path, sizeof(place->path), "%s/%s", place->parent, name);
	}
	if (n < 0 || (size_t)n >= sizeof(place->path)) {
		say("XDG_RUNTIME_DIR: too long for the sockets in it");
		return -ENAMETOOLONG;
	}
	return 0;
}

/** Remove all that is in the folder; there are no folders in it. */
static void sweep(int fd) {
	int copy = dup(fd);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	if (dir == NULL) {
		oriel_fd_close(&copy);
		return;
	}
	rewinddir(dir); // the copy shares its position
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		(void)unlinkat(fd, entry->d_name, 0);
	}
	closedir(dir);
}

/** Make a folder that is nobody else's. */
static int make_folder(const char *path) {
	struct stat st;
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		return oriel_errno();
	}
	if (lstat(path, &st) < 0) {
		return oriel_errno();
	}
	// Anybody may make one in /tmp, or a link.
	if (!S_ISDIR(st.st_mode)) {
		return -ENOTDIR;
	}
	return st.st_uid == getuid() && (st.st_mode & 077) == 0 ? 0 : -EPERM;
}

/**
 * Whether somebody has a socket there, without our lock: oriel-gpu as a service, or commands that
 * were pasted. To connect would be to take it for a VMM or a viewer, so the kernel's list is read.
 */
static bool has_living_socket(const char *path) {
	char line[512];
	bool found = false;
	FILE *list = fopen("/proc/net/unix", "re");
	while (list != NULL && !found && fgets(line, sizeof(line), list) != NULL) {
		const char *name = strchr(line, '/');
		size_t len = strlen(path);
		found = name != NULL && strncmp(name, path, len) == 0 && name[len] == '/';
	}
	if (list != NULL) {
		fclose(list);
	}
	return found;
}

/** Open and lock it. Returns 0, -EAGAIN if it has just been removed, -EBUSY, or -errno. */
static int lock_folder(struct place *place) {
	int err = make_folder(place->parent);
	if (err == 0) {
		err = make_folder(place->path);
	}
	if (err < 0) {
		return err == -ENOENT && access(place->parent, F_OK) < 0 ? -EAGAIN : err;
	}
	int fd = open(place->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		return errno == ENOENT ? -EAGAIN : oriel_errno();
	}
	struct stat opened, named;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err = errno == EWOULDBLOCK ? -EBUSY : oriel_errno();
	} else if (fstat(fd, &opened) < 0 || lstat(place->path, &named) < 0 ||
			opened.st_ino != named.st_ino || opened.st_dev != named.st_dev) {
		err = -EAGAIN;
	} else if (has_living_socket(place->path)) {
		err = -EBUSY;
	}
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	place->fd = fd;
	return 0;
}

static void run_sweeper(struct place *place, int lifeline) __attribute__((noreturn));

/** Wait until nobody has the other end, and clean up. It holds the lock until it has. */
static void run_sweeper(struct place *place, int lifeline) {
	(void)setsid(); // a terminal's signals are for the others
	(void)prctl(PR_SET_NAME, "oriel-sweeper");
	for (int i = 1; i < NSIG; i++) {
		(void)signal(i, SIG_IGN); // but for SIGKILL and SIGSTOP
	}
	// Nothing else stays open: a pipe to somebody who waits for its end may be among it.
	for (int fd = 0; fd < lifeline || fd < place->fd; fd++) {
		if (fd != lifeline && fd != place->fd) {
			(void)close(fd);
		}
	}
	const unsigned int last = (unsigned int)(lifeline > place->fd ? lifeline : place->fd);
	(void)syscall(SYS_close_range, last + 1, UINT_MAX, 0u);
	char byte;
	ssize_t n;
	do {
		n = read(lifeline, &byte, 1);
	} while (n < 0 && errno == EINTR);
	sweep(place->fd);
	(void)rmdir(place->path);
	(void)rmdir(place->parent); // if it was the last
	_exit(0);
}

static int start_sweeper(struct place *place) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0) {
		return oriel_errno();
	}
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(ends[1]);
		run_sweeper(place, ends[0]);
	}
	int err = pid < 0 ? oriel_errno() : 0;
	oriel_fd_close(&ends[0]);
	if (err < 0) {
		oriel_fd_close(&ends[1]);
		return err;
	}
	place->lifeline = ends[1];
	place->sweeper = pid;
	return 0;
}

int place_open(struct place *place) {
	int err = -EAGAIN;
	for (int i = 0; i < MAX_ATTEMPTS && err == -EAGAIN; i++) {
		err = lock_folder(place);
	}
	if (err == -EBUSY) {
		say("%s: a machine of this name is running; --name gives another one", place->path);
		return err;
	}
	if (err == 0) {
		sweep(place->fd);
		err = start_sweeper(place);
	}
	if (err < 0) {
		say("%s: %s", place->path,
				err == -EPERM ? "not a folder of yours alone" : strerror(-err));
		oriel_fd_close(&place->fd);
	}
	return err;
}

void place_close(struct place *place) {
	oriel_fd_close(&place->lifeline);
	oriel_fd_close(&place->fd);
	if (place->sweeper > 0) {
		(void)waitpid(place->sweeper, NULL, 0);
		place->sweeper = 0;
	}
}
