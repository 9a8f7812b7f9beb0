// SPDX-License-Identifier: MIT
/*
 * Tests of lies: a renderer process that says, or writes into shared memory, what cannot be. Each
 * is a loss with its reason; nothing else comes of it.
 */
#include "fixture/remote_rig.h"

#include "fixture/check.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct remote_rig rig;
static struct rig_op *first, *second, *fence;

/*
 * Lies after the hello. Three operations are under way: two, and a fence.
 */

static void write_head(uint32_t head) {
	__atomic_store_n(rig.peer.replies.head, head, __ATOMIC_SEQ_CST);
}

static void write_raw(size_t offset, uint8_t byte) {
	uint8_t slot[ORIEL_RENDER_LINK_REPLY_SIZE] = { 0 };
	struct oriel_writer w = oriel_writer_of(slot, sizeof(slot));
	oriel_write_u64(&w, first->op.sequence);
	slot[offset] = byte;
	oriel_render_ring_push(&rig.peer.replies, slot);
}

static void lie_about_a_sequence(void) {
	rig_reply(&rig, first->op.sequence + ORIEL_RENDER_LINK_N_REPLIES, 0);
}

static void lie_with_sequence_0(void) {
	rig_reply(&rig, 0, 0);
}

static void lie_with_the_largest_sequence(void) {
	rig_reply(&rig, UINT64_MAX, 0);
}

static void lie_twice(void) {
	rig_reply(&rig, first->op.sequence, 0);
	rig_reply(&rig, first->op.sequence, 0);
}

static void lie_twice_about_a_fence(void) {
	rig_reply(&rig, fence->op.sequence, 0);
	rig_reply(&rig, fence->op.sequence, 0);
}

static void lie_about_order(void) {
	rig_reply(&rig, second->op.sequence, 0);
}

static void lie_with_an_error_that_is_none(void) {
	write_raw(9, 0x10); // 4096
}

static void lie_with_a_negative_error(void) {
	write_raw(11, 0x80);
}

static void lie_in_reserved_bytes(void) {
	write_raw(31, 1);
}

static void lie_about_the_head(void) {
	write_head(ORIEL_RENDER_LINK_N_REPLIES + 1);
}

static void lie_about_the_head_backwards(void) {
	write_head(UINT32_MAX);
}

static void lie_about_the_tail(void) {
	__atomic_store_n(rig.peer.requests.tail, 5000, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 600; i++) { // it is looked at when half the ring is in use
		rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 1, 1);
	}
}

static void lie_with_a_message(void) {
	rig_say_hello(&rig);
}

static void lie_with_a_byte(void) {
	uint8_t byte = 1;
	assert_int_equal(send(rig.peer.socket, &byte, 1, MSG_NOSIGNAL), 1);
}

static void lie_with_a_descriptor(void) {
	uint8_t bytes[16];
	const struct oriel_render_link_file file = { .number = 1 };
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_file(&w, &file);
	assert_int_equal(oriel_render_link_send(&rig.peer, &w, bytes, rig.peer.bell), 0);
}

static void lie_with_bells(void) {
	for (int i = 0; i < 20000 && rig.n_kills == 0; i++) {
		rig_ring(&rig);
		rig_turn(&rig);
	}
}

static const struct {
	const char *name;
	void (*lie)(void);
	const char *reason;
} lies[] = {
	{ "a sequence of the right slot", lie_about_a_sequence, "is not under way" },
	{ "sequence 0", lie_with_sequence_0, "is not under way" },
	{ "the largest sequence", lie_with_the_largest_sequence, "is not under way" },
	{ "an answer twice", lie_twice, "is not under way" },
	{ "a fence twice", lie_twice_about_a_fence, "is not under way" },
	{ "out of order", lie_about_order, "out of order" },
	{ "an error that is none", lie_with_an_error_that_is_none, "a reply that is none" },
	{ "a negative error", lie_with_a_negative_error, "a reply that is none" },
	{ "reserved bytes", lie_in_reserved_bytes, "a reply that is none" },
	{ "a head too far", lie_about_the_head, "impossible reply ring" },
	{ "a head that goes back", lie_about_the_head_backwards, "impossible reply ring" },
	{ "a tail too far", lie_about_the_tail, "took requests that there are not" },
	{ "a message", lie_with_a_message, "that nobody asked for" },
	{ "a byte", lie_with_a_byte, "that nobody asked for" },
	{ "a descriptor", lie_with_a_descriptor, "that nobody asked for" },
	{ "bells without end", lie_with_bells, "rang without an answer" },
};

