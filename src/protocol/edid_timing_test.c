// SPDX-License-Identifier: MIT
/*
 * Tests of edid_timing.h.
 *
 * Expected totals and syncs are those of the VESA CVT generator with reduced blanking (the modes
 * that have an "R" in DMT 1.13 among them). Its clocks are multiples of 250 kHz, rounded down; ours
 * are the 10 kHz nearest to the exact product.
 */
#include "protocol/edid_timing.h"

#include "base/compiler.h"
#include "fixture/check.h"

static const struct {
	const char *name;
	uint32_t width, height, refresh_mhz;
	uint32_t v_total, v_sync;
	uint32_t cvt_clock_khz;
} cvt_cases[] = {
	{ "4:3", 1600, 1200, 60000, 1235, 4, 130250 },
	{ "16:9", 1920, 1080, 60000, 1111, 5, 138500 },
	{ "16:10", 1280, 800, 60000, 823, 6, 71000 },
	{ "5:4", 1280, 1024, 60000, 1054, 7, 91000 },
	{ "15:9", 1280, 768, 60000, 790, 7, 68250 },
	{ "other", 1368, 768, 60000, 790, 10, 72250 },
	{ "1440p", 2560, 1440, 60000, 1481, 5, 241500 },
	{ "4K", 3840, 2160, 60000, 2222, 5, 533250 },
	{ "75 Hz", 1920, 1080, 75000, 1119, 5, 174500 },
	{ "120 Hz", 1920, 1080, 120000, 1144, 5, 285500 },
};

static void test_timings_are_those_of_cvt(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cvt_cases); i++) {
		const char *name = cvt_cases[i].name;
		struct oriel_timing t = oriel_timing_of(cvt_cases[i].width, cvt_cases[i].height,
				cvt_cases[i].refresh_mhz);
		CHECK(t.width == cvt_cases[i].width && t.height == cvt_cases[i].height, "%s", name);
		CHECK(t.h_blank == 160 && t.h_front == 48 && t.h_sync == 32, "%s", name);
		CHECK(t.height + t.v_blank == cvt_cases[i].v_total, "%s: %u lines", name,
				t.height + t.v_blank);
		CHECK(t.v_front == 3, "%s", name);
		CHECK(t.v_sync == cvt_cases[i].v_sync, "%s: %u", name, t.v_sync);
		uint32_t clock_khz = t.clock_10khz * 10;
		CHECK(clock_khz >= cvt_cases[i].cvt_clock_khz, "%s: %u kHz", name, clock_khz);
		CHECK(clock_khz < cvt_cases[i].cvt_clock_khz + 250 + 5, "%s: %u kHz", name,
				clock_khz);
	}
}

/** Blanking has room for sync and porches, and the rate is the one asked for. */
static void check_timing(uint32_t width, uint32_t height, uint32_t refresh_mhz) {
	struct oriel_timing t = oriel_timing_of(width, height, refresh_mhz);
	CHECK(t.width == width && t.height == height, "%ux%u", width, height);
	CHECK(t.h_blank > t.h_front + t.h_sync, "%ux%u@%u", width, height, refresh_mhz);
	CHECK(t.v_blank > t.v_front + t.v_sync, "%ux%u@%u", width, height, refresh_mhz);
	CHECK(t.clock_10khz >= 1000, "%ux%u@%u: %u0 kHz", width, height, refresh_mhz,
			t.clock_10khz);

	// Half of 10 kHz off at most, which is 1/2000 of the slowest clock.
	uint64_t rate = oriel_timing_get_refresh_mhz(&t);
	uint64_t slack = refresh_mhz / 2000 + 1;
	CHECK(rate + slack >= refresh_mhz && rate <= refresh_mhz + slack, "%ux%u@%u: %llu", width,
			height, refresh_mhz, (unsigned long long)rate);

	// CVT: at least 460 us of blanking, counted in lines of this timing.
	uint64_t blank_ns = (uint64_t)t.v_blank * 1000000000 / oriel_timing_get_line_rate(&t);
	CHECK(blank_ns + blank_ns / 1000 >= 460000, "%ux%u@%u: %llu ns", width, height, refresh_mhz,
			(unsigned long long)blank_ns);
}

static void test_any_mode_has_a_timing(void **state) {
	(void)state;
	static const uint32_t sides[] = { 1, 2, 63, 64, 200, 601, 801, 1366, 4095, 4096, 16384 };
	static const uint32_t rates[] = { 10000, 23976, 59940, 60000, 144000, 999999, 1000000 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sides); i++) {
		for (size_t k = 0; k < ORIEL_ARRAY_LEN(sides); k++) {
			for (size_t n = 0; n < ORIEL_ARRAY_LEN(rates); n++) {
				check_timing(sides[i], sides[k], rates[n]);
			}
		}
	}
}

static void test_slow_clock_is_raised_to_10_mhz_and_no_further(void **state) {
	(void)state;
	// (64 + 160) x 83 x 60 Hz would be 1.1 MHz.
	struct oriel_timing t = oriel_timing_of(64, 64, 60000);
	assert_int_equal(t.clock_10khz, 1000);
	assert_int_equal(t.v_blank, 3 + 10 + 6);
	// One pixel alone needs more than the longest line.
	t = oriel_timing_of(1, 1, 10000);
	assert_int_equal(t.h_blank, 4095);
	assert_true(oriel_timing_fits_edid(&t));
	assert_true(t.v_blank > 200);
}

static void test_what_fits_edid(void **state) {
	(void)state;
	const struct oriel_timing largest = {
		.clock_10khz = 0xffff,
		.width = 0xfff,
		.h_blank = 0xfff,
		.height = 0xfff,
		.v_blank = 0xfff,
	};
	assert_true(oriel_timing_fits_edid(&largest));
	struct oriel_timing t = largest;
	t.clock_10khz++;
	assert_false(oriel_timing_fits_edid(&t));
	t = largest;
	t.width++;
	assert_false(oriel_timing_fits_edid(&t));
	t = largest;
	t.h_blank++;
	assert_false(oriel_timing_fits_edid(&t));
	t = largest;
	t.height++;
	assert_false(oriel_timing_fits_edid(&t));
	t = largest;
	t.v_blank++;
	assert_false(oriel_timing_fits_edid(&t));
}

static void test_what_fits_displayid(void **state) {
	(void)state;
	const struct oriel_timing largest = {
		.clock_10khz = 0x1000000,
		.width = 0x10000,
		.h_blank = 0x10000,
		.height = 0x10000,
		.v_blank = 0x10000,
	};
	assert_true(oriel_timing_fits_displayid(&largest));
	struct oriel_timing t = largest;
	t.clock_10khz++;
	assert_false(oriel_timing_fits_displayid(&t));
	t = largest;
	t.width++;
	assert_false(oriel_timing_fits_displayid(&t));
	t = largest;
	t.h_blank++;
	assert_false(oriel_timing_fits_displayid(&t));
	t = largest;
	t.height++;
	assert_false(oriel_timing_fits_displayid(&t));
	t = largest;
	t.v_blank++;
	assert_false(oriel_timing_fits_displayid(&t));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timings_are_those_of_cvt),
		cmocka_unit_test(test_any_mode_has_a_timing),
		cmocka_unit_test(test_slow_clock_is_raised_to_10_mhz_and_no_further),
		cmocka_unit_test(test_what_fits_edid),
		cmocka_unit_test(test_what_fits_displayid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
