// SPDX-License-Identifier: MIT
/* Tests of commands.h: which commands of a buffer read guest memory, and what of it. */
#include "render/record/commands.h"

#include "fixture/check.h"

#include <string.h>

#define HEADER(command, len) ((len) << 16 | (command))
#define TRANSFER HEADER(43u, 13u)
#define COPY HEADER(45u, 14u)

static bool find(const uint32_t *words, uint32_t n_words, uint32_t *i,
		struct record_transfer *ret) {
	uint8_t bytes[256];
	memcpy(bytes, words, (size_t)n_words * 4); // as x86 has them: the protocol's order
	return record_commands_find(bytes, n_words, i, ret);
}

static void test_transfer(void **state) {
	(void)state;
	const uint32_t words[] = { HEADER(0u, 1u), 99, TRANSFER, 7, 2, 0, 64, 128, 1, 2, 3, 4, 5, 6,
		4096, 1, COPY, 8, 1, 0, 32, 16, 10, 20, 30, 40, 50, 60, 9, 512, 1 };
	uint32_t i = 0;
	struct record_transfer t;
	assert_true(find(words, ORIEL_ARRAY_LEN(words), &i, &t));
	assert_int_equal(i, 16);
	assert_true(t.resource_id == 7 && t.backing_id == 7);
	assert_true(t.transfer.level == 2 && t.transfer.stride == 64 &&
			t.transfer.layer_stride == 128 && t.transfer.offset == 4096);
	const struct oriel_box box = { 1, 2, 3, 4, 5, 6 };
	assert_memory_equal(&t.transfer.box, &box, sizeof(box));
	assert_true(find(words, ORIEL_ARRAY_LEN(words), &i, &t));
	assert_int_equal(i, ORIEL_ARRAY_LEN(words));
	assert_true(t.resource_id == 8 && t.backing_id == 9);
	assert_true(t.transfer.level == 1 && t.transfer.stride == 32 &&
			t.transfer.layer_stride == 16 && t.transfer.offset == 512);
	const struct oriel_box other = { 10, 20, 30, 40, 50, 60 };
	assert_memory_equal(&t.transfer.box, &other, sizeof(other));
	assert_false(find(words, ORIEL_ARRAY_LEN(words), &i, &t));
	// Cut off anywhere: the first is found as long as it is whole.
	for (uint32_t n = 0; n < ORIEL_ARRAY_LEN(words); n++) {
		i = 0;
		CHECK(find(words, n, &i, &t) == (n >= 16), "%u words", n);
		CHECK(!find(words, n, &i, &t), "%u words", n);
	}
}

static void test_others(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t words[16];
		uint32_t n_words;
	} cases[] = {
		{ "none", { 0 }, 0 },
		{ "from the host", { TRANSFER, 7, 0, 0, 0, 0, 0, 0, 0, 4, 1, 1, 0, 2 }, 14 },
		{ "a copy from the host", { COPY, 7, 0, 0, 0, 0, 0, 0, 0, 4, 1, 1, 9, 0, 2 }, 15 },
		{ "too short", { HEADER(43u, 12u), 7, 0, 0, 0, 0, 0, 0, 0, 4, 1, 1, 1 }, 13 },
		{ "too long", { HEADER(43u, 14u), 7, 0, 0, 0, 0, 0, 0, 0, 4, 1, 1, 0, 1, 0 }, 15 },
		{ "an inline write", { HEADER(9u, 13u), 7, 0, 0, 0, 0, 0, 0, 0, 4, 1, 1, 0, 1 },
				14 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint32_t at = 0;
		struct record_transfer t = { .resource_id = 77 };
		CHECK(!find(cases[i].words, cases[i].n_words, &at, &t), "%s", cases[i].name);
		CHECK(t.resource_id == 77, "%s", cases[i].name);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
