// SPDX-License-Identifier: MIT
/*
 * Tests of edid.h. What edid-decode and libdisplay-info think of the result is asked in tests/edid.
 *
 * The reader here takes from an EDID what Linux's drm_edid.c does: the first detailed timing and
 * DisplayID's Type I timings marked as preferred; of these the largest, then the fastest, is the
 * mode that a guest comes up with.
 */
#include "protocol/edid.h"

#include "fixture/check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct seen_mode {
	uint32_t width, height;
	uint32_t h_blank, h_front, h_sync, v_blank, v_front, v_sync;
	uint64_t clock_10khz;
	bool h_positive, v_positive;
};

static uint32_t u16_at(const uint8_t *b) {
	return (uint32_t)(b[0] | b[1] << 8);
}

static bool sums_to_zero(const uint8_t *bytes, size_t size) {
	unsigned int sum = 0;
	for (size_t i = 0; i < size; i++) {
		sum += bytes[i];
	}
	return sum % 256 == 0;
}

static struct seen_mode read_detailed(const uint8_t *d) {
	struct seen_mode m = { 0 };
	m.clock_10khz = u16_at(d);
	m.width = d[2] | (uint32_t)(d[4] >> 4) << 8;
	m.h_blank = d[3] | (uint32_t)(d[4] & 15) << 8;
	m.height = d[5] | (uint32_t)(d[7] >> 4) << 8;
	m.v_blank = d[6] | (uint32_t)(d[7] & 15) << 8;
	m.h_front = d[8] | (uint32_t)(d[11] >> 6) << 8;
	m.h_sync = d[9] | (uint32_t)(d[11] >> 4 & 3) << 8;
	m.v_front = d[10] >> 4 | (uint32_t)(d[11] >> 2 & 3) << 4;
	m.v_sync = (d[10] & 15) | (uint32_t)(d[11] & 3) << 4;
	assert_int_equal(d[17] & 0x80, 0);   // not interlaced
	assert_int_equal(d[17] >> 3 & 3, 3); // digital, separate sync
	m.v_positive = (d[17] & 4) != 0;
	m.h_positive = (d[17] & 2) != 0;
	return m;
}

static struct seen_mode read_type_1(const uint8_t *t) {
	struct seen_mode m = { 0 };
	m.clock_10khz = (u16_at(t) | (uint64_t)t[2] << 16) + 1;
	assert_int_equal(t[3] & 0xf0, 0x80); // preferred, no stereo, progressive
	m.width = u16_at(t + 4) + 1;
	m.h_blank = u16_at(t + 6) + 1;
	m.h_front = (u16_at(t + 8) & 0x7fff) + 1;
	m.h_positive = (t[9] & 0x80) != 0;
	m.h_sync = u16_at(t + 10) + 1;
	m.height = u16_at(t + 12) + 1;
	m.v_blank = u16_at(t + 14) + 1;
	m.v_front = (u16_at(t + 16) & 0x7fff) + 1;
	m.v_positive = (t[17] & 0x80) != 0;
	m.v_sync = u16_at(t + 18) + 1;
	return m;
}

/** The block with this tag in the DisplayID extension. Fails the test if there is none. */
static const uint8_t *find_displayid(const uint8_t *block, uint8_t tag) {
	assert_int_equal(block[0], 0x70);
	const uint8_t *section = block + 1;
	size_t size = section[1];
	assert_true(size <= 121);
	CHECK(sums_to_zero(section, 4 + size + 1), "DisplayID checksum");
	for (size_t i = 0; i + 3 <= size; i += 3 + (size_t)section[4 + i + 2]) {
		const uint8_t *data = section + 4 + i;
		if (data[0] == tag) {
			assert_true(i + 3 + data[2] <= size);
			return data + 3;
		}
	}
	CHECK(false, "no DisplayID block %02x", tag);
	return NULL;
}

