// SPDX-License-Identifier: MIT
/* See files.h. */
#include "oriel-vnc/files.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** noVNC has about 50 scripts of 600 KB; whoever names another folder is told early. */
#define MAX_FILES 512
#define MAX_BYTES (16u << 20)
#define MAX_DEPTH 8
#define MAX_PATH 256

/** noVNC's path, as browsers see it. */
#define PREFIX "/novnc/"

/** What noVNC's connection is made of; there may be more in the folder, which nobody needs. */
static const char *const folders[] = { "core", "vendor" };

/** The one that our page begins with. */
#define FIRST_SCRIPT "core/rfb.js"

static int read_all(int fd, uint8_t *bytes, size_t size) {
	size_t done = 0;
	while (done < size) {
		ssize_t n = read(fd, bytes + done, size - done);
		if (n < 0) {
			return oriel_errno();
		}
		if (n == 0) {
			return -EIO; // it became shorter
		}
		done += (size_t)n;
	}
	return 0;
}

/** Keep a file. name is its path within noVNC. */
static int add_file(struct files *files, int fd, const char *name, size_t size) {
	if (files->n == MAX_FILES || size > MAX_BYTES - files->n_bytes) {
		return -EFBIG;
	}
	struct file *list = realloc(files->list, (files->n + 1) * sizeof(*list));
	if (list == NULL) {
		return -ENOMEM;
	}
	files->list = list;
	char *path = malloc(strlen(PREFIX) + strlen(name) + 1);
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	int err = path != NULL && bytes != NULL ? read_all(fd, bytes, size) : -ENOMEM;
	if (err < 0) {
		free(path);
		free(bytes);
		return err;
	}
	stpcpy(stpcpy(path, PREFIX), name);
	list[files->n++] = (struct file){ path, "text/javascript", bytes, size };
	files->n_bytes += size;
	return 0;
}

static bool is_script(const char *name) {
	size_t len = strlen(name);
	return len > 3 && strcmp(name + len - 3, ".js") == 0;
}

static int add_folder(struct files *files, int fd, const char *name, int depth);

/** Keep what a folder has at this name, if it is a script or a folder with such. */
static int add_entry(struct files *files, int folder, const char *entry, const char *name,
		int depth) {
	int fd = openat(folder, entry, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	int err = 0;
	if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
		return add_folder(files, fd, name, depth + 1); // which closes it
	}
	if (S_ISREG(st.st_mode) && is_script(entry)) {
		err = add_file(files, fd, name, (size_t)st.st_size);
	}
	oriel_fd_close(&fd);
	return err;
}

/** Keep all scripts of a folder. Takes fd. */
static int add_folder(struct files *files, int fd, const char *name, int depth) {
	DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	int err = 0;
	for (struct dirent *entry = readdir(dir); entry != NULL && err == 0; entry = readdir(dir)) {
		char path[MAX_PATH];
		if (entry->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", name,
							       entry->d_name) >= MAX_PATH) {
			continue;
		}
		err = add_entry(files, fd, entry->d_name, path, depth);
	}
	closedir(dir);
	return err;
}

int files_init(struct files *files, const char *program, const char *novnc) {
	*files = (struct files){ 0 };
	int err = 0;
	int fd = open(novnc, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (fd < 0) {
		err = oriel_errno();
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(folders) && err == 0; i++) {
		err = add_entry(files, fd, folders[i], folders[i], 0);
	}
	oriel_fd_close(&fd);
	if (err == 0 && files_find(files, PREFIX FIRST_SCRIPT) == NULL) {
		err = -ENOENT;
	}
	if (err < 0) {
		fprintf(stderr,
				"%s: --web needs noVNC, which is not in %s: %s; it is Debian's "
				"package novnc, and --novnc=DIR names another place\n",
				program, novnc, strerror(-err));
		files_finish(files);
	}
	return err;
}

const struct file *files_find(const struct files *files, const char *path) {
	for (const struct file *file = page_files; file->path != NULL; file++) {
		if (strcmp(file->path, path) == 0) {
			return file;
		}
	}
	for (size_t i = 0; i < files->n; i++) {
		if (strcmp(files->list[i].path, path) == 0) {
			return &files->list[i];
		}
	}
	return NULL;
}

void files_finish(struct files *files) {
	for (size_t i = 0; i < files->n; i++) {
		free((char *)files->list[i].path);
		free((uint8_t *)files->list[i].bytes);
	}
	free(files->list);
	*files = (struct files){ 0 };
}
