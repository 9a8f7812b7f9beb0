// SPDX-License-Identifier: MIT
/*
 * What comes from the display socket: the screen and the guest's cursor. See viewer.h.
 *
 * A frame is copied when the viewer has asked for an update, and taken right after. So a viewer
 * that asks for nothing costs nothing: the server merges what it misses.
 */
#include "oriel-vnc/viewer.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/** The screen must be told of within this time. */
#define CONNECT_TIMEOUT_MS 5000

/** Events of one turn, so that a busy cursor cannot keep us from the viewer. */
#define MAX_EVENTS 64

/** The middle of what counts as opaque for a cursor without alpha. */
#define OPAQUE 128

static void mark_changed(void *user, const struct oriel_rect *part) {
	struct viewer *viewer = user;
	rfbMarkRectAsModified(viewer->screen, (int)part->x, (int)part->y,
			(int)(part->x + part->width), (int)(part->y + part->height));
}

static void mark_all(struct viewer *viewer) {
	struct oriel_rect all = { 0, 0, viewer->picture.width, viewer->picture.height };
	mark_changed(viewer, &all);
}

static int resize(struct viewer *viewer, uint32_t width, uint32_t height) {
	int err = picture_set_size(&viewer->picture, width, height);
	if (err < 0) {
		viewer_log(viewer, ORIEL_LOG_ERROR, "no memory for a screen of %ux%u", width,
				height);
		return err;
	}
	rfbNewFramebuffer(viewer->screen, (char *)viewer->picture.pixels, (int)width, (int)height,
			8, 3, 4);
	return 0;
}

/** Whether a scanout is more than a viewer may cost in memory, or than RFB has numbers for. */
static bool is_too_large(struct viewer *viewer, const struct oriel_client_scanout *scanout) {
	if ((uint64_t)scanout->width * scanout->height <= SCREEN_MAX_PIXELS &&
			scanout->width <= UINT16_MAX && scanout->height <= UINT16_MAX) {
		return false;
	}
	if (!viewer->told_too_large) {
		viewer->told_too_large = true;
		viewer_log(viewer, ORIEL_LOG_WARN, "a screen of %ux%u is too large to be shown",
				scanout->width, scanout->height);
	}
	return true;
}

/** The scanout shows another buffer, has another size, or is off. */
static int handle_scanout(struct viewer *viewer) {
	const struct oriel_client_scanout *scanout =
			oriel_client_get_scanout(viewer->display, viewer->setup->options->head);
	viewer->damage = (struct oriel_rect){ 0 };
	if (scanout->pixels == NULL || is_too_large(viewer, scanout)) {
		if (viewer->has_signal) {
			viewer->has_signal = false;
			picture_draw_no_signal(&viewer->picture);
			mark_all(viewer);
		}
		return 0;
	}
	viewer->has_signal = true;
	if (scanout->width != viewer->picture.width || scanout->height != viewer->picture.height) {
		return resize(viewer, scanout->width, scanout->height);
	}
	return 0;
}

/** Where a cursor's image has anything, and its hot spot. */
static struct oriel_rect find_image(const struct oriel_client_cursor *from) {
	struct oriel_rect image = { from->hot_x, from->hot_y, 1, 1 };
	for (uint32_t y = 0; y < ORIEL_CLIENT_CURSOR_SIDE; y++) {
		for (uint32_t x = 0; x < ORIEL_CLIENT_CURSOR_SIDE; x++) {
			struct oriel_rect dot = { x, y, 1, 1 };
			if (from->pixels[(y * ORIEL_CLIENT_CURSOR_SIDE + x) * 4 + 3] != 0) {
				image = oriel_rect_unite(&image, &dot);
			}
		}
	}
	return image;
}

/** A colour that is not premultiplied any more. */
static uint8_t divide_alpha(uint8_t colour, uint8_t alpha) {
	uint32_t value = alpha > 0 ? (colour * 255u + alpha / 2) / alpha : 0;
	return (uint8_t)oriel_min_u32(value, 255);
}