static double refresh_of(const struct seen_mode *m) {
	double total = (double)(m->width + m->h_blank) * (m->height + m->v_blank);
	return (double)m->clock_10khz * 10000 / total;
}

static struct seen_mode preferred_of(const uint8_t *edid, size_t size) {
	struct seen_mode best = read_detailed(edid + 54);
	if (size == 256) {
		struct seen_mode other = read_type_1(find_displayid(edid + 128, 0x03));
		uint64_t area = (uint64_t)best.width * best.height;
		uint64_t other_area = (uint64_t)other.width * other.height;
		if (other_area > area ||
				(other_area == area && refresh_of(&other) > refresh_of(&best))) {
			best = other;
		}
	}
	return best;
}

static const struct {
	const char *name;
	uint32_t width, height, refresh_mhz;
	size_t size;
} modes[] = {
	{ "VGA", 640, 480, 60000, 128 },
	{ "default", 1280, 800, 0, 128 },
	{ "1366x768", 1366, 768, 60000, 128 },
	{ "1080p", 1920, 1080, 60000, 128 },
	{ "1080p 144 Hz", 1920, 1080, 144000, 128 },
	{ "1080p 240 Hz", 1920, 1080, 240000, 128 },
	{ "1080p 360 Hz", 1920, 1080, 360000, 256 },
	{ "1440p 165 Hz", 2560, 1440, 165000, 256 },
	{ "4K", 3840, 2160, 60000, 128 },
	{ "4K 59.94 Hz", 3840, 2160, 59940, 128 },
	{ "4K 120 Hz", 3840, 2160, 120000, 256 },
	{ "DCI 4K", 4096, 2160, 60000, 256 },
	{ "5K", 5120, 2880, 60000, 256 },
	{ "8K", 7680, 4320, 60000, 256 },
	{ "largest", 16384, 16384, 60000, 256 },
	{ "odd", 801, 601, 60000, 128 },
	{ "odd and large", 5001, 3333, 60000, 256 },
	{ "portrait", 1080, 1920, 60000, 128 },
	{ "last that fits", 4095, 2160, 60000, 128 },
	{ "tiny", 1, 1, 60000, 128 },
	{ "wide strip", 16384, 1, 60000, 256 },
	{ "tall strip", 1, 16384, 60000, 256 },
	{ "slowest", 1024, 768, 10000, 128 },
	{ "fastest", 1920, 1080, 1000000, 256 },
};

static void check_blanking(const char *name, const struct seen_mode *m) {
	CHECK(m->h_front > 0 && m->h_sync > 0 && m->h_front + m->h_sync < m->h_blank, "%s", name);
	CHECK(m->v_front > 0 && m->v_sync > 0 && m->v_front + m->v_sync < m->v_blank, "%s", name);
	CHECK(m->h_positive && !m->v_positive, "%s: sync polarity", name);
}

static void test_wanted_mode_is_preferred(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(modes); i++) {
		const char *name = modes[i].name;
		const struct oriel_edid_mode mode = {
			.width_px = modes[i].width,
			.height_px = modes[i].height,
			.refresh_mhz = modes[i].refresh_mhz,
		};
		uint8_t edid[ORIEL_EDID_BUF_SIZE];
		memset(edid, 0xee, sizeof(edid));
		size_t size;
		int err = oriel_edid_encode(&mode, edid, &size);
		CHECK(err == 0, "%s: %d", name, err);
		CHECK(size == modes[i].size, "%s: %zu bytes", name, size);
		for (size_t k = size; k < sizeof(edid); k++) {
			CHECK(edid[k] == 0, "%s: byte %zu", name, k);
		}
		size_t checked;
		CHECK(oriel_edid_check(edid, size, &checked) == 0 && checked == size, "%s", name);

		struct seen_mode first = read_detailed(edid + 54);
		check_blanking(name, &first);
		struct seen_mode m = preferred_of(edid, size);
		check_blanking(name, &m);
		CHECK(m.width == mode.width_px && m.height == mode.height_px, "%s: %ux%u", name,
				m.width, m.height);
		double wanted = mode.refresh_mhz == 0 ? 60 : mode.refresh_mhz / 1000.0;
		double off = refresh_of(&m) / wanted - 1;
		CHECK(off < 0.0005 && off > -0.0005, "%s: %f Hz", name, refresh_of(&m));

		// Bit 1: the first detailed timing is the native one.
		CHECK(((edid[24] & 2) != 0) == (size == 128), "%s: features %02x", name, edid[24]);
		// The range limits, if they are there, are what "continuous" needs.
		CHECK(((edid[24] & 1) != 0) == (edid[72 + 3] == 0xfd), "%s", name);
	}
}