static void test_lies(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(lies); i++) {
		rig_init(&rig, RIG_NONE);
		rig.greet = rig_say_hello;
		assert_int_equal(rig_create(&rig), 0);
		first = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
		fence = rig_simple(&rig, ORIEL_RENDER3D_FENCE, 3, 0);
		second = rig_simple(&rig, ORIEL_RENDER3D_UNREF_RESOURCE, 0, 1);
		lies[i].lie();
		rig_ring(&rig);
		rig_wait_for(&rig, &rig.n_kills, 1);
		rig_wait_for(&rig, &rig.n_lost, 1);
		CHECK(strstr(rig.reason, lies[i].reason) != NULL, "%s: %s", lies[i].name,
				rig.reason);
		CHECK(rig.n_done == rig.n_ops && second->err == -ENOTCONN, "%s: %d", lies[i].name,
				second->err);
		CHECK(rig.n_kills == 1 && rig.n_starts == 2, "%s: %u starts", lies[i].name,
				rig.n_starts);
		// And the next, honest one works.
		struct rig_op *next = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
		rig_reply(&rig, next->op.sequence, 0);
		rig_ring(&rig);
		rig_wait(&rig);
		CHECK(next->err == 0, "%s: the next: %d", lies[i].name, next->err);
		rig_finish(&rig);
	}
}

/*
 * Lies in the hello.
 */

static void greet_with_another_version(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION + 1, 1);
}

static void greet_with_too_many_capsets(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, ORIEL_MAX_CAPSETS + 1);
}

static void greet_with_a_large_capset(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, 1);
	rig_say_capset(own, 1, ORIEL_MAX_CAPSET_SIZE + 1, 7);
}

static void greet_with_capset_0(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, 1);
	rig_say_capset(own, 0, 8, 7);
}

static void greet_with_capset_64(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, 1);
	rig_say_capset(own, 64, 8, 7);
}

static void greet_with_a_capset_twice(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, 2);
	rig_say_capset(own, 1, 8, 7);
	rig_say_capset(own, 1, 8, 7);
}

static void greet_with_a_capset_first(struct remote_rig *own) {
	rig_say_capset(own, 1, 8, 7);
}

static void greet_with_two_hellos(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, 2);
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, 2);
}

static void greet_with_a_short_message(struct remote_rig *own) {
	const uint8_t bytes[3] = { 1, 0, 0 };
	assert_int_equal(send(own->peer.socket, bytes, sizeof(bytes), MSG_NOSIGNAL), 3);
}

static void greet_with_a_descriptor(struct remote_rig *own) {
	uint8_t bytes[64];
	const struct oriel_render_link_hello hello = { .magic = ORIEL_RENDER_LINK_MAGIC,
		.version = ORIEL_RENDER_LINK_VERSION };
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_hello(&w, &hello);
	assert_int_equal(oriel_render_link_send(&own->peer, &w, bytes, own->peer.bell), 0);
}

static void greet_and_close(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, 2);
	rig_say_capset(own, 1, 8, 7);
	oriel_render_link_finish(&own->peer);
}

static const struct {
	const char *name;
	void (*greet)(struct remote_rig *rig);
	int err;
} greetings[] = {
	{ "another version", greet_with_another_version, -EPROTO },
	{ "too many capsets", greet_with_too_many_capsets, -EPROTO },
	{ "a large capset", greet_with_a_large_capset, -EPROTO },
	{ "capset 0", greet_with_capset_0, -EPROTO },
	{ "capset 64", greet_with_capset_64, -EPROTO },
	{ "a capset twice", greet_with_a_capset_twice, -EPROTO },
	{ "a capset first", greet_with_a_capset_first, -EPROTO },
	{ "two hellos", greet_with_two_hellos, -EPROTO },
	{ "a short message", greet_with_a_short_message, -EPROTO },
	{ "a descriptor", greet_with_a_descriptor, -EPROTO },
	{ "half a hello", greet_and_close, -ENODEV },
};