/** Make a cursor of the part of the guest's image that has anything. */
static void make_cursor(struct viewer_cursor *cursor, const struct oriel_client_cursor *from) {
	struct oriel_rect image = find_image(from);
	uint32_t row_bytes = (image.width + 7) / 8;
	memset(cursor->mask, 0, sizeof(cursor->mask));
	for (uint32_t y = 0; y < image.height; y++) {
		for (uint32_t x = 0; x < image.width; x++) {
			const uint8_t *bgra =
					from->pixels +
					((image.y + y) * ORIEL_CLIENT_CURSOR_SIDE + image.x + x) *
							4;
			uint32_t i = y * image.width + x;
			cursor->alpha[i] = bgra[3];
			for (uint32_t k = 0; k < 3; k++) {
				cursor->colours[i * 4 + k] = divide_alpha(bgra[2 - k], bgra[3]);
			}
			cursor->colours[i * 4 + 3] = 0;
			if (bgra[3] >= OPAQUE) {
				cursor->mask[y * row_bytes + x / 8] |= (uint8_t)(0x80 >> x % 8);
			}
		}
	}
	cursor->shape = (rfbCursor){
		.width = (unsigned short)image.width,
		.height = (unsigned short)image.height,
		.xhot = (unsigned short)(from->hot_x - image.x),
		.yhot = (unsigned short)(from->hot_y - image.y),
		.mask = cursor->mask,
		.richSource = cursor->colours,
		.alphaSource = cursor->alpha,
	};
	cursor->n_pixels = image.width * image.height;
	cursor->serial = from->serial;
}

/** Another image, or none. */
static void set_shape(struct viewer *viewer, const struct oriel_client_cursor *from) {
	// LibVNCServer may have made a two-coloured image of ours.
	unsigned char *made = viewer->cursor.shape.source;
	rfbSetCursor(viewer->screen, NULL);
	free(made);
	viewer->cursor.shape.source = NULL;
	viewer->cursor.serial = 0;
	if (from->visible && from->pixels != NULL) {
		make_cursor(&viewer->cursor, from);
		rfbSetCursor(viewer->screen, &viewer->cursor.shape);
	}
	viewer->cursor_is_new = true;
}

static void handle_cursor(struct viewer *viewer) {
	const struct oriel_client_cursor *from =
			oriel_client_get_cursor(viewer->display, viewer->setup->options->head);
	uint64_t serial = from->visible && from->pixels != NULL ? from->serial : 0;
	if (serial != viewer->cursor.serial || !viewer->has_cursor) {
		set_shape(viewer, from);
	}
	viewer->has_cursor = true;
	if (serial == 0) {
		return;
	}
	// Where it points: LibVNCServer subtracts the hot spot when it draws one itself.
	int64_t x = (int64_t)from->x + from->hot_x, y = (int64_t)from->y + from->hot_y;
	x = x < 0 ? 0 : x >= viewer->screen->width ? viewer->screen->width - 1 : x;
	y = y < 0 ? 0 : y >= viewer->screen->height ? viewer->screen->height - 1 : y;
	if (x != viewer->screen->cursorX || y != viewer->screen->cursorY) {
		viewer->screen->cursorX = (int)x;
		viewer->screen->cursorY = (int)y;
		// What follows the viewer's own pointer would only pull it back.
		if (viewer->client != NULL && !input_is_pointing(viewer)) {
			viewer->client->cursorWasMoved = TRUE;
		}
	}
}

static void handle_error(struct viewer *viewer, const struct oriel_client_event *event) {
	if (event->token == 0) {
		viewer_log(viewer, ORIEL_LOG_WARN, "%s", event->text);
		return; // the end follows
	}
	if (event->token == viewer->size_token && viewer->client != NULL) {
		viewer_log(viewer, ORIEL_LOG_DEBUG, "no other size: %s", event->text);
		viewer->size_token = 0;
		viewer->client->lastDesktopSizeChangeError = rfbExtDesktopSize_ResizeProhibited;
		viewer->client->newFBSizePending = TRUE;
	}
}

static int handle_event(struct viewer *viewer, const struct oriel_client_event *event) {
	uint32_t head = viewer->setup->options->head;
	switch (event->type) {
	case ORIEL_CLIENT_WELCOME:
		return oriel_client_subscribe(viewer->display, 1u << head, 1u << head);
	case ORIEL_CLIENT_SCANOUT:
		return handle_scanout(viewer);
	case ORIEL_CLIENT_FRAME: {
		struct oriel_rect damage = { event->damage.x, event->damage.y, event->damage.width,
			event->damage.height };
		viewer->damage = oriel_rect_unite(&viewer->damage, &damage);
		viewer->has_frame = true;
		return 0;
	}
	case ORIEL_CLIENT_CURSOR:
		handle_cursor(viewer);
		return 0;
	case ORIEL_CLIENT_ERROR:
		handle_error(viewer, event);
		return 0;
	default:
		return 0;
	}
}

