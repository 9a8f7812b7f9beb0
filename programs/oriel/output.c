// SPDX-License-Identifier: MIT
/* See output.h. */
#include "oriel/output.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Make output->file of a descriptor, which is taken. */
static int open_take(struct output *output, int fd) {
	output->file = fdopen(fd, "wb");
	if (output->file == NULL) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	return 0;
}

/** Write to what is there already. */
static int begin_in_place(struct output *output, const char *path) {
	output->file = fopen(path, "wbe");
	return output->file != NULL ? 0 : oriel_errno();
}

static int begin_beside(struct output *output, const char *path) {
	// A link stays one: the file that it names is replaced.
	output->path = realpath(path, NULL);
	if (output->path == NULL) {
		output->path = strdup(path);
	}
	if (output->path == NULL || asprintf(&output->temporary, "%s.XXXXXX", output->path) < 0) {
		output->temporary = NULL;
		return -ENOMEM;
	}
	int fd = mkostemp(output->temporary, O_CLOEXEC);
	if (fd < 0) {
		int err = oriel_errno();
		free(output->temporary);
		output->temporary = NULL;
		return err;
	}
	mode_t mask = umask(0);
	umask(mask);
	if (fchmod(fd, 0666 & ~mask) < 0) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	return open_take(output, fd);
}

int output_begin(struct output *output, const char *path) {
	*output = (struct output){ 0 };
	int err = 0;
	struct stat st;
	if (strcmp(path, "-") == 0) {
		int fd = -1;
		err = oriel_fd_dup(STDOUT_FILENO, &fd);
		if (err == 0) {
			err = open_take(output, fd);
		}
	} else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		err = begin_in_place(output, path);
	} else {
		err = begin_beside(output, path);
	}
	if (err < 0) {
		output_drop(output);
	}
	return err;
}

int output_end(struct output *output) {
	int err = fflush(output->file) != 0 || ferror(output->file) ? oriel_errno() : 0;
	if (fclose(output->file) != 0 && err == 0) {
		err = oriel_errno();
	}
	output->file = NULL;
	if (err == 0 && output->temporary != NULL) {
		if (rename(output->temporary, output->path) < 0) {
			err = oriel_errno();
		} else {
			free(output->temporary);
			output->temporary = NULL;
		}
	}
	output_drop(output);
	return err;
}

void output_drop(struct output *output) {
	if (output->file != NULL) {
		fclose(output->file);
	}
	if (output->temporary != NULL) {
		unlink(output->temporary);
	}
	free(output->temporary);
	free(output->path);
	*output = (struct output){ 0 };
}
