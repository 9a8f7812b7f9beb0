// SPDX-License-Identifier: MIT
/*
 * Tests of ring.h and arena.h: order, wrapping, room and sleep; the other end's lies; and two
 * threads that never miss each other. The last is for ThreadSanitizer, too.
 */
#include "render/remote/ring.h"

#include "fixture/check.h"
#include "render/remote/arena.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_SLOTS 8u
#define SLOT_SIZE 16u

static _Alignas(64) uint8_t control[ORIEL_RENDER_RING_CONTROL_SIZE];
static uint8_t slots[N_SLOTS * SLOT_SIZE];
static struct oriel_render_ring producer, consumer;

static int setup(void **state) {
	(void)state;
	memset(control, 0, sizeof(control));
	oriel_render_ring_init(&producer, control, slots, SLOT_SIZE, N_SLOTS);
	oriel_render_ring_init(&consumer, control, slots, SLOT_SIZE, N_SLOTS);
	return 0;
}

static void push(uint32_t value) {
	uint8_t slot[SLOT_SIZE] = { 0 };
	memcpy(slot + SLOT_SIZE - 4, &value, 4);
	oriel_render_ring_push(&producer, slot);
}

/** The next value, or -1. */
static int64_t pop(void) {
	uint8_t slot[SLOT_SIZE];
	int n = oriel_render_ring_pop(&consumer, slot);
	if (n != 1) {
		assert_int_equal(n, 0);
		return -1;
	}
	uint32_t value;
	memcpy(&value, slot + SLOT_SIZE - 4, 4);
	return value;
}

/** From just before the indices wrap at 2^32. */
static void test_order(void **state) {
	(void)state;
	const uint32_t start = UINT32_MAX - 20;
	producer.mine = producer.theirs = consumer.mine = consumer.theirs = start;
	*producer.head = *producer.tail = start;
	uint32_t next = 0, expected = 0;
	for (uint32_t round = 0; round < 50; round++) {
		for (uint32_t i = 0; i < round % N_SLOTS + 1; i++) {
			assert_true(oriel_render_ring_get_room(&producer) > 0);
			push(next++);
		}
		while (expected < next) {
			assert_int_equal(pop(), expected++);
		}
		assert_int_equal(pop(), -1);
	}
}

static void test_room(void **state) {
	(void)state;
	for (uint32_t i = 0; i < N_SLOTS; i++) {
		assert_true(oriel_render_ring_get_room(&producer) > 0);
		push(i);
	}
	assert_int_equal(oriel_render_ring_get_room(&producer), 0);
	assert_false(oriel_render_ring_needs_room_bell(&consumer));
	assert_int_equal(oriel_render_ring_wait_for_room(&producer), 1);
	assert_int_equal(pop(), 0);
	assert_true(oriel_render_ring_needs_room_bell(&consumer));
	assert_false(oriel_render_ring_needs_room_bell(&consumer)); // once
	assert_int_equal(oriel_render_ring_get_room(&producer), 1);
	assert_int_equal(oriel_render_ring_wait_for_room(&producer), 0); // there is some
}

static void test_sleep(void **state) {
	(void)state;
	push(1);
	assert_false(oriel_render_ring_needs_bell(&producer));
	assert_int_equal(oriel_render_ring_sleep(&consumer), 0); // there is one
	assert_false(oriel_render_ring_needs_bell(&producer));
	assert_int_equal(pop(), 1);
	assert_int_equal(oriel_render_ring_sleep(&consumer), 1);
	push(2);
	assert_true(oriel_render_ring_needs_bell(&producer));
	assert_false(oriel_render_ring_needs_bell(&producer)); // once
}

/** Indices that cannot be are refused, by both ends; those at the limit are not. */
static void test_lies(void **state) {
	(void)state;
	uint8_t slot[SLOT_SIZE];
	*consumer.head = N_SLOTS + 1;
	assert_int_equal(oriel_render_ring_pop(&consumer, slot), -EPROTO);
	setup(NULL);
	*consumer.head = UINT32_MAX;
	assert_int_equal(oriel_render_ring_pop(&consumer, slot), -EPROTO);
	assert_int_equal(oriel_render_ring_sleep(&consumer), -EPROTO);
	setup(NULL);
	*consumer.head = N_SLOTS;
	assert_int_equal(oriel_render_ring_pop(&consumer, slot), 1);
	setup(NULL);
	for (uint32_t i = 0; i < N_SLOTS; i++) {
		push(i);
	}
	*producer.tail = N_SLOTS + 1;
	assert_int_equal(oriel_render_ring_get_room(&producer), -EPROTO);
	assert_int_equal(oriel_render_ring_wait_for_room(&producer), -EPROTO);
	*producer.tail = UINT32_MAX;
	assert_int_equal(oriel_render_ring_get_room(&producer), -EPROTO);
	*producer.tail = N_SLOTS;
	assert_int_equal(oriel_render_ring_get_room(&producer), (int)N_SLOTS);
}

