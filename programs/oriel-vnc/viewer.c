// SPDX-License-Identifier: MIT
/*
 * A viewer's process. See viewer.h; why each viewer has one: main.c.
 *
 * LibVNCServer is called for one client only, from one loop, and may block in it as long as it
 * likes: in the middle of a message that does not come to its end, or writing to a viewer that does
 * not read (which it gives up after CLIENT_WAIT_MS). Nobody else waits for this process.
 *
 * The display socket is connected to when the viewer has been let in, and not before.
 */
#include "oriel-vnc/viewer.h"

#include "base/error.h"
#include "base/fd.h"
#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <rfb/rfbregion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/** How long a viewer may take to be let in; people type passwords. */
#define HANDSHAKE_TIMEOUT_MS 10000
#define PASSWORD_TIMEOUT_MS 60000
#define ALARM_AFTER_MS 1000

/** How long a viewer may not read, or leave a message unfinished, before it is given up. */
#define CLIENT_WAIT_MS 30000

/** A wrong password is answered after this time. */
#define WRONG_PASSWORD_DELAY_S 1

/** Messages of a viewer in one turn, so that it cannot keep us from the screen. */
#define MAX_MESSAGES 64

/** Rectangles in one update; from there on LibVNCServer sends what encloses them. */
#define MAX_RECTS 1000

/** What LibVNCServer logs has no argument of ours, so these are globals. */
static const struct viewer *logging_viewer;

void viewer_log(const struct viewer *viewer, enum oriel_log_level level, const char *format, ...) {
	char line[512];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_print(&viewer->setup->log, level, "viewer %s: %s", viewer->setup->peer, line);
}

ORIEL_PRINTF(1, 2)
static void log_library(const char *format, ...) {
	if (logging_viewer == NULL || logging_viewer->setup->log.max_level < ORIEL_LOG_DEBUG) {
		return;
	}
	char line[512];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	line[strcspn(line, "\n")] = '\0';
	viewer_log(logging_viewer, ORIEL_LOG_DEBUG, "LibVNCServer: %s", line);
}

/*
 * LibVNCServer's own makes a challenge of the time and the process's number, which can be guessed.
 * A program's function goes before a library's of the same name.
 */
void rfbRandomBytes(unsigned char *bytes) {
	if (getrandom(bytes, CHALLENGESIZE, 0) != CHALLENGESIZE) {
		abort(); // no password may be asked for with a challenge that is none
	}
}

static int64_t get_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Tell the program. Nothing is done if that fails: this process is about to be ended then. */
static void report(const struct viewer *viewer, char byte) {
	ssize_t n = write(viewer->report_fd, &byte, 1);
	(void)n;
}

static rfbBool check_password(rfbClientPtr client, const char *response, int size) {
	struct viewer *viewer = client->screen->screenData;
	if (rfbCheckPasswordByList(client, response, size)) {
		return TRUE;
	}
	viewer->status = VIEWER_DENIED;
	report(viewer, VIEWER_REPORT_DENIED);
	const struct timespec delay = { .tv_sec = WRONG_PASSWORD_DELAY_S };
	nanosleep(&delay, NULL);
	return FALSE;
}

/** LibVNCServer has made the client: it knows now which way it came. */
static enum rfbNewClientAction handle_new_client(rfbClientPtr client) {
	struct viewer *viewer = client->screen->screenData;
	client->clientData = viewer;
	client->viewOnly = viewer->setup->options->view_only;
	// A page of anybody's can open WebSockets to this machine. They need the token.
	if ((client->wsctx != NULL) != viewer->setup->is_web) {
		viewer->status = VIEWER_WRONG_WAY;
		return RFB_CLIENT_REFUSE;
	}
	return RFB_CLIENT_ACCEPT;
}

static void drop_text(char *text, int size, rfbClientPtr client) {
	(void)text;
	(void)size;
	(void)client;
}

