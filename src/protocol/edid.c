// SPDX-License-Identifier: MIT
/*
 * See edid.h. The base block first, in the order of its bytes; then the DisplayID extension.
 *
 * Section numbers are those of E-EDID Standard release A, revision 2, unless said otherwise.
 */
#include "protocol/edid.h"

#include "base/arith.h"
#include "protocol/edid_timing.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define BLOCK ORIEL_EDID_BLOCK_SIZE
#define DESCRIPTOR_SIZE 18u
#define MAX_DESCRIPTORS 4u

// 3.10.3: display descriptors.
#define TAG_SERIAL 0xff
#define TAG_RANGE 0xfd
#define TAG_NAME 0xfc
#define TAG_DUMMY 0x10

#define TAG_DISPLAYID_EXTENSION 0x70
#define DISPLAYID_SIZE 121u // of the data blocks of a section that fills an extension block

#define MODEL_YEAR 2026

// The largest size in centimetres, millimetres and tenths of millimetres that has room.
#define MAX_CM 255u
#define MAX_DETAILED_MM 4095u
#define MAX_DISPLAYID_MM 6553u

/** The mode with all defaults filled in, and what will be said where. */
struct monitor {
	struct oriel_edid_mode mode;
	struct oriel_timing wanted;
	struct oriel_timing base; // the base block's detailed timing
	bool needs_displayid;     // base is not wanted
};

static const uint8_t header[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };

static void put_u16(uint8_t *bytes, uint32_t v) {
	bytes[0] = (uint8_t)v;
	bytes[1] = (uint8_t)(v >> 8);
}

static void put_chars(uint8_t *bytes, const char *text, size_t len) {
	for (size_t i = 0; i < len; i++) {
		bytes[i] = text[i] >= ' ' && text[i] <= '~' ? (uint8_t)text[i] : '?';
	}
}

/** What makes the sum of size bytes and itself 0. */
static uint8_t checksum_of(const uint8_t *bytes, size_t size) {
	uint8_t sum = 0;
	for (size_t i = 0; i < size; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return (uint8_t)(0x100 - sum);
}

static uint32_t mm_at_96_dpi(uint32_t px) {
	return (px * 254 + 480) / 960;
}

// 3.4: who made it.
static void put_identity(uint8_t *edid, const struct oriel_edid_mode *mode) {
	uint32_t letters = 0;
	for (size_t i = 0; i < 3; i++) {
		letters = letters << 5 | (uint32_t)(mode->vendor[i] - 'A' + 1);
	}
	edid[8] = (uint8_t)(letters >> 8);
	edid[9] = (uint8_t)letters;
	put_u16(edid + 10, mode->product);
	put_u16(edid + 12, mode->serial_number);
	put_u16(edid + 14, mode->serial_number >> 16);
	edid[16] = 0; // no week
	edid[17] = MODEL_YEAR - 1990;
	edid[18] = 1; // EDID 1.4
	edid[19] = 4;
}

// 3.6: what it is.
static void put_basics(uint8_t *edid, const struct monitor *m, bool has_range) {
	edid[20] = 0x80 | 2 << 4 | 5; // digital, 8 bits a colour, DisplayPort

	// Both or none: one alone would be read as an aspect ratio.
	uint32_t width_cm = (m->mode.width_mm + 5) / 10;
	uint32_t height_cm = (m->mode.height_mm + 5) / 10;
	if (width_cm >= 1 && width_cm <= MAX_CM && height_cm >= 1 && height_cm <= MAX_CM) {
		edid[21] = (uint8_t)width_cm;
		edid[22] = (uint8_t)height_cm;
	}
	edid[23] = 220 - 100; // gamma 2.2

	// RGB only, sRGB; the first timing is the native one; any other within the range will do.
	edid[24] = (uint8_t)(1 << 2 | (m->needs_displayid ? 0 : 1 << 1) | (has_range ? 1 : 0));

	// 3.7: the primaries of sRGB, in 1/1024: red .640 .330, green .300 .600, blue .150 .060,
	// white .3127 .3290. The low two bits of all come first.
	static const uint8_t srgb[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50,
		0x54 };
	memcpy(edid + 25, srgb, sizeof(srgb));
}

static bool is_smaller(const struct monitor *m, uint32_t width, uint32_t height) {
	return width <= m->mode.width_px && height <= m->mode.height_px &&
	       (width != m->mode.width_px || height != m->mode.height_px);
}

// 3.8: established timings, all at 60 Hz.
static void put_established(uint8_t *edid, const struct monitor *m) {
	if (is_smaller(m, 640, 480)) {
		edid[35] |= 1 << 5;
	}
	if (is_smaller(m, 800, 600)) {
		edid[35] |= 1 << 0;
	}
	if (is_smaller(m, 1024, 768)) {
		edid[36] |= 1 << 3;
	}
}

// 3.9: the largest of the usual sizes that are smaller than the wanted one, at 60 Hz.
static void put_standard(uint8_t *edid, const struct monitor *m) {
	static const struct {
		uint16_t width, height;
		uint8_t aspect;
	} sizes[] = {
		{ 1920, 1200, 0 }, // 16:10
		{ 1920, 1080, 3 }, // 16:9
		{ 1600, 1200, 1 }, // 4:3
		{ 1680, 1050, 0 },
		{ 1600, 900, 3 },
		{ 1280, 1024, 2 }, // 5:4
		{ 1440, 900, 0 },
		{ 1280, 800, 0 },
		{ 1280, 720, 3 },
	};
	size_t n = 0;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes) && n < 8; i++) {
		if (is_smaller(m, sizes[i].width, sizes[i].height)) {
			edid[38 + 2 * n] = (uint8_t)(sizes[i].width / 8 - 31);
			edid[39 + 2 * n] = (uint8_t)(sizes[i].aspect << 6);
			n++;
		}
	}
	for (; n < 8; n++) {
		put_u16(edid + 38 + 2 * n, 0x0101); // unused
	}
}