// Checked by hand against E-EDID A2, section 3, and with edid-decode.
static void test_golden_bytes(void **state) {
	(void)state;
	static const char golden[] =
			"\x00\xff\xff\xff\xff\xff\xff\x00"
			"\x3e\x4c\x34\x12\x78\x56\x34\x12"         // ORL, product, serial number
			"\x00\x24\x01\x04"                         // 2026, EDID 1.4
			"\xa5\x22\x15\x78\x07"                     // 34 x 21 cm
			"\xee\x91\xa3\x54\x4c\x99\x26\x0f\x50\x54" // sRGB
			"\x21\x08\x00"                             // 640x480 800x600 1024x768
			"\x81\xc0\x01\x01\x01\x01\x01\x01"         // 1280x720
			"\x01\x01\x01\x01\x01\x01\x01\x01"
			// 71.11 MHz, 1280 + 160 (48, 32), 800 + 23 (3, 6), 339 x 212 mm
			"\xc7\x1b\x00\xa0\x50\x20\x17\x30\x30"
			"\x20\x36\x00\x53\xd4\x10\x00\x00\x1a"
			// 59-61 Hz, 30-80 kHz, 200 MHz
			"\x00\x00\x00\xfd\x00\x3b\x3d\x1e\x50"
			"\x14\x01\x0a      "
			"\x00\x00\x00\xfc\x00Head 1\n      "
			"\x00\x00\x00\xff\x00"
			"0123456789ab?" // no room for an end
			"\x00";
	assert_int_equal(sizeof(golden) - 1, 127); // the checksum follows
	const struct oriel_edid_mode mode = {
		.width_px = 1280,
		.height_px = 800,
		.refresh_mhz = 60000,
		.vendor = "ORL",
		.name = "Head 1",
		.serial = "0123456789ab\x80",
		.serial_number = 0x12345678,
		.product = 0x1234,
	};
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_int_equal(size, 128);
	for (size_t i = 0; i < 127; i++) {
		uint8_t wanted = (uint8_t)golden[i];
		CHECK(edid[i] == wanted, "byte %zu is %02x, not %02x", i, edid[i], wanted);
	}
	assert_true(sums_to_zero(edid, 128));
}