static int make_screen(struct viewer *viewer, char **passwords) {
	rfbScreenInfoPtr screen = rfbGetScreen(NULL, NULL, SCREEN_WIDTH, SCREEN_HEIGHT, 8, 3, 4);
	if (screen == NULL) {
		return -ENOMEM;
	}
	viewer->screen = screen;
	screen->screenData = viewer;
	screen->desktopName = viewer->setup->options->name;
	screen->alwaysShared = TRUE;
	screen->deferUpdateTime = 0;
	screen->maxRectsPerUpdate = MAX_RECTS;
	screen->maxClientWait = CLIENT_WAIT_MS;
	screen->cursor = NULL;
	screen->newClientHook = handle_new_client;
	screen->kbdAddEvent = input_handle_key;
	screen->ptrAddEvent = input_handle_pointer;
	screen->setDesktopSizeHook = screen_handle_size;
	screen->setXCutText = drop_text;
	screen->setXCutTextUTF8 = drop_text;
	if (viewer->setup->password != NULL) {
		passwords[0] = viewer->setup->password;
		passwords[1] = NULL;
		screen->authPasswdData = passwords;
		screen->authPasswdFirstViewOnly = 1;
		screen->passwordCheck = check_password;
	}
	return 0;
}

static int64_t get_handshake_ms(const struct viewer *viewer) {
	return viewer->setup->password != NULL ? PASSWORD_TIMEOUT_MS : HANDSHAKE_TIMEOUT_MS;
}

/**
 * Limit the time until the viewer is in also while LibVNCServer waits in the middle of a message,
 * of which a byte may come now and then for ever.
 */
static void set_alarm(const struct viewer *viewer) {
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned int)((get_handshake_ms(viewer) + ALARM_AFTER_MS) / 1000));
}

/** The viewer sees the screen from now on. */
static void handle_in(struct viewer *viewer) {
	alarm(0);
	viewer->is_in = true;
	viewer->known_width = (uint32_t)viewer->screen->width;
	viewer->known_height = (uint32_t)viewer->screen->height;
	report(viewer, VIEWER_REPORT_IN);
}

/** Handle one message. Returns 0 or -errno: the screen is gone. */
static int handle_message(struct viewer *viewer) {
	rfbClientPtr client = viewer->client;
	if (client->state == RFB_INITIALISATION && viewer->display == NULL) {
		int err = screen_connect(viewer);
		if (err < 0) {
			return err;
		}
	}
	rfbProcessClientMessage(client);
	if (client->sock < 0 || client->state != RFB_NORMAL || viewer->is_in) {
		return 0;
	}
	handle_in(viewer);
	return viewer->display == NULL ? screen_connect(viewer) : 0;
}

/** Whether LibVNCServer has more of a WebSocket's frame, which its descriptor does not tell of. */
static bool has_rest_of_frame(const struct viewer *viewer) {
	rfbClientPtr client = viewer->client;
	return client->sock >= 0 && client->wsctx != NULL && webSocketsHasDataInBuffer(client);
}

static bool has_input(const struct viewer *viewer) {
	struct pollfd pollfd = { .fd = viewer->client->sock, .events = POLLIN };
	return has_rest_of_frame(viewer) || poll(&pollfd, 1, 0) > 0;
}

/** Whether the display socket takes what a message may make us send. */
static bool display_is_ready(const struct viewer *viewer) {
	return viewer->display == NULL ||
	       (oriel_client_get_poll_events(viewer->display) & POLLOUT) == 0;
}

static int handle_messages(struct viewer *viewer) {
	for (int i = 0; i < MAX_MESSAGES && viewer->client->sock >= 0; i++) {
		int err = handle_message(viewer);
		if (err == 0 && viewer->display != NULL) {
			err = screen_dispatch(viewer);
		}
		if (err < 0) {
			return err;
		}
		if (viewer->client->sock < 0 || !display_is_ready(viewer) || !has_input(viewer)) {
			return 0;
		}
	}
	return 0;
}

/** A viewer that does not know DesktopSize cannot see a screen of another size. */
static bool follows_size(struct viewer *viewer) {
	rfbClientPtr client = viewer->client;
	uint32_t width = (uint32_t)viewer->screen->width;
	uint32_t height = (uint32_t)viewer->screen->height;
	if (width == viewer->known_width && height == viewer->known_height) {
		return true;
	}
	if (!client->useNewFBSize) {
		viewer->status = VIEWER_CANNOT;
		rfbCloseClient(client);
		return false;
	}
	// It is told with the next update.
	client->newFBSizePending = TRUE;
	viewer->known_width = width;
	viewer->known_height = height;
	return true;
}

