// SPDX-License-Identifier: MIT
/*
 * What goes out on the GPU socket: pictures and cursors, one message at a time.
 *
 * The sender keeps what the front-end was told and what it has yet to be told, and writes the next
 * message when asked for it. It does no I/O and holds no pixels: they are read from the screen when
 * their message is written, so what goes out is always the newest.
 *
 * Rules that keep a front-end alive (QEMU dies of an UPDATE without a surface, and leaks a surface
 * for each SCANOUT that no UPDATE follows):
 *  - a SCANOUT with a size goes out only together with an UPDATE behind it, when the size is not
 *    the one that this connection has seen last, and then the whole picture follows;
 *  - after a SCANOUT of 0x0 nothing but such a pair.
 *
 * Order: cursors before pictures, pictures in bands, bands of different scanouts in turn.
 *
 * A scanout with a dma-buf, if the front-end is said to take them (--qemu-display=dmabuf), is a
 * DMABUF_SCANOUT whenever it is another one, with its descriptor, and then DMABUF_UPDATEs. Each is
 * answered when the picture was taken; one is under way on a connection, which paces all scanouts.
 * The protocol knows neither where in a file a picture begins nor another part of it than its top
 * left one; pictures that need these words go as pixels. A scanout goes from dma-buf to pixels by a
 * DMABUF_SCANOUT without a descriptor, and back by one with it.
 */
#ifndef ORIEL_GPU_SOCKET_SENDER_H
#define ORIEL_GPU_SOCKET_SENDER_H

#include "base/bytes.h"
#include "display/damage.h"
#include "display/screen.h"

/** Pixels of one UPDATE at most, so that no message keeps the front-end's main loop for long. */
#define ORIEL_GPU_SOCKET_BAND_BYTES (512u * 1024u)

/**
 * A side of a picture at most, in pixels; what is beyond is not shown. A row so wide is an eighth
 * of a band.
 */
#define ORIEL_GPU_SOCKET_MAX_SIDE 16384u

/** All pixels of a picture at most: rows beyond are not shown. QEMU keeps a copy of them. */
#define ORIEL_GPU_SOCKET_MAX_PICTURE_BYTES (256u * 1024u * 1024u)

/** The largest message: a DMABUF_SCANOUT that is off, a SCANOUT, the head of an UPDATE, a band. */
#define ORIEL_GPU_SOCKET_MAX_MESSAGE (ORIEL_GPU_SOCKET_BAND_BYTES + 128u)

struct oriel_gpu_socket_scanout {
	struct oriel_rect frame;    // what is left of the part that is going out, band by band
	struct oriel_damage damage; // what comes after it
	bool waits;                 // nothing goes out before the next present: it changed, or
				    // its pixels are being fetched
	uint32_t width, height;     // of the last SCANOUT on this connection; 0x0: off, or none yet
	bool lit;                   // the front-end may show a picture, of whatever connection
	struct oriel_dmabuf *told;  // held: of the last DMABUF_SCANOUT; NULL: it shows pixels
	uint32_t told_width, told_height; // of it

	bool cursor_changed; // image, hot spot or visibility
	bool cursor_moved;
	bool cursor_lit; // the front-end may show a cursor, of whatever connection
};

struct oriel_gpu_socket_sender {
	struct oriel_gpu_socket_scanout scanouts[ORIEL_MAX_SCANOUTS];
	uint32_t next;      // the scanout whose band's turn it is
	uint32_t n_cursors; // messages about cursors since the last band

	// Dma-bufs.
	bool takes_dmabufs;          // set by the owner, once
	bool takes_modifiers;        // negotiated: set by the owner for each connection
	bool is_update_open;         // a DMABUF_UPDATE is waited for
	uint64_t update_deadline_ns; // for so long; 0: not set yet. The owner's
	uint32_t n_unanswered;       // DMABUF_UPDATEs, also those not waited for any more
};

/** Begin: nothing was told, nothing is to tell. */
void oriel_gpu_socket_sender_init(struct oriel_gpu_socket_sender *sender);

/** Let go of the dma-bufs that the front-end was told of. */
void oriel_gpu_socket_sender_finish(struct oriel_gpu_socket_sender *sender);

/** A new connection: all that is on the screen (NULL: none) is to be told anew. */
void oriel_gpu_socket_sender_handle_connection(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen);

/** As in struct oriel_display_impl. */
void oriel_gpu_socket_sender_handle_scanout(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, uint32_t scanout_id);

/** As in struct oriel_display_impl. */
void oriel_gpu_socket_sender_present(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_rect *damage);

/** As in struct oriel_display_impl. */
void oriel_gpu_socket_sender_handle_cursor(struct oriel_gpu_socket_sender *sender,
		uint32_t scanout_id);

/** As in struct oriel_display_impl. */
void oriel_gpu_socket_sender_move_cursor(struct oriel_gpu_socket_sender *sender,
		uint32_t scanout_id);

/** Whether a scanout goes as pixels, though it has a dma-buf. */
bool oriel_gpu_socket_sender_needs_pixels(const struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, uint32_t scanout_id);

/**
 * A DMABUF_UPDATE was answered.
 *
 * Returns 0, or -EPROTO: there was none.
 */
ORIEL_MUST_CHECK
int oriel_gpu_socket_sender_handle_updated(struct oriel_gpu_socket_sender *sender);

/** A descriptor could not be sent: say it all again at the next present. */
void oriel_gpu_socket_sender_handle_unsent(struct oriel_gpu_socket_sender *sender, int fd);

/** The pixels of a scanout are being fetched; they are presented then. */
void oriel_gpu_socket_sender_handle_fetch(struct oriel_gpu_socket_sender *sender,
		uint32_t scanout_id);

/** The answer did not come in time: go on without it. */
void oriel_gpu_socket_sender_handle_timeout(struct oriel_gpu_socket_sender *sender);

/** What goes with a message and is not in the writer. */
struct oriel_gpu_socket_pixels {
	// Pixels that need no copy: they lie in a resource as they are to be sent.
	const uint8_t *bytes;
	size_t size; // 0: there are none
	int fd;      // borrowed: to go with the first byte; -1: none
};

/**
 * Write the next message, if there is one, and count it as sent.
 *
 * The writer must have room for ORIEL_GPU_SOCKET_MAX_MESSAGE bytes. *ret, which may be empty, is to
 * follow what was written, and is valid until the screen changes.
 */
void oriel_gpu_socket_sender_write_next(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, struct oriel_writer *w,
		struct oriel_gpu_socket_pixels *ret);

#endif
