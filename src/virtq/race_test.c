// SPDX-License-Identifier: MIT
/*
 * A driver and a device on two threads that wake each other only when the ring says so.
 *
 * SPEC-054, SPEC-055, SPEC-081: what a used element promises is there when it can be seen.
 * SPEC-059, SPEC-061: with kicks and interrupts suppressed whenever that is allowed, nobody sleeps
 * for ever; a lost wake-up shows as a test that does not end. Numbers come from a generator with a
 * fixed seed.
 */
#include "fixture/virtq_rig.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#define N_CHAINS 20000u
#define SLOT_SIZE 16u // request and response of a chain, 8 bytes each
#define SLOTS (FAKE_GUEST_BASE + 0x8000u)

struct race {
	struct virtq_rig rig;
	sem_t kick;          // driver to device
	sem_t interrupt;     // device to driver
	atomic_bool is_over; // the device's thread has ended
	unsigned max_batch;
};

static uint32_t next_random(uint32_t *seed) {
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

/** Serve one chain: the response is the request's bits, turned over. */
static void serve(struct race *race, const struct oriel_chain *chain) {
	uint64_t value = 0;
	struct oriel_span_cursor in = { .spans = chain->readable, .len = chain->n_readable };
	struct oriel_span_cursor out = { .spans = chain->writable, .len = chain->n_writable };
	size_t n = oriel_span_cursor_read(&in, &value, sizeof(value));
	value = ~value;
	n += oriel_span_cursor_write(&out, &value, sizeof(value));
	oriel_virtq_push(race->rig.vq, chain->id, chain->n_slots, (uint32_t)n / 2);
}

static void publish(struct race *race) {
	if (oriel_virtq_publish(race->rig.vq)) {
		sem_post(&race->interrupt);
	}
}

/** The device's thread: as a real one polls, but with batches of every size. */
static void *run_device(void *user) {
	struct race *race = user;
	struct oriel_virtq *vq = race->rig.vq;
	uint32_t seed = 1;
	uint32_t n_served = 0;
	while (n_served < N_CHAINS) {
		oriel_virtq_disable_kicks(vq);
		uint32_t batch = 1 + next_random(&seed) % race->max_batch;
		struct oriel_chain chain;
		int err = 0;
		for (uint32_t i = 0; i < batch && err == 0; i++) {
			err = oriel_virtq_pop(vq, &chain);
			if (err == 0) {
				serve(race, &chain);
				n_served++;
			}
		}
		publish(race);
		if (err == -EBADMSG) {
			break;
		}
		if (n_served < N_CHAINS && err == -EAGAIN && !oriel_virtq_enable_kicks(vq)) {
			sem_wait(&race->kick);
		}
	}
	atomic_store(&race->is_over, true);
	sem_post(&race->interrupt);
	return NULL;
}

struct driver {
	struct race *race;
	uint64_t expected[FAKE_RING_MAX_SIZE]; // by id
	uint32_t n_added, n_done;
	bool failed;
};

static uint8_t *slot_of(struct driver *driver, uint64_t i) {
	return fake_guest_get(&driver->race->rig.guest, SLOTS + SLOT_SIZE * i, SLOT_SIZE);
}

static void add_chains(struct driver *driver, uint32_t n) {
	struct fake_ring *ring = &driver->race->rig.ring;
	for (uint32_t i = 0; i < n && ring->n_free >= 2 && driver->n_added < N_CHAINS; i++) {
		// The id that it will get says which slot is free.
		uint16_t id = fake_ring_next_id(ring);
		uint64_t value = driver->n_added * 0x9e3779b97f4a7c15u;
		driver->expected[id] = ~value;
		memcpy(slot_of(driver, id), &value, sizeof(value));
		memset(slot_of(driver, id) + 8, 0, 8);
		const uint64_t gpa = SLOTS + (uint64_t)SLOT_SIZE * id;
		const struct fake_buf bufs[] = { { gpa, 8, false }, { gpa + 8, 8, true } };
		fake_ring_add(ring, bufs, 2);
		driver->n_added++;
	}
	if (fake_ring_publish(ring)) {
		sem_post(&driver->race->kick);
	}
}

/** Collect what is there. Returns whether anything was. */
static bool collect(struct driver *driver) {
	struct fake_used used;
	bool got_some = false;
	while (fake_ring_collect(&driver->race->rig.ring, &used)) {
		uint64_t value;
		memcpy(&value, slot_of(driver, used.id) + 8, sizeof(value));
		driver->failed |= used.written != 8 || value != driver->expected[used.id];
		driver->n_done++;
		got_some = true;
	}
	return got_some;
}

/** Ask for an interrupt, look once more, sleep. */
static void wait_for_interrupt(struct driver *driver) {
	struct fake_ring *ring = &driver->race->rig.ring;
	fake_ring_want_interrupts(ring, true);
	if (!collect(driver)) {
		sem_wait(&driver->race->interrupt);
	}
	fake_ring_want_interrupts(ring, false);
}

static void run_race(uint16_t size, bool packed, bool event_idx, unsigned max_batch) {
	struct race race = { .max_batch = max_batch };
	virtq_rig_init_as(&race.rig, size, packed);
	race.rig.ring.event_idx = event_idx;
	if (!packed) {
		fake_ring_restart_at(&race.rig.ring, 0xff00); // the wrap comes soon
	}
	fake_ring_want_interrupts(&race.rig.ring, false);
	virtq_rig_start(&race.rig);
	sem_init(&race.kick, 0, 0);
	sem_init(&race.interrupt, 0, 0);
	pthread_t device;
	assert_int_equal(pthread_create(&device, NULL, run_device, &race), 0);

	struct driver driver = { .race = &race };
	uint32_t seed = 2;
	while (driver.n_done < N_CHAINS && !driver.failed && !atomic_load(&race.is_over)) {
		add_chains(&driver, next_random(&seed) % (max_batch + 1));
		if (!collect(&driver) && driver.n_done < driver.n_added) {
			wait_for_interrupt(&driver);
		}
	}
	CHECK(!driver.failed, "chain %u: an early or wrong answer", driver.n_done);
	pthread_join(device, NULL);
	collect(&driver);
	CHECK(!driver.failed && driver.n_done == N_CHAINS, "%u chains came back", driver.n_done);
	CHECK(virtq_rig_reason(&race.rig)[0] == '\0', "%s", virtq_rig_reason(&race.rig));
	sem_destroy(&race.kick);
	sem_destroy(&race.interrupt);
	virtq_rig_finish(&race.rig);
}

static void test_with_event_idx(void **state) {
	const bool packed = virtq_rig_is_packed(state);
	run_race(2, packed, true, 1);
	run_race(64, packed, true, 5);
	run_race(16, packed, true, 40);
}

static void test_with_flags(void **state) {
	const bool packed = virtq_rig_is_packed(state);
	run_race(2, packed, false, 1);
	run_race(64, packed, false, 5);
	run_race(16, packed, false, 40);
}

/** SPEC-081: lists straddle the end of the ring at every place. */
static void test_sizes_of_packed_rings(void **state) {
	(void)state;
	static const uint16_t sizes[] = { 3, 5, 7, 31 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		run_race(sizes[i], true, true, sizes[i]);
		run_race(sizes[i], true, false, sizes[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		VIRTQ_RIG_BOTH(test_with_event_idx),
		VIRTQ_RIG_BOTH(test_with_flags),
		cmocka_unit_test(test_sizes_of_packed_rings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
