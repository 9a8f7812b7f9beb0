// SPDX-License-Identifier: MIT
/*
 * What LibVNCServer does not know of RFB: key codes from viewers (QEMU's extension), and cursors
 * with alpha, in the two encodings that viewers have for them. See viewer.h.
 *
 * LibVNCServer lets a program add pseudo-encodings and messages. What we send is an update of our
 * own with one rectangle, between two of its updates; everything here is in its thread.
 */
#include "oriel-vnc/viewer.h"

#include <string.h>

#define ENCODING_KEY_CODES (-258)
#define ENCODING_ALPHA_CURSOR (-314)
#define ENCODING_VMWARE_CURSOR 0x574d5664

#define MESSAGE_QEMU 255
#define MESSAGE_QEMU_KEY 0
#define QEMU_KEY_SIZE 12

#define RECT_HEADER_SIZE 16
#define MAX_CURSOR_BYTES (ORIEL_CLIENT_CURSOR_SIDE * ORIEL_CLIENT_CURSOR_SIDE * 4)

static uint8_t *put_u8(uint8_t *to, uint32_t value) {
	to[0] = (uint8_t)value;
	return to + 1;
}

static uint8_t *put_u16(uint8_t *to, uint32_t value) {
	return put_u8(put_u8(to, value >> 8), value);
}

static uint8_t *put_u32(uint8_t *to, uint32_t value) {
	return put_u16(put_u16(to, value >> 16), value);
}

