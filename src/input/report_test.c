// SPDX-License-Identifier: MIT
/* Tests of report.h: what is merged, and what never lacks room. */
#include "input/report.h"

#include "fixture/check.h"

#include <errno.h>
#include <linux/input-event-codes.h>

static const struct oriel_report_owner nobody;

static uint32_t press_all(struct oriel_report_queue *queue, uint32_t limit) {
	uint32_t n = 0;
	while (n < limit && oriel_reports_press(queue, (uint16_t)(n + 1), &nobody) == 0) {
		n++;
	}
	return n;
}

static void move(struct oriel_report_queue *queue, uint32_t at) {
	struct oriel_report_owner replaced;
	const struct oriel_position position = { at, at, false };
	(void)oriel_reports_move(queue, &position, &nobody, &replaced);
}

/** However full it is, releases and positions have room, in any order (appending asserts that). */
static void test_releases_and_positions_always_fit(void **state) {
	(void)state;
	for (uint32_t limit = 0; limit <= ORIEL_INPUT_MAX_REPORTS; limit++) {
		struct oriel_report_queue queue = { 0 };
		const uint32_t n_pressed = press_all(&queue, limit);
		while (oriel_reports_turn(&queue, REL_WHEEL_HI_RES, 1, &nobody) == 0) {
			move(&queue, 1);
		}
		for (uint32_t i = 0; i < n_pressed; i++) {
			move(&queue, i);
			move(&queue, i + 1);
			oriel_reports_release(&queue, (uint16_t)(i + 1), &nobody);
		}
		move(&queue, 99);
		CHECK(queue.n <= ORIEL_INPUT_MAX_REPORTS, "%u pressed: %u", n_pressed, queue.n);
		CHECK(queue.n_pressed == 0, "%u pressed", n_pressed);
		// All are there, in order, and the last position is the last of all.
		uint32_t n_releases = 0;
		uint32_t last = 0;
		while (queue.n > 0) {
			const struct oriel_report *report = oriel_reports_get_first(&queue);
			if (report->kind == ORIEL_REPORT_KEY && !report->is_pressed) {
				CHECK(report->code == ++n_releases, "release of %u", report->code);
				CHECK(last == n_releases, "position %u", last);
			}
			last = report->kind == ORIEL_REPORT_POSITION ? report->position.x : 0;
			oriel_reports_remove_first(&queue);
		}
		CHECK(n_releases == n_pressed, "%u of %u", n_releases, n_pressed);
		assert_int_equal(last, 99);
		assert_null(oriel_reports_get_first(&queue));
	}
}

static void test_presses_are_refused_in_time(void **state) {
	(void)state;
	struct oriel_report_queue queue = { 0 };
	// Each takes a report, keeps two, and one is kept for a position.
	const uint32_t n = press_all(&queue, UINT32_MAX);
	assert_int_equal(n, (ORIEL_INPUT_MAX_REPORTS - 1) / 3);
	assert_int_equal(oriel_reports_press(&queue, 1, &nobody), -EAGAIN);
	// One that was given to the guest makes room for nothing but a third of a press.
	oriel_reports_remove_first(&queue);
	assert_int_equal(oriel_reports_turn(&queue, REL_WHEEL_HI_RES, 1, &nobody), 0);
	assert_int_equal(oriel_reports_turn(&queue, REL_HWHEEL_HI_RES, 1, &nobody), -EAGAIN);
}

/** Senders that fill the queue one after another: each takes half of what the last one left. */
static void test_a_sender_leaves_room(void **state) {
	(void)state;
	static const uint32_t want[] = { 127, 64, 32, 16, 8, 4, 2, 1 };
	struct oriel_report_queue queue = { 0 };
	char senders[ORIEL_ARRAY_LEN(want)];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(want); i++) {
		const struct oriel_report_owner owner = { .sender = (void *)&senders[i] };
		uint32_t n = 0;
		while (oriel_reports_turn(&queue, n % 2 == 0 ? REL_WHEEL_HI_RES : REL_HWHEEL_HI_RES,
				       1, &owner) == 0) {
			n++;
		}
		CHECK(n == want[i], "sender %zu: %u", i, n);
	}
}

static void test_positions_are_merged_up_to_a_press(void **state) {
	(void)state;
	struct oriel_report_queue queue = { 0 };
	struct oriel_report_owner replaced = { .epoch = 7 };
	const struct oriel_report_owner first = { .sender = (void *)&queue, .epoch = 1 };
	const struct oriel_report_owner second = { .sender = (void *)&queue, .epoch = 2 };
	static const struct oriel_position positions[] = { { 1, 2, true }, { 3, 4, false },
		{ 5, 6, false } };
	assert_false(oriel_reports_move(&queue, &positions[0], &first, &replaced));
	assert_int_equal(replaced.epoch, 7);
	assert_true(oriel_reports_move(&queue, &positions[1], &second, &replaced));
	assert_int_equal(replaced.epoch, 1);
	assert_int_equal(oriel_reports_press(&queue, BTN_LEFT, &nobody), 0);
	assert_false(oriel_reports_move(&queue, &positions[2], &first, &replaced));
	assert_int_equal(queue.n, 3);
	const struct oriel_report *report = oriel_reports_get_first(&queue);
	assert_int_equal(report->position.x, 3);
	assert_int_equal(report->position.y, 4);
	assert_true(report->position.was_elsewhere); // before the first of them
	assert_int_equal(report->owner.epoch, 2);
}

static void test_turns_are_added(void **state) {
	(void)state;
	const struct oriel_report_owner other = { .epoch = 1 };
	static const struct {
		const char *name;
		int32_t first, second;
		uint16_t code;
		bool is_other;
		int result;
	} cases[] = {
		{ "up and up", 120, 1, REL_WHEEL_HI_RES, false, 1 },
		{ "down and down", -1, -120, REL_WHEEL_HI_RES, false, 1 },
		{ "up and down", 120, -1, REL_WHEEL_HI_RES, false, 0 },
		{ "another wheel", 120, 1, REL_HWHEEL_HI_RES, false, 0 },
		{ "another owner", 120, 1, REL_WHEEL_HI_RES, true, 0 },
		{ "largest", INT32_MAX - 1, 1, REL_WHEEL_HI_RES, false, 1 },
		{ "one too large", INT32_MAX, 1, REL_WHEEL_HI_RES, false, 0 },
		{ "smallest", INT32_MIN + 1, -1, REL_WHEEL_HI_RES, false, 1 },
		{ "one too small", INT32_MIN, -1, REL_WHEEL_HI_RES, false, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_report_queue queue = { 0 };
		assert_int_equal(oriel_reports_turn(&queue, REL_WHEEL_HI_RES, cases[i].first,
						 &nobody),
				0);
		int result = oriel_reports_turn(&queue, cases[i].code, cases[i].second,
				cases[i].is_other ? &other : &nobody);
		CHECK(result == cases[i].result, "%s: %d", cases[i].name, result);
		const int32_t want =
				result == 1 ? cases[i].first + cases[i].second : cases[i].first;
		CHECK(oriel_reports_get_first(&queue)->amount == want, "%s", cases[i].name);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_releases_and_positions_always_fit),
		cmocka_unit_test(test_presses_are_refused_in_time),
		cmocka_unit_test(test_a_sender_leaves_room),
		cmocka_unit_test(test_positions_are_merged_up_to_a_press),
		cmocka_unit_test(test_turns_are_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