static void test_greetings(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(greetings); i++) {
		rig_init(&rig, RIG_NONE);
		rig.greet = greetings[i].greet;
		int err = rig_create(&rig);
		CHECK(err == greetings[i].err, "%s: %d", greetings[i].name, err);
		CHECK(rig.n_kills == 1, "%s: it was not killed", greetings[i].name);
		// The same of a second process is a loss.
		rig.greet = rig_say_hello;
		assert_int_equal(rig_create(&rig), 0);
		rig.greet = greetings[i].greet;
		rig_exit(&rig, SIGKILL);
		oriel_render_link_finish(&rig.peer);
		rig_wait_for(&rig, &rig.n_lost, 2);
		rig_finish(&rig);
	}
}

/*
 * The other end believes no more than it must: what a device cannot have meant ends the link.
 */

static void push_request(struct oriel_render_link *device,
		const struct oriel_render_link_request *request) {
	uint8_t slot[ORIEL_RENDER_LINK_REQUEST_SIZE];
	struct oriel_writer w = oriel_writer_of(slot, sizeof(slot));
	oriel_render_link_encode_request(&w, request);
	oriel_render_ring_push(&device->requests, slot);
	oriel_render_bell_ring(device->bell);
}

static const struct {
	const char *name;
	struct oriel_render_link_request request;
	bool has_file; // a descriptor with number 1
} requests[] = {
	{ "no such operation", { .type = 19 }, false },
	{ "a payload outside the arena",
			{ .type = 11, .payload_offset = 1u << 24, .payload_size = 4 }, false },
	{ "a descriptor that was not sent", { .type = 13, .fd_number = 1 }, false },
	{ "an image without one", { .type = 13 }, false },
	{ "another number", { .type = 13, .fd_number = 2 }, true },
	{ "memory of a file", { .type = 16, .fd_number = 1, .memory = { 1 } }, true },
	{ "memory that was not sent", { .type = 16, .fd_number = 1, .memory = { 2 } }, true },
	{ "very much memory", { .type = 16, .fd_number = 1, .memory = { UINT32_MAX } }, true },
	{ "a payload longer than its file", { .type = 11, .fd_number = 1, .payload_size = 0x1001 },
			true },
	{ "half an entry", { .type = 7, .payload_size = 15 }, false },
};

struct host_end {
	bool ended;
	int err;
};

static void take_end(void *user, int err) {
	struct host_end *end = user;
	end->ended = true;
	end->err = err;
}

static void test_requests_that_cannot_be(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(requests); i++) {
		rig_init(&rig, RIG_NONE);
		struct oriel_render_link device;
		oriel_render_link_init(&device);
		int peer;
		assert_int_equal(oriel_render_link_make(&device, &peer), 0);
		struct host_end end = { 0 };
		const struct oriel_render_host_options options = { .size = sizeof(options),
			.handle_end = take_end,
			.user = &end };
		assert_int_equal(oriel_render_host_create_take(rig.loop, &rig.fake.base, &options,
						 peer, &rig.host),
				0);
		int fd = memfd_create("file", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fd, 0x1000), 0);
		if (requests[i].has_file) {
			uint8_t bytes[16];
			const struct oriel_render_link_file file = { .number = 1 };
			struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
			oriel_render_link_encode_file(&w, &file);
			assert_int_equal(oriel_render_link_send(&device, &w, bytes, fd), 0);
		}
		close(fd);
		push_request(&device, &requests[i].request);
		for (int k = 0; k < 20 && !end.ended; k++) {
			rig_turn(&rig);
		}
		CHECK(end.ended && end.err == -EPROTO, "%s: %d", requests[i].name, end.err);
		CHECK(rig.fake.n_ops == 0, "%s: it was carried out", requests[i].name);
		oriel_render_link_finish(&device);
		rig_finish(&rig);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_requests_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
