// SPDX-License-Identifier: MIT
/*
 * oriel-vnc: a virtual machine's screen for VNC viewers and browsers.
 *
 * Theory of operation. This process owns the doors: a socket for VNC viewers, one for browsers. It
 * knows who has come and how many there are, serves the web page's files, checks the token of
 * WebSockets, and reads no byte of RFB. Each viewer gets a process of its own, made by fork(),
 * which runs LibVNCServer for this one client and is a client of the display socket of its own.
 *
 * Why a process for each viewer. LibVNCServer reads and writes until a message is complete, and
 * waits in select() if the other side does not (rfbReadExact, rfbWriteExact): in one thread, one
 * viewer that stops reading would stop all others for as long as it likes. Its own threads do not
 * help enough: rfbNewFramebuffer(), called when the guest changes its resolution, takes each
 * client's send lock while another client may be writing with it held, and clients share the
 * cursor's lock and the cursor's drawing in the one frame buffer. And its decoders face the
 * network: what breaks in one of them ends one viewer, and finds there neither the token nor the
 * other viewers' connections.
 *
 * It costs little, since the display socket is made for it: pixels are shared memory, each client
 * has its own pending damage, and one that does not take its frames costs nobody anything. So a
 * viewer that never reads holds up its own process and no more. A process copies what changed once
 * (a private picture, see picture.h), and the time that encoding takes is spent on as many cores as
 * there are viewers.
 *
 * GPL: LibVNCServer is licensed under the GPL, version 2 or later, and so is this program as it is
 * linked. Its sources are under the MIT licence like all of Oriel's.
 */
#include "base/error.h"
#include "common/log.h"
#include "common/typed.h"
#include "oriel-vnc/server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1, // something failed while the program ran or began
	STATUS_USAGE = 2,  // the command line makes no sense
};

#define MAX_PASSWORD 255

/** Read the first line of a file. Returns 0, or -errno after printing why not. */
static int read_password(const struct options *options, struct oriel_log_sink *log,
		char password[MAX_PASSWORD + 1]) {
	FILE *file = fopen(options->password_file, "re");
	bool is_read = file != NULL && fgets(password, MAX_PASSWORD + 1, file) != NULL;
	int err = file == NULL || ferror(file) ? oriel_errno() : 0; // a folder can be opened
	if (file != NULL) {
		fclose(file);
	}
	if (is_read) {
		password[strcspn(password, "\r\n")] = '\0';
	}
	if (!is_read || password[0] == '\0') {
		char typed[TYPED_SIZE];
		fprintf(stderr, "oriel-vnc: --password-file: %s: %s\n",
				typed_copy(options->password_file, typed),
				err < 0 ? strerror(-err) : "its first line is empty");
		return err < 0 ? err : -EINVAL;
	}
	if (strlen(password) > PASSWORD_SIZE) {
		log_print(log, ORIEL_LOG_WARN,
				"only the first %d bytes of the password count: VNC uses no more",
				PASSWORD_SIZE);
		explicit_bzero(password + PASSWORD_SIZE, MAX_PASSWORD + 1 - PASSWORD_SIZE);
	}
	return 0;
}

/** All that may fail before anybody can come. Returns 0, or -errno after printing why not. */
static int prepare(struct server *server, char *password) {
	const struct options *options = server->options;
	int err = keymap_init(&server->keymap, options->keymap);
	if (err < 0) {
		char typed[TYPED_SIZE];
		fprintf(stderr, "oriel-vnc: --keymap: %s: %s\n", typed_copy(options->keymap, typed),
				err == -EINVAL ? "there is no such layout" : strerror(-err));
		return err;
	}
	if (options->password_file != NULL) {
		err = read_password(options, &server->log, password);
		server->password = password;
	}
	if (err == 0 && options->has_web) {
		err = files_init(&server->web.files, "oriel-vnc", options->novnc);
	}
	if (err == 0 && options->has_web) {
		err = web_make_token(&server->web);
		if (err < 0) {
			fprintf(stderr, "oriel-vnc: no random numbers: %s\n", strerror(-err));
		}
	}
	if (err == 0) {
		err = server_connect(server);
	}
	return err < 0 ? err : server_open(server);
}

int main(int argc, char **argv) {
	static struct server server; // its tables are no matter for a stack
	static char name[] = "oriel-vnc";
	struct options options;
	char password[MAX_PASSWORD + 1] = "";
	if (options_parse(argc, argv, &options) < 0) {
		return STATUS_USAGE;
	}
	if (options.help) {
		options_print_help();
		return STATUS_OK;
	}
	if (options.version) {
		puts("oriel-vnc " ORIEL_VERSION);
		return STATUS_OK;
	}
	server_init(&server, &options, log_make_sink(name, options.log_level));
	int err = prepare(&server, password);
	if (err == 0) {
		err = server_run(&server);
	}
	server_finish(&server);
	explicit_bzero(password, sizeof(password));
	return err < 0 ? STATUS_FAILED : STATUS_OK;
}
