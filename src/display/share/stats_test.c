// SPDX-License-Identifier: MIT
/* Tests of what the display socket counts: frames told, frames merged, bytes held. */
#include "fixture/share_rig.h"
#include "oriel/stats.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define BYTES (256u * 256u * 4u) // whole pages, and more than the least charge

static struct oriel_share_statistics get(const struct rig *rig) {
	struct oriel_share_statistics s = { .size = sizeof(s) };
	oriel_share_get_statistics(rig->share, &s);
	return s;
}

static struct oriel_share_client_statistics get_client(const struct rig *rig, uint32_t index) {
	struct oriel_share_client_statistics s = { .size = sizeof(s) };
	assert_true(oriel_share_get_client_statistics(rig->share, index, &s));
	return s;
}

static void test_nobody(void **state) {
	struct rig *rig = *state;
	const struct oriel_share_statistics s = get(rig);
	assert_int_equal(s.n_clients, 0);
	assert_int_equal(s.max_clients, 16);
	assert_int_equal(s.max_held, rig->share->buffers.held.limit);
	assert_int_equal(s.n_connects, 0);
	struct oriel_share_client_statistics client = { .size = sizeof(client) };
	assert_false(oriel_share_get_client_statistics(rig->share, 0, &client));
}

/** What is flushed is told, or part of what is told later: nothing is counted twice or lost. */
static void test_frames(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 256, 256);
	struct peer *peer = rig_join(rig, 1, 0);
	(void)rig_join(rig, 2, 0); // another scanout's
	rig_show(rig, 0, res);     // told
	for (unsigned int i = 0; i < 5; i++) {
		rig_flush(rig, res, i, 0, 1, 1); // waits; four of these are merged
		rig_run(rig);
	}
	struct oriel_share_client_statistics s = get_client(rig, 0);
	assert_int_equal(s.n_frames, 1);
	assert_int_equal(s.n_merged, 4);
	assert_int_equal(s.frames, 1);
	assert_int_equal(s.behind, 1);
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	s = get_client(rig, 0);
	assert_int_equal(s.n_frames, 2);
	assert_int_equal(s.n_merged, 4);
	s = get_client(rig, 1);
	assert_int_equal(s.n_frames, 0);
	assert_int_equal(s.n_merged, 0);
	assert_int_equal(s.frames, 2);
	assert_int_equal(s.behind, 0);
}

static void test_who(void **state) {
	struct rig *rig = *state;
	(void)rig_connect(rig);
	struct peer *second = rig_join(rig, 0, 0);
	assert_int_equal(get_client(rig, 0).pid, getpid());
	assert_int_equal(get_client(rig, 1).number, 1);
	assert_int_equal(get(rig).n_clients, 2);
	peer_finish(second);
	rig_run(rig);
	const struct oriel_share_statistics s = get(rig);
	assert_int_equal(s.n_clients, 1);
	assert_int_equal(s.n_connects, 2);
	assert_int_equal(s.peak_clients, 2);
}

static void test_bytes(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 256, 256);
	struct peer *peer = rig_join(rig, 1, 0);
	rig_show(rig, 0, res);
	struct oriel_share_client_statistics s = get_client(rig, 0);
	assert_int_equal(s.mapped, BYTES);
	assert_int_equal(s.held, 0); // it is the guest's
	rig_drop(rig, res);
	rig_run(rig);
	s = get_client(rig, 0);
	assert_int_equal(s.mapped, BYTES);
	assert_int_equal(s.held, BYTES);
	assert_int_equal(get(rig).held, BYTES);
	peer_send_number(peer, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	s = get_client(rig, 0);
	assert_int_equal(s.mapped + s.held, 0);
	assert_int_equal(get(rig).held, 0);
	assert_int_equal(get(rig).peak_held, BYTES);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_nobody),
		RIG_TEST(test_frames),
		RIG_TEST(test_who),
		RIG_TEST(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
