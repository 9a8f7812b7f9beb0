// SPDX-License-Identifier: MIT
/*
 * Recording what a 3D renderer is asked for, and playing it back (docs/dump.md).
 *
 * A recorder is a renderer that passes everything on to another one, and writes it down:
 * operations, command buffers, the guest memory that they read, and what came back. A recording
 * needs nothing but itself: it is played with any renderer of this process, without a guest, a
 * device or a link.
 *
 * Thread: the loop's.
 */
#ifndef ORIEL_RENDER_RECORD_H
#define ORIEL_RENDER_RECORD_H

#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/renderer3d.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a recorder is made. Zero in any field but the first means its default. */
struct oriel_render_recorder_options {
	/** sizeof(struct oriel_render_recorder_options). */
	size_t size;
	/** What renders, for whoever plays it: at most 256 bytes count. NULL: nothing is said. */
	const char *description;
	/** All that is read back is recorded as a checksum; milliseconds from one that is also
	 * recorded as a picture to the next. Default 1,000. */
	uint32_t picture_interval_ms;
	/** Record all of them as pictures. */
	bool has_every_picture;
	/** The recording has ended before its time; the renderer goes on. err: -ETIMEDOUT if fd
	 * took too long, -ENOMEM, or -errno from write(). Called once, from within a call or the
	 * loop. */
	void (*handle_end)(void *user, int err);
	void *user;
};

/**
 * Create a renderer that does what renderer does, and records it to fd: a file, a pipe or a socket.
 *
 * renderer must carry out all operations but fences within their submission, as that of
 * oriel/virgl.h does, and must outlive the recorder. SIGPIPE must be ignored if fd can cause it.
 * Nothing waits for fd for longer than a second: use a pipe if it is slower.
 *
 * Owns: fd is taken, whatever is returned. Returns 0, -ENOMEM, or -errno.
 */
ORIEL_API_CHECKED
int oriel_render_recorder_create_take(struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		const struct oriel_render_recorder_options *options, int fd,
		struct oriel_renderer3d **ret);

/** A picture of the player's: the whole image that was read into last. */
struct oriel_render_picture {
	/** sizeof(struct oriel_render_picture), set by the caller. */
	size_t size;
	/** 32 bits each, from the top. Valid during the call. */
	const uint8_t *pixels;
	uint32_t width, height; // pixels
	uint32_t stride;        // bytes
	/** As RESOURCE_CREATE_3D names it: 1 is B8G8R8A8, 67 is R8G8B8A8. */
	uint32_t format;
};

/** How a recording is played. Zero in any field but the first means its default. */
struct oriel_render_play_options {
	/** sizeof(struct oriel_render_play_options). */
	size_t size;
	struct oriel_log_sink log;
	/** How much a channel of a pixel may differ, 0 to 255. 0: everything must be the same, to
	 * the bit, as it is with the same renderer. Else pictures are compared, and one pixel of a
	 * hundred may differ by more: GPUs draw edges differently. */
	uint32_t tolerance;
	/** Memory of the guest's that may be stood in for, and images. Default 8 GiB. */
	uint64_t max_memory;
	/** Optional. The last picture, when all was played. */
	void (*handle_picture)(void *user, const struct oriel_render_picture *picture);
	void *user;
};

/** What was played. */
struct oriel_render_play_result {
	/** sizeof(struct oriel_render_play_result), set by the caller. */
	size_t size;
	/** What rendered when it was recorded. */
	char description[257];
	/** False if the recording was cut off: its process was killed, or its disk was full. */
	bool is_whole;
	/** How long it took then, and now. */
	uint64_t recorded_ns, played_ns;
	uint64_t n_operations, n_command_buffers, n_fences;
	/** Of command buffers, and of guest memory that was read. */
	uint64_t n_command_bytes, n_memory_bytes;
	/** What was read back: the same, near enough, not to be compared (only a checksum is there,
	 * and it is another one), and different. */
	uint64_t n_same, n_similar, n_unjudged, n_different;
	/** The largest difference of a channel in a picture that was compared, and the most pixels,
	 * in millionths, that differed by more than the tolerance. */
	uint32_t worst_channel, worst_ppm;
	/** Operations that ended with another error than when they were recorded. */
	uint64_t n_other_errors;
};

/**
 * Play the recording of fd, from where that is, with a renderer that has nothing, as fast as it
 * goes. Blocks until all is done; the loop is run meanwhile.
 *
 * Returns 0, whatever was different, with *ret filled in; -EBADMSG if it is not a recording, or
 * broken; -EPROTO if it is of another version; -EDQUOT if it needs more memory than it may;
 * -ETIMEDOUT if the renderer hangs; -ENOMEM; or -errno from read(). The reason was logged.
 */
ORIEL_API_CHECKED
int oriel_render_play(struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		const struct oriel_render_play_options *options, int fd,
		struct oriel_render_play_result *ret);

#ifdef __cplusplus
}
#endif

#endif