/** Send what changed, if the viewer has asked for it. Returns 0 or -errno. */
static int update(struct viewer *viewer) {
	rfbClientPtr client = viewer->client;
	if (!viewer->is_in || client->sock < 0 || sraRgnEmpty(client->requestedRegion)) {
		return 0;
	}
	screen_update(viewer);
	int err = screen_dispatch(viewer); // the frame is taken before the long work begins
	if (err < 0 || !follows_size(viewer)) {
		return err;
	}
	extension_update(viewer);
	if (client->sock >= 0) {
		rfbUpdateClient(client);
	}
	// A frame that came while one was taken that changed nothing: the viewer still waits for an
	// update, so nobody but ourselves will call again.
	if (!oriel_rect_is_empty(&viewer->damage) && !sraRgnEmpty(client->requestedRegion)) {
		viewer->display_has_more = true;
	}
	return 0;
}

/** Wait for something to do. Returns whether the viewer is still wanted. */
static bool wait_for_work(struct viewer *viewer, int64_t deadline_ms, bool *ret_client,
		bool *ret_display) {
	struct pollfd fds[2] = {
		{ .fd = viewer->client->sock, .events = display_is_ready(viewer) ? POLLIN : 0 },
		{ .fd = -1 },
	};
	if (viewer->display != NULL) {
		fds[1].fd = oriel_client_get_fd(viewer->display);
		fds[1].events = oriel_client_get_poll_events(viewer->display);
	}
	int64_t left_ms = -1;
	if (!viewer->is_in) {
		left_ms = deadline_ms - get_now_ms();
		if (left_ms <= 0) {
			viewer_log(viewer, ORIEL_LOG_DEBUG, "took too long to begin");
			return false;
		}
	}
	bool has_rest = display_is_ready(viewer) && has_rest_of_frame(viewer);
	if (viewer->display_has_more || has_rest) {
		left_ms = 0;
	}
	int n = poll(fds, 2, (int)left_ms);
	*ret_client = has_rest || (n > 0 && fds[0].revents != 0);
	*ret_display = viewer->display_has_more || (n > 0 && fds[1].revents != 0);
	return true;
}

static void serve(struct viewer *viewer) {
	int64_t deadline_ms = get_now_ms() + get_handshake_ms(viewer);
	while (viewer->client->sock >= 0) {
		bool from_client, from_display;
		if (!wait_for_work(viewer, deadline_ms, &from_client, &from_display)) {
			return;
		}
		int err = from_client ? handle_messages(viewer) : 0;
		if (err == 0 && from_display && viewer->display != NULL) {
			err = screen_dispatch(viewer);
		}
		if (err == 0 && viewer->client->sock >= 0) {
			err = update(viewer);
		}
		if (err < 0) {
			viewer->status = VIEWER_FAILED;
			return;
		}
	}
}

enum viewer_status viewer_run_take(const struct viewer_setup *setup, int fd, int report_fd) {
	struct viewer viewer = { .setup = setup, .report_fd = report_fd };
	char *passwords[2] = { NULL, NULL };
	signal(SIGPIPE, SIG_IGN);
	set_alarm(&viewer);
	rfbLog = log_library;
	rfbErr = log_library;
	extension_register();
	if (make_screen(&viewer, passwords) < 0) {
		oriel_fd_close(&fd);
		return VIEWER_FAILED;
	}
	// Only from here on: what it logs of a WebSocket's handshake has the token in it.
	viewer.client = rfbNewClient(viewer.screen, fd);
	logging_viewer = &viewer;
	if (viewer.client != NULL) {
		serve(&viewer);
		oriel_client_destroy(viewer.display); // which releases what the viewer holds
		viewer.display = NULL;
		rfbCloseClient(viewer.client);
		rfbClientConnectionGone(viewer.client);
	}
	logging_viewer = NULL;
	return viewer.status;
}
