// SPDX-License-Identifier: MIT
/* Tests of output.h: what is in a folder afterwards. */
#include "oriel/output.h"

#include "fixture/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char folder[32];
	char path[64];
	mode_t mask;
};

static int setup(void **state) {
	struct place *place = calloc(1, sizeof(*place));
	assert_non_null(place);
	strcpy(place->folder, "/tmp/output_test_XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->path, sizeof(place->path), "%s/out", place->folder);
	place->mask = umask(027);
	*state = place;
	return 0;
}

static int count_files(const struct place *place) {
	DIR *dir = opendir(place->folder);
	int n = 0;
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		n += entry->d_name[0] != '.' ? 1 : 0;
	}
	closedir(dir);
	return n;
}

static int teardown(void **state) {
	struct place *place = *state;
	char path[80];
	umask(place->mask);
	unlink(place->path);
	snprintf(path, sizeof(path), "%s/link", place->folder);
	unlink(path);
	int err = rmdir(place->folder); // fails if anything was left behind
	free(place);
	return err;
}

static bool has_text(const char *path, const char *text) {
	char buf[64] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	return n >= 0 && strcmp(buf, text) == 0;
}

static void test_it_appears_at_the_end(void **state) {
	struct place *place = *state;
	struct output output;
	assert_int_equal(output_begin(&output, place->path), 0);
	fputs("hello", output.file);
	assert_int_equal(access(place->path, F_OK), -1);
	assert_int_equal(output_end(&output), 0);
	assert_true(has_text(place->path, "hello"));
	assert_int_equal(count_files(place), 1);
	struct stat st;
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void test_an_old_one_stays_until_then(void **state) {
	struct place *place = *state;
	struct output output;
	assert_int_equal(output_begin(&output, place->path), 0);
	fputs("old", output.file);
	assert_int_equal(output_end(&output), 0);
	assert_int_equal(output_begin(&output, place->path), 0);
	fputs("new", output.file);
	output_drop(&output);
	assert_true(has_text(place->path, "old"));
	assert_int_equal(count_files(place), 1);
	assert_int_equal(output_begin(&output, place->path), 0);
	fputs("new", output.file);
	assert_int_equal(output_end(&output), 0);
	assert_true(has_text(place->path, "new"));
}

static void test_a_link_stays_a_link(void **state) {
	struct place *place = *state;
	char link[80];
	snprintf(link, sizeof(link), "%s/link", place->folder);
	struct output output;
	assert_int_equal(output_begin(&output, place->path), 0);
	assert_int_equal(output_end(&output), 0);
	assert_int_equal(symlink(place->path, link), 0);
	assert_int_equal(output_begin(&output, link), 0);
	fputs("through", output.file);
	assert_int_equal(output_end(&output), 0);
	assert_true(has_text(place->path, "through"));
	struct stat st;
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void test_devices_are_not_replaced(void **state) {
	(void)state;
	struct output output;
	assert_int_equal(output_begin(&output, "/dev/null"), 0);
	fputs("nothing", output.file);
	assert_int_equal(output_end(&output), 0);
	struct stat st;
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void test_what_cannot_be_written(void **state) {
	struct place *place = *state;
	struct output output;
	char path[96];
	snprintf(path, sizeof(path), "%s/none/out", place->folder);
	assert_int_equal(output_begin(&output, path), -ENOENT);
	assert_int_equal(output_begin(&output, place->folder), -EISDIR);
	if (access("/dev/full", W_OK) == 0) {
		assert_int_equal(output_begin(&output, "/dev/full"), 0);
		fputs("much", output.file);
		assert_int_equal(output_end(&output), -ENOSPC);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_it_appears_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_old_one_stays_until_then, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_link_stays_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_are_not_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_written, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
