// SPDX-License-Identifier: MIT
/* Tests of list.h: order, removal of the current element during a walk, removing twice. */
#include "base/list.h"

#include "fixture/check.h"

struct item {
	int value;
	struct oriel_link link;
};

static void test_order_and_removal(void **state) {
	(void)state;
	struct oriel_link head;
	struct item items[4];
	oriel_list_init(&head);
	assert_true(oriel_list_is_empty(&head));
	for (int i = 0; i < 4; i++) {
		items[i].value = i;
		oriel_list_append(&head, &items[i].link);
	}
	int expected = 0;
	oriel_list_for_each(link, following, &head) {
		struct item *item = oriel_container_of(link, struct item, link);
		assert_int_equal(item->value, expected);
		expected++;
		if (item->value % 2 == 0) {
			oriel_list_remove(link);
			oriel_list_remove(link);
		}
	}
	assert_int_equal(expected, 4);
	assert_ptr_equal(head.next, &items[1].link);
	assert_ptr_equal(head.prev, &items[3].link);
	oriel_list_remove(&items[1].link);
	oriel_list_remove(&items[3].link);
	assert_true(oriel_list_is_empty(&head));
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order_and_removal) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