// 3.10.2: a detailed timing, progressive, with digital separate sync as CVT wants it: +H -V.
static void put_detailed(uint8_t *d, const struct monitor *m) {
	const struct oriel_timing *t = &m->base;
	put_u16(d, t->clock_10khz);
	d[2] = (uint8_t)t->width;
	d[3] = (uint8_t)t->h_blank;
	d[4] = (uint8_t)(t->width >> 8 << 4 | t->h_blank >> 8);
	d[5] = (uint8_t)t->height;
	d[6] = (uint8_t)t->v_blank;
	d[7] = (uint8_t)(t->height >> 8 << 4 | t->v_blank >> 8);
	d[8] = (uint8_t)t->h_front;
	d[9] = (uint8_t)t->h_sync;
	d[10] = (uint8_t)(t->v_front << 4 | t->v_sync);
	// Byte 11 has what is above 255 of the horizontal and above 15 of the vertical ones:
	// nothing.
	if (m->mode.width_mm <= MAX_DETAILED_MM && m->mode.height_mm <= MAX_DETAILED_MM) {
		d[12] = (uint8_t)m->mode.width_mm;
		d[13] = (uint8_t)m->mode.height_mm;
		d[14] = (uint8_t)(m->mode.width_mm >> 8 << 4 | m->mode.height_mm >> 8);
	}
	d[17] = 3 << 3 | 1 << 1;
}

// 3.10.3: text ends with a line feed unless it fills all 13 bytes, then comes space.
static void put_text(uint8_t *d, uint8_t tag, const char *text) {
	d[3] = tag;
	memset(d + 5, ' ', 13);
	size_t len = strlen(text);
	put_chars(d + 5, text, len);
	if (len < 13) {
		d[5 + len] = '\n';
	}
}

/**
 * 3.10.3.3: range limits that cover all of our timings, or nothing and false if they are beyond
 * what it can say (510 Hz, 510 kHz, 2550 MHz).
 */
