// SPDX-License-Identifier: MIT
/*
 * One viewer, in a process of its own: LibVNCServer on one side, the display socket on the other.
 *
 * viewer.c has the loop and LibVNCServer's calls, screen.c what comes from the display socket,
 * input.c what goes there, extension.c what LibVNCServer itself does not know of the protocol.
 */
#ifndef ORIEL_VNC_VIEWER_H
#define ORIEL_VNC_VIEWER_H

#include "oriel-vnc/keyboard.h"
#include "oriel-vnc/options.h"
#include "oriel-vnc/picture.h"

#include <rfb/rfb.h>

/** How a viewer's process ends. */
enum viewer_status {
	VIEWER_ENDED = 0,    // it went, or never really came
	VIEWER_FAILED = 1,   // the display socket, or memory
	VIEWER_DENIED = 2,   // a wrong password
	VIEWER_CANNOT = 3,   // it cannot follow a change of the screen's size
	VIEWER_WRONG_WAY = 4 // a WebSocket at the door of VNC viewers
};

/** What a viewer's process writes to its report_fd, once. */
#define VIEWER_REPORT_IN '\0'
#define VIEWER_REPORT_DENIED 'D' // at once: its end comes later, or by force

/** What a viewer's process is told. All pointers are borrowed. */
struct viewer_setup {
	const struct options *options;
	const struct keymap *keymap;
	struct oriel_log_sink log;
	char *password; // NULL: none is asked for
	const char *peer;
	bool is_web;
};

/** A cursor as LibVNCServer wants it, with all its memory. */
struct viewer_cursor {
	rfbCursor shape;
	uint32_t n_pixels;
	uint8_t mask[ORIEL_CLIENT_CURSOR_SIDE * ORIEL_CLIENT_CURSOR_SIDE / 8];
	uint8_t colours[ORIEL_CLIENT_CURSOR_SIDE * ORIEL_CLIENT_CURSOR_SIDE * 4];
	uint8_t alpha[ORIEL_CLIENT_CURSOR_SIDE * ORIEL_CLIENT_CURSOR_SIDE];
	uint64_t serial; // of the image that it was made from; 0: none
};

struct viewer {
	const struct viewer_setup *setup;
	enum viewer_status status;
	int report_fd; // a byte goes there when the viewer sees the screen, or is denied it

	rfbScreenInfoPtr screen;
	rfbClientPtr client; // NULL: gone
	bool is_in;          // it has been let in and sees the screen
	struct picture picture;

	// The size that it knows of.
	uint32_t known_width, known_height;

	struct oriel_client *display; // NULL: not connected yet
	bool display_has_more;        // events may wait in it that its descriptor does not tell of
	bool has_signal;
	bool told_too_large; // a screen too large for SCREEN_MAX_PIXELS was logged
	bool has_frame;      // one is to be painted and then taken
	struct oriel_rect damage;
	uint32_t size_token; // of a size that was asked for; 0: none

	struct viewer_cursor cursor;
	bool has_cursor; // the guest ever set one

	struct input input;

	// What LibVNCServer does not know: see extension.c.
	int n_encodings; // SetEncodings that it sent and we know of
	bool wants_key_codes, told_key_codes;
	int32_t cursor_encoding; // 0: it does the cursor itself
	bool cursor_is_new;
};

/**
 * Serve a viewer until it goes. fd is its connection, closed in the end; report_fd is borrowed.
 *
 * Returns the process's exit status.
 */
enum viewer_status viewer_run_take(const struct viewer_setup *setup, int fd, int report_fd);

/** Log about this viewer. */
ORIEL_PRINTF(3, 4)
void viewer_log(const struct viewer *viewer, enum oriel_log_level level, const char *format, ...);

/** What viewers see before the guest has a screen. */
#define SCREEN_WIDTH 1280
#define SCREEN_HEIGHT 800

/** A viewer's picture is 4 bytes a pixel, which count in no budget of the device's. */
#define SCREEN_MAX_PIXELS (8192u * 8192u)

/** Connect to the display socket and wait for the screen. Returns 0, or -errno having logged it. */
ORIEL_MUST_CHECK
int screen_connect(struct viewer *viewer);

/** Handle what the display socket has. Returns 0, or -errno having logged it: the screen is gone.
 */
ORIEL_MUST_CHECK
int screen_dispatch(struct viewer *viewer);

/** Copy what changed into the picture, and have the next frame sent. */
void screen_update(struct viewer *viewer);

/** LibVNCServer's hooks. */
int screen_handle_size(int width, int height, int n_screens, struct rfbExtDesktopScreen *screens,
		rfbClientPtr client);
void input_handle_key(rfbBool is_down, rfbKeySym keysym, rfbClientPtr client);
void input_handle_pointer(int mask, int x, int y, rfbClientPtr client);

/** A key by its code, as a viewer with QEMU's extension tells it. */
void input_handle_key_code(struct viewer *viewer, bool is_down, uint32_t keysym, uint32_t code);

/** Whether the viewer itself moves the pointer now. */
bool input_is_pointing(const struct viewer *viewer);

/** Make what LibVNCServer lacks known to it. Once. */
void extension_register(void);

/** Send what is due of it. Nothing but the client's socket can fail, which closes the client. */
void extension_update(struct viewer *viewer);

#endif