/** Say why the display socket is of no use any more. */
static int fail(struct viewer *viewer, int err) {
	const char *reason = oriel_client_get_reason(viewer->display);
	if (err == -ENOTCONN) {
		viewer_log(viewer, ORIEL_LOG_DEBUG, "the display socket was closed");
	} else {
		viewer_log(viewer, ORIEL_LOG_ERROR, "%s: %s", viewer->setup->options->socket,
				reason != NULL ? reason : strerror(-err));
	}
	return err;
}

int screen_dispatch(struct viewer *viewer) {
	viewer->display_has_more = false;
	for (int i = 0; i < MAX_EVENTS; i++) {
		const struct oriel_client_event *event;
		int err = oriel_client_wait(viewer->display, 0, &event);
		if (err == -EAGAIN) {
			return 0;
		}
		if (err == 0) {
			err = handle_event(viewer, event);
		}
		if (err < 0) {
			return fail(viewer, err);
		}
	}
	viewer->display_has_more = true;
	return 0;
}

static int64_t get_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/**
 * Wait until it is known whether there is a screen, and how large it is. A scanout that is off is
 * not mentioned, and frames come when the server gets to them; so it is asked for two signs of
 * life, one after the other. Should the screen come later still, it is a change of size like any
 * other.
 */
static int wait_for_screen(struct viewer *viewer) {
	int64_t deadline_ms = get_now_ms() + CONNECT_TIMEOUT_MS;
	uint32_t n_pings = 0;
	while (true) {
		const struct oriel_client_event *event;
		int64_t left_ms = deadline_ms - get_now_ms();
		int err = oriel_client_wait(viewer->display, left_ms > 0 ? (int)left_ms : 0,
				&event);
		if (err < 0) {
			return err == -EAGAIN ? -ETIMEDOUT : err;
		}
		err = handle_event(viewer, event);
		bool answered = event->type == ORIEL_CLIENT_WELCOME ||
				event->type == ORIEL_CLIENT_PONG;
		if (err == 0 && (viewer->has_frame || (answered && n_pings == 2))) {
			viewer->display_has_more = true;
			return 0;
		}
		if (err == 0 && answered) {
			err = oriel_client_ping(viewer->display, ++n_pings);
		}
		if (err < 0) {
			return err;
		}
	}
}

int screen_connect(struct viewer *viewer) {
	int err = resize(viewer, SCREEN_WIDTH, SCREEN_HEIGHT);
	if (err < 0) {
		return err;
	}
	picture_draw_no_signal(&viewer->picture);
	err = oriel_client_connect(viewer->setup->options->socket, &viewer->display);
	if (err < 0) {
		viewer_log(viewer, ORIEL_LOG_ERROR, "%s: %s", viewer->setup->options->socket,
				strerror(-err));
		return err;
	}
	err = wait_for_screen(viewer);
	return err < 0 ? fail(viewer, err) : 0;
}

void screen_update(struct viewer *viewer) {
	if (!viewer->has_frame) {
		return;
	}
	const struct oriel_client_scanout *scanout =
			oriel_client_get_scanout(viewer->display, viewer->setup->options->head);
	if (viewer->has_signal && scanout->pixels != NULL &&
			!oriel_rect_is_empty(&viewer->damage)) {
		picture_copy(&viewer->picture, scanout, &viewer->damage, mark_changed, viewer);
	}
	viewer->damage = (struct oriel_rect){ 0 };
	// If it cannot be said now, the next turn says it.
	viewer->has_frame =
			oriel_client_end_frame(viewer->display, viewer->setup->options->head) < 0;
}

int screen_handle_size(int width, int height, int n_screens, struct rfbExtDesktopScreen *screens,
		rfbClientPtr client) {
	struct viewer *viewer = client->clientData;
	(void)n_screens;
	(void)screens;
	if (width < 1 || height < 1) {
		return rfbExtDesktopSize_InvalidScreenLayout;
	}
	if (viewer->display == NULL || viewer->setup->options->view_only) {
		return rfbExtDesktopSize_ResizeProhibited;
	}
	if (viewer->has_signal && width == viewer->screen->width &&
			height == viewer->screen->height) {
		client->newFBSizePending = TRUE; // there is nothing to wait for
		return rfbExtDesktopSize_Success;
	}
	const struct oriel_client_size size = { .width = (uint32_t)width,
		.height = (uint32_t)height };
	int err = oriel_client_request_size(viewer->display, viewer->setup->options->head, &size,
			&viewer->size_token);
	if (err == -EAGAIN) {
		return rfbExtDesktopSize_OutOfResources;
	}
	return err < 0 ? rfbExtDesktopSize_ResizeProhibited : rfbExtDesktopSize_Success;
}
