// SPDX-License-Identifier: MIT
/*
 * `oriel shot` as it is installed, against a display socket: the picture has the guest's pixels,
 * and where there is none, one line says why.
 *
 * usage: shot_test PROGRAM
 */
#include "fixture/check.h"
#include "fixture/share_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;

struct stand {
	struct rig *rig;
	char folder[32];
	char socket[64];
	char picture[64];
	int listener;
	bool is_mute; // accepts nobody
	char said[512];
};

static int setup(void **state) {
	struct stand *stand = calloc(1, sizeof(*stand));
	assert_non_null(stand);
	void *rig = NULL;
	assert_int_equal(rig_setup(&rig), 0);
	stand->rig = rig;
	strcpy(stand->folder, "/tmp/shot_test_XXXXXX");
	assert_non_null(mkdtemp(stand->folder));
	snprintf(stand->socket, sizeof(stand->socket), "%s/s", stand->folder);
	snprintf(stand->picture, sizeof(stand->picture), "%s/out.png", stand->folder);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strcpy(address.sun_path, stand->socket);
	stand->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(stand->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(stand->listener, 4), 0);
	*state = stand;
	return 0;
}

static int teardown(void **state) {
	struct stand *stand = *state;
	close(stand->listener);
	unlink(stand->socket);
	unlink(stand->picture);
	int err = rmdir(stand->folder); // fails if a temporary file was left
	void *rig = stand->rig;
	err = rig_teardown(&rig) < 0 ? -1 : err;
	free(stand);
	return err;
}

/** Serve until the program has ended. Returns its exit status; what it said is in stand->said. */
static int serve(struct stand *stand, pid_t pid, int said_fd) {
	int status = 0;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int fd = stand->is_mute ? -1 : accept4(stand->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			assert_int_equal(oriel_share_add_client_take(stand->rig->share, fd), 0);
		}
		assert_int_equal(oriel_loop_dispatch(stand->rig->loop, 5), 0);
	}
	rig_run_share(stand->rig);
	ssize_t n = read(said_fd, stand->said, sizeof(stand->said) - 1);
	close(said_fd);
	assert_true(n >= 0);
	stand->said[n] = '\0';
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/** Run `oriel shot --socket=… ARGS…`; out_fd is its standard output, -1 for ours. */
static int run_shot(struct stand *stand, int out_fd, const char *const *args) {
	const char *argv[12] = { program, "shot", "--socket", stand->socket };
	for (size_t i = 0; args[i] != NULL; i++) {
		argv[4 + i] = args[i];
	}
	int said[2];
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(said[1], STDERR_FILENO);
		if (out_fd >= 0) {
			dup2(out_fd, STDOUT_FILENO);
		}
		execv(program, (char *const *)argv);
		_exit(99);
	}
	close(said[1]);
	return serve(stand, pid, said[0]);
}

#define SHOT(stand, ...) run_shot(stand, -1, (const char *const[]){ __VA_ARGS__, NULL })

/** The picture as rows of R, G, B without gaps; the caller frees it. */
static uint8_t *read_picture(const char *path, uint32_t *ret_width, uint32_t *ret_height) {
	png_image image = { .version = PNG_IMAGE_VERSION };
	CHECK(png_image_begin_read_from_file(&image, path) != 0, "%s: %s", path, image.message);
	assert_int_equal(image.format & PNG_FORMAT_FLAG_ALPHA, 0);
	image.format = PNG_FORMAT_RGB;
	uint8_t *pixels = calloc(image.height, (size_t)image.width * 3);
	assert_non_null(pixels);
	assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL) != 0);
	*ret_width = image.width;
	*ret_height = image.height;
	return pixels;
}

/** Compare the picture with a resource of B8G8R8X8, but for 64x64 pixels at 100,50. */
static void check_picture(const char *path, const struct oriel_resource *res, bool has_cursor) {
	uint32_t width, height;
	uint8_t *pixels = read_picture(path, &width, &height);
	assert_int_equal(width, res->width);
	assert_int_equal(height, res->height);
	for (uint32_t i = 0; i < width * height; i++) {
		uint32_t x = i % width;
		uint32_t y = i / width;
		const uint8_t *from = res->pixels + y * res->stride + x * 4;
		uint8_t want[3] = { from[2], from[1], from[0] };
		if (has_cursor && x >= 100 && x < 164 && y >= 50 && y < 114) {
			memcpy(want, (uint8_t[]){ 30, 20, 10 }, 3);
		}
		CHECK(memcmp(&pixels[i * 3], want, 3) == 0, "pixel %u,%u", x, y);
	}
	free(pixels);
}