static uint32_t get_u32(const uint8_t *from) {
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/** An update with one rectangle: what is before the rectangle's own data. */
static uint8_t *put_update(uint8_t *to, const struct oriel_rect *rect, int32_t encoding) {
	to = put_u8(to, 0); // FramebufferUpdate
	to = put_u8(to, 0);
	to = put_u16(to, 1);
	to = put_u16(to, rect->x);
	to = put_u16(to, rect->y);
	to = put_u16(to, rect->width);
	to = put_u16(to, rect->height);
	return put_u32(to, (uint32_t)encoding);
}

static void send_bytes(struct viewer *viewer, const uint8_t *bytes, size_t size) {
	if (rfbWriteExact(viewer->client, (const char *)bytes, (int)size) <= 0) {
		rfbCloseClient(viewer->client);
	}
}

/** Tell the viewer that key codes are understood. */
static void send_key_codes(struct viewer *viewer) {
	static const struct oriel_rect none = { 0 };
	uint8_t bytes[RECT_HEADER_SIZE];
	put_update(bytes, &none, ENCODING_KEY_CODES);
	send_bytes(viewer, bytes, sizeof(bytes));
}

static uint8_t multiply_alpha(uint8_t colour, uint8_t alpha) {
	return (uint8_t)((colour * alpha + 127u) / 255u);
}

/** The cursor's pixels, R, G, B, A: premultiplied or not, as the encoding has them. */
static uint8_t *put_pixels(uint8_t *to, const struct viewer_cursor *cursor, bool premultiplied) {
	for (uint32_t i = 0; i < cursor->n_pixels; i++) {
		uint8_t alpha = cursor->alpha[i];
		for (uint32_t k = 0; k < 3; k++) {
			uint8_t colour = cursor->colours[i * 4 + k];
			to = put_u8(to, premultiplied ? multiply_alpha(colour, alpha) : colour);
		}
		to = put_u8(to, alpha);
	}
	return to;
}

/** Send the cursor with its alpha. One that is hidden has no pixels. */
static void send_cursor(struct viewer *viewer) {
	const struct viewer_cursor *cursor = &viewer->cursor;
	bool hidden = cursor->serial == 0;
	struct oriel_rect rect = { 0 };
	if (!hidden) {
		rect = (struct oriel_rect){ cursor->shape.xhot, cursor->shape.yhot,
			cursor->shape.width, cursor->shape.height };
	}
	uint8_t bytes[RECT_HEADER_SIZE + 4 + MAX_CURSOR_BYTES];
	uint8_t *end = put_update(bytes, &rect, viewer->cursor_encoding);
	if (viewer->cursor_encoding == ENCODING_ALPHA_CURSOR) {
		end = put_u32(end, 0); // its pixels are in the encoding Raw
	} else {
		end = put_u16(end, 0x0100); // a cursor with alpha
	}
	if (!hidden) {
		end = put_pixels(end, cursor, viewer->cursor_encoding == ENCODING_ALPHA_CURSOR);
	}
	send_bytes(viewer, bytes, (size_t)(end - bytes));
}

/**
 * Each SetEncodings takes back all that the ones before it said. LibVNCServer forgets what is its
 * own, but tells nobody of it, so we count them as it does.
 */
static void notice_encodings(struct viewer *viewer) {
	rfbClientPtr client = viewer->client;
	const int n = rfbStatGetMessageCountRcvd(client, rfbSetEncodings);
	if (n == viewer->n_encodings) {
		return;
	}
	viewer->n_encodings = n;
	viewer->cursor_encoding = 0;
	// The cursor may be in the picture, and must not be there any more, or the other way round.
	const rfbScreenInfo *screen = viewer->screen;
	const rfbCursor *shape = &viewer->cursor.shape;
	const int x = screen->cursorX - shape->xhot, y = screen->cursorY - shape->yhot;
	rfbMarkRectAsModified(viewer->screen, x, y, x + shape->width, y + shape->height);
}

void extension_update(struct viewer *viewer) {
	rfbClientPtr client = viewer->client;
	notice_encodings(viewer);
	if (viewer->wants_key_codes && !viewer->told_key_codes) {
		viewer->told_key_codes = true;
		send_key_codes(viewer);
	}
	if (!viewer->has_cursor) {
		client->cursorWasChanged =
				FALSE; // the viewer keeps its own until the guest has one
		return;
	}
	if (viewer->cursor_encoding == 0 || client->sock < 0) {
		return;
	}
	client->cursorWasChanged = FALSE;
	if (viewer->cursor_is_new) {
		viewer->cursor_is_new = false;
		send_cursor(viewer);
	}
}

/** A SetEncodings names one of ours. */
static rfbBool handle_encoding(rfbClientPtr client, void **data, int encoding) {
	struct viewer *viewer = client->clientData;
	(void)data;
	notice_encodings(viewer);
	switch (encoding) {
	case ENCODING_KEY_CODES:
		viewer->wants_key_codes = true;
		return TRUE;
	case ENCODING_VMWARE_CURSOR:
		if (viewer->cursor_encoding == ENCODING_ALPHA_CURSOR) {
			break; // which says more exactly what it means
		}
		viewer->cursor_encoding = encoding;
		break;
	case ENCODING_ALPHA_CURSOR:
		viewer->cursor_encoding = encoding;
		break;
	default:
		return FALSE;
	}
	// Or LibVNCServer would draw the cursor into the picture.
	client->enableCursorShapeUpdates = TRUE;
	viewer->cursor_is_new = true;
	return TRUE;
}

static rfbBool handle_message(rfbClientPtr client, void *data,
		const rfbClientToServerMsg *message) {
	struct viewer *viewer = client->clientData;
	uint8_t rest[QEMU_KEY_SIZE - 1];
	(void)data;
	if (message->type != MESSAGE_QEMU) {
		return FALSE;
	}
	if (rfbReadExact(client, (char *)rest, sizeof(rest)) <= 0 || rest[0] != MESSAGE_QEMU_KEY) {
		// Its length cannot be known.
		rfbCloseClient(client);
		return TRUE;
	}
	input_handle_key_code(viewer, rest[1] != 0 || rest[2] != 0, get_u32(rest + 3),
			get_u32(rest + 7));
	return TRUE;
}

void extension_register(void) {
	static int encodings[] = { ENCODING_KEY_CODES, ENCODING_ALPHA_CURSOR,
		ENCODING_VMWARE_CURSOR, 0 };
	static rfbProtocolExtension extension = {
		.pseudoEncodings = encodings,
		.enablePseudoEncoding = handle_encoding,
		.handleMessage = handle_message,
	};
	rfbRegisterProtocolExtension(&extension);
}
