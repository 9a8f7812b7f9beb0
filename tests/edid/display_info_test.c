// SPDX-License-Identifier: MIT
/*
 * What libdisplay-info, which compositors read EDIDs with, makes of ours: it finds nothing to
 * complain about, and the mode is the one that was asked for.
 *
 * Its CVT generator also checks our timings: the same blanking, and a clock at most one of CVT's
 * steps of 250 kHz higher.
 */
#include "fixture/check.h"
#include "protocol/edid.h"
#include "protocol/edid_timing.h"

#include <libdisplay-info/cvt.h>
#include <libdisplay-info/displayid.h>
#include <libdisplay-info/edid.h>
#include <libdisplay-info/info.h>

static const struct {
	uint32_t width, height;
	uint32_t refresh_hz;
	bool has_displayid;
} modes[] = {
	{ 640, 480, 60, false },
	{ 1280, 800, 60, false },
	{ 801, 601, 60, false },
	{ 1920, 1080, 144, false },
	{ 3840, 2160, 60, false },
	{ 3840, 2160, 144, true },
	{ 4096, 2160, 60, true },
	{ 5001, 3333, 60, true },
	{ 7680, 4320, 60, true },
	{ 16384, 16384, 60, true },
};

static struct di_info *parse(uint32_t width, uint32_t height, uint32_t refresh_hz) {
	const struct oriel_edid_mode mode = {
		.width_px = width,
		.height_px = height,
		.refresh_mhz = refresh_hz * 1000,
	};
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	assert_int_equal(oriel_edid_encode(&mode, edid, &size), 0);
	struct di_info *info = di_info_parse_edid(edid, size);
	assert_non_null(info);
	return info;
}

/** The only Type I timing of the only DisplayID extension, or NULL. */
static const struct di_displayid_type_i_ii_vii_timing *find_type_1(const struct di_edid *edid) {
	const struct di_edid_ext *const *extensions = di_edid_get_extensions(edid);
	if (extensions[0] == NULL || di_edid_ext_get_tag(extensions[0]) != DI_EDID_EXT_DISPLAYID) {
		return NULL;
	}
	assert_null(extensions[1]);
	const struct di_displayid *displayid = di_edid_ext_get_displayid(extensions[0]);
	const struct di_displayid_data_block *const *blocks =
			di_displayid_get_data_blocks(displayid);
	for (size_t i = 0; blocks[i] != NULL; i++) {
		const struct di_displayid_type_i_ii_vii_timing *const *timings =
				di_displayid_data_block_get_type_i_timings(blocks[i]);
		if (timings != NULL && timings[0] != NULL) {
			assert_null(timings[1]);
			return timings[0];
		}
	}
	return NULL;
}

static void test_wanted_mode_is_seen(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(modes); i++) {
		struct di_info *info = parse(modes[i].width, modes[i].height, modes[i].refresh_hz);
		const char *failure = di_info_get_failure_msg(info);
		CHECK(failure == NULL, "row %zu: %s", i, failure);

		const struct di_edid *edid = di_info_get_edid(info);
		const struct di_displayid_type_i_ii_vii_timing *type_1 = find_type_1(edid);
		CHECK((type_1 != NULL) == modes[i].has_displayid, "row %zu: DisplayID", i);
		int64_t width, height;
		if (type_1 != NULL) {
			CHECK(type_1->preferred, "row %zu", i);
			width = type_1->horiz_active;
			height = type_1->vert_active;
		} else {
			const struct di_edid_detailed_timing_def *const *timings =
					di_edid_get_detailed_timing_defs(edid);
			assert_non_null(timings[0]);
			width = timings[0]->horiz_video;
			height = timings[0]->vert_video;
		}
		CHECK(width == modes[i].width && height == modes[i].height, "row %zu: %lldx%lld", i,
				(long long)width, (long long)height);
		di_info_destroy(info);
	}
}

static void test_timings_are_those_of_cvt(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(modes); i++) {
		const struct di_cvt_options options = {
			.red_blank_ver = DI_CVT_REDUCED_BLANKING_V1,
			.h_pixels = (int)modes[i].width,
			.v_lines = (int)modes[i].height,
			.ip_freq_rqd = modes[i].refresh_hz,
		};
		struct di_cvt_timing cvt;
		di_cvt_compute(&cvt, &options);
		struct oriel_timing t = oriel_timing_of(modes[i].width, modes[i].height,
				modes[i].refresh_hz * 1000);
		// The generator rounds the width to 8 pixels, and with it the aspect ratio.
		if (modes[i].width % 8 != 0) {
			continue;
		}
		CHECK(t.h_front == (uint32_t)cvt.h_front_porch, "row %zu", i);
		CHECK(t.h_sync == (uint32_t)cvt.h_sync, "row %zu", i);
		CHECK(t.h_blank == t.h_front + t.h_sync + (uint32_t)cvt.h_back_porch, "row %zu", i);
		CHECK(t.v_front == (uint32_t)cvt.v_front_porch, "row %zu", i);
		CHECK(t.v_sync == (uint32_t)cvt.v_sync, "row %zu: %u, %g", i, t.v_sync, cvt.v_sync);
		CHECK(t.v_blank == t.v_front + (uint32_t)(cvt.v_sync + cvt.v_back_porch),
				"row %zu: %u lines", i, t.v_blank);
		double step_mhz = t.clock_10khz / 100.0 - cvt.act_pixel_freq;
		CHECK(step_mhz > -0.01 && step_mhz < 0.26, "row %zu: %f MHz more", i, step_mhz);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wanted_mode_is_seen),
		cmocka_unit_test(test_timings_are_those_of_cvt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