// Checked by hand against DisplayID 1.3, sections 2 and 4, and with edid-decode.
static void test_golden_bytes_of_displayid(void **state) {
	(void)state;
	static const char golden[] =
			"\x70\x13\x79\x03\x00"
			// product: vendor, code, serial number, no week, 2026, name
			"\x00\x00\x11ORL\x00\x00\x00\x00\x00\x00\x00\x1a\x05Oriel"
			// parameters: 2032.0 x 1143.0 mm, 7680 x 4320, 2.2, 1.78, 8 and 8 bits
			"\x01\x00\x0c\x60\x4f\xa6\x2c\x00\x1e\xe0\x10\x00\x78\x4e\x77"
			// timing: 2089.99 MHz, 7680 + 160 (48, 32), 4320 + 123 (3, 5)
			"\x03\x00\x14\x66\x30\x03\x84\xff\x1d\x9f\x00\x2f\x80\x1f\x00"
			"\xdf\x10\x7a\x00\x02\x00\x04\x00"
			// interface: DisplayPort 1.2, four lanes, RGB with 8 bits
			"\x0f\x00\x0a\x94\x12\x02\x00\x00\x00\x00\x00\x00\x00";
	const struct oriel_edid_mode mode = { .width_px = 7680, .height_px = 4320 };
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_int_equal(size, 256);
	size_t golden_size = sizeof(golden) - 1;
	for (size_t i = 0; i < golden_size; i++) {
		uint8_t wanted = (uint8_t)golden[i];
		CHECK(edid[128 + i] == wanted, "byte %zu is %02x, not %02x", i, edid[128 + i],
				wanted);
	}
	assert_true(sums_to_zero(edid + 129, 4 + 121 + 1));
	assert_true(sums_to_zero(edid + 128, 128));
	for (size_t i = 128 + golden_size; i < 128 + 1 + 4 + 121; i++) {
		CHECK(edid[i] == 0, "byte %zu", i);
	}

	// What the base block has by default.
	assert_memory_equal(edid + 8, "\x3e\x4c\0\0\0\0\0\0\x00\x24\x01\x04", 12);
	assert_memory_equal(edid + 90, "\0\0\0\xfc\0Oriel\n       ", 18);
	assert_memory_equal(edid + 108, "\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);
}

static void test_displayid_says_the_same_as_the_base_block(void **state) {
	(void)state;
	const struct oriel_edid_mode mode = {
		.width_px = 7680,
		.height_px = 4320,
		.width_mm = 1872,
		.height_mm = 1053,
		.vendor = "XYZ",
		.name = "Wall",
		.serial_number = 0x12345678,
		.product = 0xabcd,
	};
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_int_equal(size, 256);
	assert_int_equal(edid[126], 1);
	assert_int_equal(edid[129], 0x13);
	const uint8_t *product = find_displayid(edid + 128, 0x00);
	assert_memory_equal(product, "XYZ\xcd\xab\x78\x56\x34\x12\x00\x1a\x04Wall", 16);
	const uint8_t *parameters = find_displayid(edid + 128, 0x01);
	assert_int_equal(u16_at(parameters), 18720);
	assert_int_equal(u16_at(parameters + 2), 10530);
	assert_int_equal(u16_at(parameters + 4), 7680);
	assert_int_equal(u16_at(parameters + 6), 4320);
	assert_int_equal(parameters[10], 78); // 1.78
	const uint8_t *timing = find_displayid(edid + 128, 0x03);
	assert_int_equal(timing[3], 0x84); // preferred, 16:9
	const uint8_t *interface = find_displayid(edid + 128, 0x0f);
	assert_int_equal(interface[0] >> 4, 9);
	assert_int_equal(edid[20] & 15, 5); // DisplayPort here too

	// The base block has half of it.
	struct seen_mode first = read_detailed(edid + 54);
	assert_int_equal(first.width, 3840);
	assert_int_equal(first.height, 2160);
}

static void test_aspect_of_type_1(void **state) {
	(void)state;
	static const struct {
		uint32_t width, height;
		uint8_t aspect;
		uint8_t hundredths;
	} cases[] = {
		{ 5000, 5000, 0, 0 },
		{ 5000, 4000, 1, 25 },
		{ 6000, 4500, 2, 33 },
		{ 5000, 3000, 3, 67 },
		{ 6400, 3600, 4, 78 },
		{ 6400, 4000, 5, 60 },
		{ 6400, 2700, 6, 137 },
		{ 5120, 2700, 7, 90 },
		{ 3600, 6400, 8, 78 },
		{ 16384, 4096, 8, 255 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const struct oriel_edid_mode mode = {
			.width_px = cases[i].width,
			.height_px = cases[i].height,
		};
		uint8_t edid[ORIEL_EDID_BUF_SIZE];
		size_t size;
		assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
		const uint8_t *timing = find_displayid(edid + 128, 0x03);
		CHECK((timing[3] & 15) == cases[i].aspect, "row %zu: %u", i, timing[3] & 15u);
		const uint8_t *parameters = find_displayid(edid + 128, 0x01);
		CHECK(parameters[10] == cases[i].hundredths, "row %zu: %u", i, parameters[10]);
	}
}

static void test_millimetres(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t width_px, height_px, width_mm, height_mm;
		uint32_t width_cm, height_cm;
		uint32_t detailed_width_mm, detailed_height_mm;
		uint32_t width_tenths; // DisplayID's; 0 where there is none
	} cases[] = {
		// 1920 px / 96 dpi x 25.4 mm = 508 mm; 1080 px are 285.75 mm.
		{ "96 dpi", 1920, 1080, 0, 0, 51, 29, 508, 286, 0 },
		{ "given", 1920, 1080, 344, 194, 34, 19, 344, 194, 0 },
		{ "one missing", 1920, 1080, 344, 0, 51, 29, 508, 286, 0 },
		{ "last in cm", 1920, 1080, 2554, 2554, 255, 255, 2554, 2554, 0 },
		{ "too wide in cm", 1920, 1080, 2555, 1000, 0, 0, 2555, 1000, 0 },
		{ "less than half a cm", 1920, 1080, 4, 1000, 0, 0, 4, 1000, 0 },
		{ "one mm", 1920, 1080, 1, 1, 0, 0, 1, 1, 0 },
		{ "least in cm", 1920, 1080, 5, 5, 1, 1, 5, 5, 0 },
		{ "last in mm", 1920, 1080, 4095, 4095, 0, 0, 4095, 4095, 0 },
		{ "too wide in mm", 1920, 1080, 4096, 10, 0, 0, 0, 0, 0 },
		{ "too high in mm", 1920, 1080, 10, 4096, 0, 0, 0, 0, 0 },
		{ "last in DisplayID", 7680, 4320, 6553, 6553, 0, 0, 0, 0, 65530 },
		{ "beyond all", 7680, 4320, UINT32_MAX, 6554, 0, 0, 0, 0, 0 },
		{ "beyond all, low", 7680, 4320, 10, 6554, 0, 0, 0, 0, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const char *name = cases[i].name;
		const struct oriel_edid_mode mode = {
			.width_px = cases[i].width_px,
			.height_px = cases[i].height_px,
			.width_mm = cases[i].width_mm,
			.height_mm = cases[i].height_mm,
		};
		uint8_t edid[ORIEL_EDID_BUF_SIZE];
		size_t size;
		assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
		CHECK(edid[21] == cases[i].width_cm && edid[22] == cases[i].height_cm,
				"%s: %u x %u cm", name, edid[21], edid[22]);
		const uint8_t *d = edid + 54;
		uint32_t width_mm = d[12] | (uint32_t)(d[14] >> 4) << 8;
		uint32_t height_mm = d[13] | (uint32_t)(d[14] & 15) << 8;
		CHECK(width_mm == cases[i].detailed_width_mm, "%s: %u mm", name, width_mm);
		CHECK(height_mm == cases[i].detailed_height_mm, "%s: %u mm", name, height_mm);
		if (size == 256) {
			uint32_t tenths = u16_at(find_displayid(edid + 128, 0x01));
			CHECK(tenths == cases[i].width_tenths, "%s: %u", name, tenths);
		}
	}
}

static void test_range_limits(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t width, height, refresh_mhz;
		uint8_t limits[6]; // offsets, V from, V to, H from, H to, clock
	} cases[] = {
		{ "usual", 1280, 800, 60000, { 0, 59, 61, 30, 80, 20 } },
		{ "slow", 640, 480, 10000, { 0, 10, 61, 4, 80, 20 } },
		{ "fast", 1920, 1080, 144000, { 0, 59, 144, 30, 167, 35 } },
		{ "last without offset", 1280, 720, 254500, { 0, 59, 255, 30, 208, 30 } },
		{ "first with offset", 1280, 720, 255500, { 2, 59, 1, 30, 209, 31 } },
		{ "last that fits", 640, 480, 509900, { 2 | 8, 59, 255, 30, 321 - 255, 26 } },
		{ "first that does not", 640, 480, 510100, { 0 } },
		// 400 Hz and 353 kHz: 255 is added to both upper ends.
		{ "high", 1280, 720, 400000, { 2 | 8, 59, 401 - 255, 30, 354 - 255, 51 } },
		{ "too high", 1920, 1080, 500000, { 0 } },
		{ "clock too high", 8192, 5000, 60000, { 0 } },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const struct oriel_edid_mode mode = {
			.width_px = cases[i].width,
			.height_px = cases[i].height,
			.refresh_mhz = cases[i].refresh_mhz,
		};
		uint8_t edid[ORIEL_EDID_BUF_SIZE];
		size_t size;
		assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
		const uint8_t *d = edid + 72;
		bool has_range = d[3] == 0xfd;
		CHECK(has_range == (cases[i].limits[1] != 0), "%s: tag %02x", cases[i].name, d[3]);
		for (size_t k = 0; has_range && k < 6; k++) {
			CHECK(d[4 + k] == cases[i].limits[k], "%s: byte %zu is %u", cases[i].name,
					k, d[4 + k]);
		}
	}
}

static void test_smaller_usual_sizes_are_told(void **state) {
	(void)state;
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	struct oriel_edid_mode mode = { .width_px = 640, .height_px = 480 };
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_memory_equal(edid + 35, "\0\0\0", 3); // the mode itself is not among them
	assert_memory_equal(edid + 38, "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 16);

	mode = (struct oriel_edid_mode){ .width_px = 641, .height_px = 480 };
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_memory_equal(edid + 35, "\x20\0\0", 3);

	mode = (struct oriel_edid_mode){ .width_px = 1024, .height_px = 600 };
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_memory_equal(edid + 35, "\x21\0\0", 3);

	mode = (struct oriel_edid_mode){ .width_px = 1920, .height_px = 1080 };
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_memory_equal(edid + 35, "\x21\x08\0", 3);
	// 1680x1050 1600x900 1280x1024 1440x900 1280x800 1280x720.
	assert_memory_equal(edid + 38,
			"\xb3\x00"
			"\xa9\xc0"
			"\x81\x80"
			"\x95\x00"
			"\x81\x00"
			"\x81\xc0"
			"\1\1\1\1",
			16);

	// Only the first eight of nine have room: 1920x1200 1920x1080 1600x1200 ... 1280x800.
	mode = (struct oriel_edid_mode){ .width_px = 3840, .height_px = 2160 };
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_memory_equal(edid + 38, "\xd1\x00\xd1\xc0\xa9\x40", 6);
	assert_memory_equal(edid + 52, "\x81\x00\x50", 3);
}

static void test_what_is_out_of_range_is_refused(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_edid_mode mode;
		int err;
	} cases[] = {
		{ "no width", { .height_px = 1 }, -EINVAL },
		{ "no height", { .width_px = 1 }, -EINVAL },
		{ "too wide", { .width_px = 16385, .height_px = 1 }, -EINVAL },
		{ "too high", { .width_px = 1, .height_px = 16385 }, -EINVAL },
		{ "too slow", { .width_px = 640, .height_px = 480, .refresh_mhz = 9999 }, -EINVAL },
		{ "too fast", { .width_px = 640, .height_px = 480, .refresh_mhz = 1000001 },
				-EINVAL },
		// 16544 x 30341 x 1 kHz is three times what 24 bits of 10 kHz can say.
		{ "too much", { .width_px = 16384, .height_px = 16384, .refresh_mhz = 1000000 },
				-EINVAL },
		{ "small letters", { .width_px = 640, .height_px = 480, .vendor = "orl" },
				-EINVAL },
		{ "two letters", { .width_px = 640, .height_px = 480, .vendor = "OR" }, -EINVAL },
		{ "below A", { .width_px = 640, .height_px = 480, .vendor = "A@A" }, -EINVAL },
		{ "above Z", { .width_px = 640, .height_px = 480, .vendor = "ZZ[" }, -EINVAL },
		{ "A and Z", { .width_px = 640, .height_px = 480, .vendor = "AZA" }, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint8_t edid[ORIEL_EDID_BUF_SIZE];
		uint8_t before[ORIEL_EDID_BUF_SIZE];
		memset(edid, 0xa5, sizeof(edid));
		memset(before, 0xa5, sizeof(before));
		size_t size = 77;
		int err = oriel_edid_encode(&cases[i].mode, edid, &size);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		bool untouched = size == 77 && memcmp(edid, before, sizeof(edid)) == 0;
		CHECK(untouched == (err < 0), "%s", cases[i].name);
	}
}

static void test_text_without_end_is_cut(void **state) {
	(void)state;
	struct oriel_edid_mode mode = { .width_px = 640, .height_px = 480 };
	memset(mode.name, 'n', sizeof(mode.name));
	memset(mode.serial, 's', sizeof(mode.serial));
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_memory_equal(edid + 90 + 5, "nnnnnnnnnnnnn", 13);
	assert_memory_equal(edid + 108 + 5, "sssssssssssss", 13);
	assert_int_equal(edid[126], 0);

	mode = (struct oriel_edid_mode){ .width_px = 640,
		.height_px = 480,
		.name = "~",
		.serial = "1" };
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_memory_equal(edid + 90 + 5, "~\n           ", 13);
	assert_memory_equal(edid + 108 + 5, "1\n           ", 13);
}

static void test_check(void **state) {
	(void)state;
	const struct oriel_edid_mode mode = { .width_px = 7680, .height_px = 4320 };
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	assert_int_equal(size, 256);
	for (size_t n = 0; n <= sizeof(edid); n++) {
		// A copy that ends where it ends, so that AddressSanitizer sees reads behind it.
		uint8_t *copy = malloc(n > 0 ? n : 1);
		assert_non_null(copy);
		memcpy(copy, edid, n);
		size_t checked = 77;
		int err = oriel_edid_check(copy, n, &checked);
		free(copy);
		CHECK(err == (n < 256 ? -EBADMSG : 0), "n=%zu err=%d", n, err);
		CHECK(checked == (n < 256 ? 77u : 256u), "n=%zu: %zu", n, checked);
	}
	for (size_t i = 0; i < size; i++) {
		edid[i] ^= 0x10;
		size_t checked = 77;
		CHECK(oriel_edid_check(edid, sizeof(edid), &checked) == -EBADMSG, "byte %zu", i);
		CHECK(checked == 77, "byte %zu", i);
		edid[i] ^= 0x10;
	}
	// What lies behind the last block is not looked at.
	edid[256] = 1;
	assert_int_equal(oriel_edid_check(edid, sizeof(edid), &size), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wanted_mode_is_preferred),
		cmocka_unit_test(test_golden_bytes),
		cmocka_unit_test(test_golden_bytes_of_displayid),
		cmocka_unit_test(test_displayid_says_the_same_as_the_base_block),
		cmocka_unit_test(test_aspect_of_type_1),
		cmocka_unit_test(test_millimetres),
		cmocka_unit_test(test_range_limits),
		cmocka_unit_test(test_smaller_usual_sizes_are_told),
		cmocka_unit_test(test_what_is_out_of_range_is_refused),
		cmocka_unit_test(test_text_without_end_is_cut),
		cmocka_unit_test(test_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
