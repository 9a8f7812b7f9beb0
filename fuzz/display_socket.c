// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the decoders of the display socket's messages.
 *
 * The input is one message. What a decoder accepts must lie inside the input, and encoding it again
 * must lead back to the same struct.
 */
#include "protocol/display_socket.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
	if (!condition) {
		abort();
	}
}

/** Whether [bytes, bytes + size) lies inside the input. It is read as well. */
static void must_be_inside(const void *bytes, size_t size, const uint8_t *data, size_t data_size) {
	const uint8_t *start = bytes;
	must(start >= data && size <= data_size && start - data <= (ptrdiff_t)(data_size - size));
	uint8_t sum = 0;
	for (size_t i = 0; i < size; i++) {
		sum = (uint8_t)(sum + start[i]);
	}
	must(size > 0 || sum == 0);
}

/** Decode, encode, decode again: the same bytes, and the same fields (texts and pixels apart). */
#define TRY(name, struct_name) \
	do { \
		struct struct_name first, second; \
		memset(&first, 0, sizeof(first)); \
		memset(&second, 0, sizeof(second)); \
		struct oriel_reader try_r = r; \
		if (oriel_share_decode_##name(&try_r, &first) == 0) { \
			static uint8_t one[ORIEL_SHARE_MAX_MESSAGE_SIZE]; \
			static uint8_t two[ORIEL_SHARE_MAX_MESSAGE_SIZE]; \
			struct oriel_writer w = oriel_writer_of(one, sizeof(one)); \
			oriel_share_encode_##name(&w, &first); \
			must(!w.failed); \
			size_t n = (size_t)(w.cur - one); \
			struct oriel_reader back = oriel_reader_of(one + 8, n - 8); \
			must(oriel_share_decode_##name(&back, &second) == 0); \
			w = oriel_writer_of(two, sizeof(two)); \
			oriel_share_encode_##name(&w, &second); \
			must(!w.failed && (size_t)(w.cur - two) == n); \
			must(memcmp(one, two, n) == 0); \
		} \
	} while (0)

static void try_error(struct oriel_reader r, const uint8_t *data, size_t size) {
	struct oriel_share_error error;
	struct oriel_reader again = r;
	if (oriel_share_decode_error(&again, &error) == 0) {
		must(error.text_size <= ORIEL_SHARE_MAX_TEXT_SIZE);
		must_be_inside(error.text, error.text_size, data, size);
	}
	TRY(error, oriel_share_error);
}

static void try_cursor_image(struct oriel_reader r, const uint8_t *data, size_t size) {
	struct oriel_share_cursor_image image;
	struct oriel_reader again = r;
	if (oriel_share_decode_cursor_image(&again, &image) < 0) {
		return;
	}
	must_be_inside(image.pixels, (size_t)image.width * image.height * 4, data, size);
	if (image.width <= ORIEL_SHARE_CURSOR_SIDE && image.height <= ORIEL_SHARE_CURSOR_SIDE) {
		TRY(cursor_image, oriel_share_cursor_image);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct oriel_reader r = oriel_reader_of(data, size);
	struct oriel_share_header header;
	if (oriel_share_decode_header(&r, &header) < 0) {
		return 0;
	}
	must(header.size >= ORIEL_SHARE_HEADER_SIZE && header.size <= ORIEL_SHARE_MAX_MESSAGE_SIZE);
	if (header.size < size) {
		r.end = data + header.size;
	}
	uint32_t number;
	struct oriel_reader again = r;
	if (oriel_share_decode_number(&again, &number) == 0) {
		must(r.end - r.cur >= 4);
	}
	TRY(hello, oriel_share_hello);
	TRY(subscribe, oriel_share_subscribe);
	TRY(taken, oriel_share_taken);
	TRY(get_snapshot, oriel_share_get_snapshot);
	TRY(welcome, oriel_share_welcome);
	TRY(buffer, oriel_share_buffer_info);
	TRY(config, oriel_share_config);
	TRY(frame, oriel_share_frame);
	TRY(cursor, oriel_share_cursor);
	TRY(snapshot, oriel_share_snapshot);
	try_error(r, data, size);
	try_cursor_image(r, data, size);
	return 0;
}