static bool put_range(uint8_t *d, const struct monitor *m) {
	const struct oriel_timing *timings[] = { &m->base, &m->wanted };
	// The established and standard timings: at most 1600x1200 and 1920x1200 at 60 Hz.
	uint64_t v_min = 59, v_max = 61, h_min = 30, h_max = 80, clock_10mhz = 20;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(timings); i++) {
		uint64_t refresh = oriel_timing_get_refresh_mhz(timings[i]);
		uint64_t line_rate = oriel_timing_get_line_rate(timings[i]);
		uint64_t clock = ((uint64_t)timings[i]->clock_10khz + 999) / 1000;
		v_min = oriel_min_u64(v_min, refresh / 1000);
		v_max = v_max > refresh / 1000 + 1 ? v_max : refresh / 1000 + 1;
		h_min = oriel_min_u64(h_min, line_rate / 1000);
		h_max = h_max > line_rate / 1000 + 1 ? h_max : line_rate / 1000 + 1;
		clock_10mhz = clock_10mhz > clock ? clock_10mhz : clock;
	}
	if (v_max > 510 || h_max > 510 || clock_10mhz > 255 || h_min < 1) {
		return false;
	}
	// 255 may be added to each maximum. The minima are below that: see their first values.
	bool v_max_is_high = v_max > 255;
	bool h_max_is_high = h_max > 255;
	d[3] = TAG_RANGE;
	d[4] = (uint8_t)((v_max_is_high ? 2 : 0) | (h_max_is_high ? 8 : 0));
	d[5] = (uint8_t)v_min;
	d[6] = (uint8_t)(v_max_is_high ? v_max - 255 : v_max);
	d[7] = (uint8_t)h_min;
	d[8] = (uint8_t)(h_max_is_high ? h_max - 255 : h_max);
	d[9] = (uint8_t)clock_10mhz;
	d[10] = 1; // limits only, no formula
	d[11] = '\n';
	memset(d + 12, ' ', 6);
	return true;
}

static void put_base_block(uint8_t *edid, const struct monitor *m) {
	memcpy(edid, header, sizeof(header));
	put_identity(edid, &m->mode);
	put_established(edid, m);
	put_standard(edid, m);

	uint8_t *descriptor = edid + 54;
	put_detailed(descriptor, m);
	descriptor += DESCRIPTOR_SIZE;
	bool has_range = put_range(descriptor, m);
	if (has_range) {
		descriptor += DESCRIPTOR_SIZE;
	}
	put_text(descriptor, TAG_NAME, m->mode.name);
	descriptor += DESCRIPTOR_SIZE;
	if (m->mode.serial[0] != '\0') {
		put_text(descriptor, TAG_SERIAL, m->mode.serial);
		descriptor += DESCRIPTOR_SIZE;
	}
	for (; descriptor < edid + 54 + MAX_DESCRIPTORS * DESCRIPTOR_SIZE;
			descriptor += DESCRIPTOR_SIZE) {
		descriptor[3] = TAG_DUMMY;
	}
	put_basics(edid, m, has_range);
	edid[126] = m->needs_displayid ? 1 : 0;
	edid[127] = checksum_of(edid, 127);
}

/** DisplayID 1.3, 4.1: Product Identification, the same as in the base block. */
static uint8_t *put_displayid_product(uint8_t *b, const struct oriel_edid_mode *mode) {
	size_t len = strlen(mode->name);
	b[0] = 0x00;
	b[2] = (uint8_t)(12 + len);
	memcpy(b + 3, mode->vendor, 3);
	put_u16(b + 6, mode->product);
	put_u16(b + 8, mode->serial_number);
	put_u16(b + 10, mode->serial_number >> 16);
	b[12] = 0; // no week
	b[13] = MODEL_YEAR - 2000;
	b[14] = (uint8_t)len;
	put_chars(b + 15, mode->name, len);
	return b + 15 + len;
}

