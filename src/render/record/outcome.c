// SPDX-License-Identifier: MIT
/* See outcome.h. */
#include "render/record/outcome.h"

#include <stdlib.h>

/** With a tolerance, so many pixels of a million may differ by more: the edges of triangles. */
#define EDGE_PPM 10000u
#define PPM 1000000u

#define FORMAT_B8G8R8X8 2u
#define FORMAT_R8G8B8X8 134u

/** No result came, so it had no error. What it read back was not recorded. */
static void close_outcome(struct record_outcomes *outcomes, struct record_outcome *outcome) {
	if (outcome->is_open && outcome->err != 0) {
		outcomes->result->n_other_errors++;
	}
	outcome->is_open = false;
}

void record_outcomes_add(struct record_outcomes *outcomes, const struct record_outcome *outcome) {
	struct record_outcome *own = &outcomes->ring[outcomes->n++ % RECORD_N_OUTCOMES];
	close_outcome(outcomes, own);
	*own = *outcome;
	own->is_open = true;
}

void record_outcomes_end(struct record_outcomes *outcomes) {
	for (size_t i = 0; i < RECORD_N_OUTCOMES; i++) {
		close_outcome(outcomes, &outcomes->ring[i]);
	}
}

static struct record_outcome *find(struct record_outcomes *outcomes, uint64_t number) {
	for (uint64_t i = 1; i <= RECORD_N_OUTCOMES && i <= outcomes->n; i++) {
		struct record_outcome *outcome =
				&outcomes->ring[(outcomes->n - i) % RECORD_N_OUTCOMES];
		if (outcome->number == number) {
			return outcome->is_open ? outcome : NULL;
		}
	}
	return NULL;
}

/** Compare pixels; those of a format without alpha have three channels. */
static void compare(struct record_outcomes *outcomes, const uint8_t *a, const uint8_t *b,
		size_t n_pixels, bool has_alpha) {
	struct oriel_render_play_result *result = outcomes->result;
	const size_t n_channels = has_alpha ? 4 : 3;
	uint64_t n_off = 0;
	for (size_t i = 0; i < n_pixels; i++) {
		uint32_t worst = 0;
		for (size_t j = 0; j < n_channels; j++) {
			const int difference = (int)a[i * 4 + j] - (int)b[i * 4 + j];
			worst = oriel_max_u32(worst, (uint32_t)abs(difference));
		}
		n_off += worst > outcomes->tolerance ? 1 : 0;
		result->worst_channel = oriel_max_u32(result->worst_channel, worst);
	}
	const uint32_t ppm = (uint32_t)(n_off * PPM / n_pixels);
	result->worst_ppm = oriel_max_u32(result->worst_ppm, ppm);
	if (outcomes->tolerance > 0 && ppm <= EDGE_PPM) {
		result->n_similar++;
	} else {
		result->n_different++;
	}
}

static int compare_picture(struct record_outcomes *outcomes,
		const struct oriel_render_dump_result *recorded, const struct record_rows *rows) {
	const size_t size = (size_t)recorded->row_size * (size_t)recorded->n_rows;
	uint8_t *theirs = malloc(size);
	uint8_t *ours = malloc(size);
	int err = theirs != NULL && ours != NULL ? 0 : -ENOMEM;
	if (err == 0) {
		err = oriel_render_dump_unpack(recorded->picture, recorded->picture_size, theirs,
				size / 4);
	}
	if (err == 0) {
		for (uint64_t i = 0; i < recorded->n_rows; i++) {
			struct oriel_scatter_cursor cursor = record_rows_seek(rows, i);
			oriel_scatter_cursor_read(&cursor, ours + i * recorded->row_size,
					recorded->row_size);
		}
		const uint32_t format = rows->desc->format;
		compare(outcomes, ours, theirs, size / 4,
				format != FORMAT_B8G8R8X8 && format != FORMAT_R8G8B8X8);
	}
	free(theirs);
	free(ours);
	return err;
}

int record_outcomes_judge(struct record_outcomes *outcomes,
		const struct oriel_render_dump_result *recorded, const struct record_rows *rows) {
	struct oriel_render_play_result *result = outcomes->result;
	struct record_outcome *own = find(outcomes, recorded->number);
	if (own == NULL) {
		result->n_unjudged++; // it came too late, or twice
		return 0;
	}
	own->is_open = false;
	if (own->err != recorded->err) {
		result->n_other_errors++;
		return 0;
	}
	if (!recorded->has_data) {
		return 0;
	}
	if (!own->has_data || own->n_rows != recorded->n_rows ||
			own->row_size != recorded->row_size) {
		result->n_different++;
		return 0;
	}
	if (own->checksum == recorded->checksum) {
		result->n_same++;
		return 0;
	}
	if (recorded->picture_size > 0 && rows != NULL && record_rows_are_pixels(rows)) {
		return compare_picture(outcomes, recorded, rows);
	}
	if (outcomes->tolerance > 0) {
		result->n_unjudged++;
	} else {
		result->n_different++;
	}
	return 0;
}