static void set_cursor(struct rig *rig) {
	static uint8_t image[ORIEL_CURSOR_BYTES];
	for (size_t i = 0; i < sizeof(image); i += 4) {
		memcpy(&image[i], (uint8_t[]){ 10, 20, 30, 255 }, 4);
	}
	assert_int_equal(oriel_screen_set_cursor(&rig->screen, 0, image, 7, 7, 100, 50), 0);
}

static void test_pictures(void **state) {
	struct stand *stand = *state;
	struct oriel_resource *res = rig_create(stand->rig, 1, 333, 222);
	struct oriel_resource *other = rig_create(stand->rig, 2, 31, 17);
	rig_show(stand->rig, 0, res);
	rig_show(stand->rig, 3, other);
	set_cursor(stand->rig);
	assert_int_equal(SHOT(stand, stand->picture), 0);
	assert_string_equal(stand->said, "");
	check_picture(stand->picture, res, false);
	assert_int_equal(SHOT(stand, "--cursor", stand->picture), 0);
	check_picture(stand->picture, res, true);
	assert_int_equal(SHOT(stand, "--scanout=3", "--cursor", stand->picture), 0);
	check_picture(stand->picture, other, false);
	assert_int_equal(oriel_share_count_clients(stand->rig->share), 0);
}

static void test_standard_output(void **state) {
	struct stand *stand = *state;
	struct oriel_resource *res = rig_create(stand->rig, 1, 20, 10);
	rig_show(stand->rig, 0, res);
	int fd = open(stand->picture, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(run_shot(stand, fd, (const char *const[]){ "-", NULL }), 0);
	close(fd);
	check_picture(stand->picture, res, false);
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal >= 0) {
		assert_int_equal(run_shot(stand, terminal, (const char *const[]){ "-", NULL }), 2);
		assert_non_null(strstr(stand->said, "terminal"));
		close(terminal);
	}
}

static void test_no_picture(void **state) {
	struct stand *stand = *state;
	char line[256];
	assert_int_equal(SHOT(stand, stand->picture), 1);
	assert_string_equal(stand->said, "oriel shot: scanout 0 is off\n");
	assert_int_equal(SHOT(stand, "--scanout", "9", stand->picture), 1);
	assert_string_equal(stand->said, "oriel shot: no scanout 9: there are 4\n");
	rig_show(stand->rig, 0, rig_create(stand->rig, 1, 20, 10));
	assert_int_equal(SHOT(stand, "/nowhere/out.png"), 1);
	assert_string_equal(stand->said,
			"oriel shot: /nowhere/out.png: No such file or directory\n");
	stand->is_mute = true;
	assert_int_equal(SHOT(stand, "--timeout=1", stand->picture), 1);
	snprintf(line, sizeof(line), "oriel shot: %s: no answer within 1 s\n", stand->socket);
	assert_string_equal(stand->said, line);
	unlink(stand->socket);
	assert_int_equal(SHOT(stand, stand->picture), 1);
	snprintf(line, sizeof(line), "oriel shot: --socket: %s: there is no such socket\n",
			stand->socket);
	assert_string_equal(stand->said, line);
	assert_int_equal(access(stand->picture, F_OK), -1);
}

// A picture that was there is not touched when there is no new one.
static void test_an_old_picture_stays(void **state) {
	struct stand *stand = *state;
	struct oriel_resource *res = rig_create(stand->rig, 1, 20, 10);
	rig_show(stand->rig, 0, res);
	assert_int_equal(SHOT(stand, stand->picture), 0);
	rig_show(stand->rig, 0, NULL);
	assert_int_equal(SHOT(stand, stand->picture), 1);
	check_picture(stand->picture, res, false);
}

static void test_wrong_usage(void **state) {
	struct stand *stand = *state;
	static const struct {
		const char *name;
		const char *args[4];
	} cases[] = {
		{ "no file", { NULL } },
		{ "two files", { "a", "b" } },
		{ "unknown option", { "--foo", "a" } },
		{ "scanout too large", { "--scanout=16", "a" } },
		{ "scanout not a number", { "--scanout=x", "a" } },
		{ "no time", { "--timeout=0", "a" } },
		{ "value missing", { "a", "--scanout" } },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		int status = run_shot(stand, -1, cases[i].args);
		CHECK(status == 2, "%s: %d", cases[i].name, status);
		const char *end = strchr(stand->said, '\n');
		CHECK(strncmp(stand->said, "oriel shot: ", 12) == 0 && end != NULL &&
						end[1] == '\0',
				"%s: '%s'", cases[i].name, stand->said);
	}
}

int main(int argc, char **argv) {
	if (argc != 2) {
		fputs("usage: shot_test PROGRAM\n", stderr);
		return 2;
	}
	program = argv[1];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pictures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_standard_output, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_picture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_old_picture_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_usage, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