/** DisplayID 1.3, 4.2: Display Parameters; sizes in tenths of millimetres and pixels. */
static uint8_t *put_displayid_parameters(uint8_t *b, const struct monitor *m) {
	bool has_size = m->mode.width_mm <= MAX_DISPLAYID_MM &&
			m->mode.height_mm <= MAX_DISPLAYID_MM;
	b[0] = 0x01;
	b[2] = 12;
	put_u16(b + 3, has_size ? m->mode.width_mm * 10 : 0);
	put_u16(b + 5, has_size ? m->mode.height_mm * 10 : 0);
	put_u16(b + 7, m->mode.width_px);
	put_u16(b + 9, m->mode.height_px);
	b[11] = 0;         // no features
	b[12] = 220 - 100; // gamma 2.2
	// Long side to short side, minus 1, in 1/100.
	uint32_t longer = oriel_max_u32(m->mode.width_px, m->mode.height_px);
	uint32_t shorter = oriel_min_u32(m->mode.width_px, m->mode.height_px);
	uint32_t aspect = (longer * 100 + shorter / 2) / shorter - 100;
	b[13] = (uint8_t)oriel_min_u32(aspect, 255);
	b[14] = 7 << 4 | 7; // 8 bits a colour
	return b + 15;
}

/** The aspect ratio of a Type I timing: an index, 8 is undefined. */
static uint8_t displayid_aspect_of(const struct oriel_timing *t) {
	static const uint16_t ratios[][2] = { { 1, 1 }, { 5, 4 }, { 4, 3 }, { 15, 9 }, { 16, 9 },
		{ 16, 10 }, { 64, 27 }, { 256, 135 } };
	for (uint8_t i = 0; i < ORIEL_ARRAY_LEN(ratios); i++) {
		if (t->width * ratios[i][1] == t->height * ratios[i][0]) {
			return i;
		}
	}
	return 8;
}

/** DisplayID 1.3, 4.4.1: a Type I detailed timing. Every number is one less than what it means. */
static uint8_t *put_displayid_timing(uint8_t *b, const struct oriel_timing *t) {
	b[0] = 0x03;
	b[2] = 20;
	uint32_t clock = t->clock_10khz - 1;
	put_u16(b + 3, clock);
	b[5] = (uint8_t)(clock >> 16);
	b[6] = (uint8_t)(1 << 7 | displayid_aspect_of(t)); // preferred, progressive, no stereo
	put_u16(b + 7, t->width - 1);
	put_u16(b + 9, t->h_blank - 1);
	put_u16(b + 11, (t->h_front - 1) | 1 << 15); // +H
	put_u16(b + 13, t->h_sync - 1);
	put_u16(b + 15, t->height - 1);
	put_u16(b + 17, t->v_blank - 1);
	put_u16(b + 19, t->v_front - 1); // -V
	put_u16(b + 21, t->v_sync - 1);
	return b + 23;
}

/** DisplayID 1.3, 4.14: Display Interface Features, the same as in the base block. */
static uint8_t *put_displayid_interface(uint8_t *b) {
	b[0] = 0x0f;
	b[2] = 10;
	b[3] = 9 << 4 | 4; // DisplayPort, four lanes
	b[4] = 1 << 4 | 2; // of version 1.2
	b[5] = 1 << 1;     // RGB with 8 bits a colour; no YCbCr, nothing protected
	return b + 13;
}

/** DisplayID 1.3, 2: a section, as the payload of an EDID extension block. */
static void put_displayid_block(uint8_t *block, const struct monitor *m) {
	block[0] = TAG_DISPLAYID_EXTENSION;
	uint8_t *section = block + 1;
	section[0] = 0x13; // version 1.3
	section[2] = 3;    // a standalone display
	section[3] = 0;    // no further section
	uint8_t *end = put_displayid_product(section + 4, &m->mode);
	end = put_displayid_parameters(end, m);
	end = put_displayid_timing(end, &m->wanted);
	end = put_displayid_interface(end);
	assert(end <= section + 4 + DISPLAYID_SIZE);
	section[1] = DISPLAYID_SIZE; // zeros fill what is left
	section[4 + DISPLAYID_SIZE] = checksum_of(section, 4 + DISPLAYID_SIZE);
	block[127] = checksum_of(block, 127);
}

