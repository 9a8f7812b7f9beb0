// SPDX-License-Identifier: MIT
/* Tests of buffer.h: who has what, and who pays. */
#include "display/share/buffer.h"

#include "fixture/check.h"

#include <errno.h>
#include <unistd.h>

#define LEAST ORIEL_SHARE_LEAST_CHARGE

static void test_ids_and_look_up(void **state) {
	(void)state;
	struct oriel_share_buffers buffers;
	oriel_share_buffers_init(&buffers, 10 * LEAST);
	struct oriel_resource a = { .id = 5, .serial = 1, .size = 100 };
	struct oriel_resource b = { .id = 6, .serial = 2, .size = 100 };
	assert_null(oriel_share_buffers_find(&buffers, &a));
	struct oriel_share_buffer *of_a = NULL;
	struct oriel_share_buffer *of_b = NULL;
	buffers.last_id = UINT32_MAX - 1;
	assert_int_equal(oriel_share_buffers_add(&buffers, &a, 1, &of_a), 0);
	assert_int_equal(oriel_share_buffers_add(&buffers, &b, 2, &of_b), 0);
	assert_int_equal(of_a->id, UINT32_MAX);
	assert_int_equal(of_b->id, 1); // never 0
	assert_ptr_equal(oriel_share_buffers_find(&buffers, &a), of_a);
	assert_ptr_equal(oriel_share_buffers_get(&buffers, 1), of_b);
	assert_null(oriel_share_buffers_get(&buffers, 2));
	buffers.last_id = UINT32_MAX - 1; // ids in use are passed over
	struct oriel_share_buffer *snapshot = NULL;
	assert_int_equal(oriel_share_buffers_add_snapshot(&buffers, 1, 1, &snapshot), 0);
	assert_int_equal(snapshot->id, 2);
	assert_int_equal(buffers.held.used, LEAST); // resources are the guest's to pay for
	oriel_share_buffers_release_all(&buffers, 1);
	assert_null(oriel_share_buffers_find(&buffers, &a));
	assert_ptr_equal(oriel_share_buffers_find(&buffers, &b), of_b);
	oriel_share_buffers_release_all(&buffers, 2);
	oriel_share_buffers_finish(&buffers);
}

static void test_what_is_charged(void **state) {
	(void)state;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct {
		uint64_t size, charge;
	} cases[] = { { 1, LEAST }, { LEAST, LEAST }, { LEAST + 1, LEAST + page },
		{ LEAST + page, LEAST + page }, { LEAST + page + 1, LEAST + 2 * page } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_share_buffers buffers;
		oriel_share_buffers_init(&buffers, cases[i].charge);
		struct oriel_share_buffer *buffer = NULL;
		int err = oriel_share_buffers_add_snapshot(&buffers, cases[i].size, 1, &buffer);
		CHECK(err == 0, "case %zu: %d", i, err);
		CHECK(buffers.held.used == cases[i].charge, "case %zu", i);
		oriel_share_buffers_release(&buffers, buffer, 1);
		CHECK(buffers.held.used == 0, "case %zu", i);
		buffers.held.limit--;
		err = oriel_share_buffers_add_snapshot(&buffers, cases[i].size, 1, &buffer);
		CHECK(err == -EDQUOT, "case %zu: %d", i, err);
		oriel_share_buffers_finish(&buffers);
	}
}

static void test_the_largest_holder_goes_first(void **state) {
	(void)state;
	struct oriel_share_buffers buffers;
	oriel_share_buffers_init(&buffers, 3 * LEAST);
	struct oriel_resource res[4] = { { .serial = 1, .size = 1 }, { .serial = 2, .size = 1 },
		{ .serial = 3, .size = 1 }, { .serial = 4, .size = 2 * LEAST } };
	const uint64_t clients[4] = { 1, 1 | UINT64_C(1) << 63, 1, 2 };
	for (size_t i = 0; i < 4; i++) {
		struct oriel_share_buffer *buffer = NULL;
		assert_int_equal(oriel_share_buffers_add(&buffers, &res[i], clients[i], &buffer),
				0);
	}
	uint64_t bit = 0;
	for (size_t i = 0; i < 3; i++) {
		oriel_share_buffers_orphan(&buffers, oriel_share_buffers_find(&buffers, &res[i]));
		assert_int_equal(oriel_share_buffers_charge_orphans(&buffers, &bit), 0);
	}
	// Client 0 holds 3, client 1 is to hold 2, client 63 holds 1.
	oriel_share_buffers_orphan(&buffers, oriel_share_buffers_find(&buffers, &res[3]));
	assert_int_equal(oriel_share_buffers_charge_orphans(&buffers, &bit), -EDQUOT);
	assert_int_equal(bit, 1);
	oriel_share_buffers_release_all(&buffers, bit);
	assert_int_equal(buffers.held.used, LEAST); // of client 63
	assert_int_equal(oriel_share_buffers_charge_orphans(&buffers, &bit), 0);
	assert_int_equal(buffers.held.used, 3 * LEAST);
	oriel_share_buffers_release_all(&buffers, 2);
	oriel_share_buffers_release_all(&buffers, UINT64_C(1) << 63);
	assert_int_equal(buffers.held.used, 0);
	oriel_share_buffers_finish(&buffers);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_and_look_up),
		cmocka_unit_test(test_what_is_charged),
		cmocka_unit_test(test_the_largest_holder_goes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