static void test_bells(void **state) {
	(void)state;
	int bell[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bell), 0);
	for (int i = 0; i < 100000; i++) {
		oriel_render_bell_ring(bell[1]); // far more than it holds: nothing waits
	}
	oriel_render_bell_drain(bell[0]);
	close(bell[0]);
	oriel_render_bell_ring(bell[1]); // nobody is there: no SIGPIPE
	oriel_render_bell_drain(bell[1]);
	close(bell[1]);
}

#define N_VALUES 200000u

struct side {
	int mine[2];   // who rings this wakes the consumer
	int theirs[2]; // the producer
};

static struct side side;

static void wait_at(int fd) {
	struct pollfd waits = { .fd = fd, .events = POLLIN };
	// Missing a bell shows as this.
	assert_int_equal(poll(&waits, 1, 20000), 1);
	oriel_render_bell_drain(fd);
}

static void *produce(void *user) {
	(void)user;
	for (uint32_t i = 0; i < N_VALUES; i++) {
		while (oriel_render_ring_get_room(&producer) == 0) {
			if (oriel_render_ring_wait_for_room(&producer) == 1) {
				wait_at(side.theirs[0]);
			}
		}
		push(i);
		if (oriel_render_ring_needs_bell(&producer)) {
			oriel_render_bell_ring(side.mine[1]);
		}
	}
	return NULL;
}

static void test_nobody_sleeps_through(void **state) {
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, side.mine), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, side.theirs), 0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, produce, NULL), 0);
	uint32_t expected = 0;
	while (expected < N_VALUES) {
		int64_t value = pop();
		if (value < 0) {
			if (oriel_render_ring_sleep(&consumer) == 1) {
				wait_at(side.mine[0]);
			}
			continue;
		}
		assert_int_equal(value, expected++);
		if (oriel_render_ring_needs_room_bell(&consumer)) {
			oriel_render_bell_ring(side.theirs[1]);
		}
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 2; i++) {
		close(side.mine[i]);
		close(side.theirs[i]);
	}
}

/** Sizes of every remainder, many times round, against a list of what is taken. */
static void test_arena(void **state) {
	(void)state;
	struct oriel_render_arena arena = { .size = 256 };
	struct {
		uint64_t offset, size, end;
	} taken[64];
	uint32_t first = 0, next = 0;
	uint64_t n_refused = 0;
	for (uint32_t i = 0; i < 5000; i++) {
		const uint64_t size = 1 + (i * 7 + i / 13) % 90;
		uint64_t offset, end;
		if (!oriel_render_arena_take(&arena, size, &offset, &end)) {
			n_refused++;
			assert_true(first < next);
			oriel_render_arena_give_back(&arena, taken[first++ % 64].end);
			continue;
		}
		CHECK(offset % ORIEL_RENDER_ARENA_ALIGNMENT == 0 && offset + size <= arena.size,
				"%u: %d bytes at %d", i, (int)size, (int)offset);
		for (uint32_t k = first; k < next; k++) {
			const uint64_t other = taken[k % 64].offset;
			CHECK(offset + size <= other || other + taken[k % 64].size <= offset,
					"%u: two at %d", i, (int)offset);
		}
		taken[next % 64].offset = offset;
		taken[next % 64].size = size;
		taken[next++ % 64].end = end;
	}
	assert_true(n_refused > 100);
	while (first < next) {
		oriel_render_arena_give_back(&arena, taken[first++ % 64].end);
	}
	assert_int_equal(oriel_render_arena_get_used(&arena), 0);
}

static void test_arena_at_its_limits(void **state) {
	(void)state;
	uint64_t offset, end;
	struct oriel_render_arena arena = { .size = 64 };
	assert_false(oriel_render_arena_take(&arena, 65, &offset, &end));
	assert_false(oriel_render_arena_take(&arena, UINT64_MAX, &offset, &end));
	assert_true(oriel_render_arena_take(&arena, 64, &offset, &end));
	assert_int_equal(offset, 0);
	assert_false(oriel_render_arena_take(&arena, 1, &offset, &end));
	oriel_render_arena_give_back(&arena, end);
	assert_true(oriel_render_arena_take(&arena, 1, &offset, &end));   // 8 of 64
	assert_false(oriel_render_arena_take(&arena, 57, &offset, &end)); // not before, not behind
	assert_true(oriel_render_arena_take(&arena, 56, &offset, &end));
	assert_int_equal(offset, 8);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_room),
		TEST(test_sleep),
		TEST(test_lies),
		TEST(test_bells),
		TEST(test_nobody_sleeps_through),
		TEST(test_arena),
		TEST(test_arena_at_its_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