/** Fill in the defaults. -EINVAL for what is out of range. */
ORIEL_MUST_CHECK
static int monitor_init(struct monitor *m, const struct oriel_edid_mode *mode) {
	*m = (struct monitor){ .mode = *mode };
	if (m->mode.refresh_mhz == 0) {
		m->mode.refresh_mhz = 60000;
	}
	if (m->mode.vendor[0] == '\0') {
		memcpy(m->mode.vendor, "ORL", 4);
	}
	if (m->mode.name[0] == '\0') {
		memcpy(m->mode.name, "Oriel", 6);
	}
	m->mode.name[sizeof(m->mode.name) - 1] = '\0';
	m->mode.serial[sizeof(m->mode.serial) - 1] = '\0';

	if (mode->width_px == 0 || mode->width_px > ORIEL_EDID_MAX_SIDE || mode->height_px == 0 ||
			mode->height_px > ORIEL_EDID_MAX_SIDE ||
			m->mode.refresh_mhz < ORIEL_EDID_MIN_REFRESH_MHZ ||
			m->mode.refresh_mhz > ORIEL_EDID_MAX_REFRESH_MHZ) {
		return -EINVAL;
	}
	for (size_t i = 0; i < 3; i++) {
		if (m->mode.vendor[i] < 'A' || m->mode.vendor[i] > 'Z') {
			return -EINVAL;
		}
	}
	if (mode->width_mm == 0 || mode->height_mm == 0) {
		m->mode.width_mm = mm_at_96_dpi(mode->width_px);
		m->mode.height_mm = mm_at_96_dpi(mode->height_px);
	}
	return 0;
}

/** The largest mode of the same shape that the base block can say: slower first, then smaller. */
static struct oriel_timing base_timing_of(const struct oriel_edid_mode *mode) {
	uint32_t width = mode->width_px;
	uint32_t height = mode->height_px;
	uint32_t refresh_mhz = mode->refresh_mhz;
	struct oriel_timing t = oriel_timing_of(width, height, refresh_mhz);
	while (!oriel_timing_fits_edid(&t)) {
		if (refresh_mhz > 60000) {
			refresh_mhz = 60000;
		} else {
			// A strip 16,384 pixels long keeps at least one pixel of width.
			width = oriel_max_u32(width / 2, 1);
			height = oriel_max_u32(height / 2, 1);
		}
		t = oriel_timing_of(width, height, refresh_mhz);
	}
	return t;
}

int oriel_edid_encode(const struct oriel_edid_mode *mode, uint8_t buf[ORIEL_EDID_BUF_SIZE],
		size_t *ret_size) {
	struct monitor m;
	int err = monitor_init(&m, mode);
	if (err < 0) {
		return err;
	}
	m.wanted = oriel_timing_of(m.mode.width_px, m.mode.height_px, m.mode.refresh_mhz);
	if (!oriel_timing_fits_displayid(&m.wanted)) {
		return -EINVAL;
	}
	m.needs_displayid = !oriel_timing_fits_edid(&m.wanted);
	m.base = base_timing_of(&m.mode);

	memset(buf, 0, ORIEL_EDID_BUF_SIZE);
	put_base_block(buf, &m);
	if (m.needs_displayid) {
		put_displayid_block(buf + BLOCK, &m);
	}
	*ret_size = m.needs_displayid ? 2 * BLOCK : BLOCK;
	return 0;
}

int oriel_edid_check(const uint8_t *edid, size_t size, size_t *ret_size) {
	if (size < BLOCK || memcmp(edid, header, sizeof(header)) != 0) {
		return -EBADMSG;
	}
	size_t blocks_size = BLOCK * ((size_t)edid[126] + 1);
	if (blocks_size > size) {
		return -EBADMSG;
	}
	for (size_t offset = 0; offset < blocks_size; offset += BLOCK) {
		if (edid[offset + BLOCK - 1] != checksum_of(edid + offset, BLOCK - 1)) {
			return -EBADMSG;
		}
	}
	*ret_size = blocks_size;
	return 0;
}
