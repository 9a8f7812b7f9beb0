// SPDX-License-Identifier: MIT
/*
 * Fuzz target: a vhost-user session, between a front-end that sends anything and a device that
 * stops its rings when it likes.
 *
 * The input is a row of operations, a byte each and an argument; some are followed by data.
 */
#include "base/arith.h"
#include "base/fd.h"
#include "fixture/fail_alloc.h"
#include "fixture/fake_virtio.h"
#include "oriel/vhost_user.h"
#include "protocol/vhost_user.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_OPERATIONS 300
#define MAX_TURNS 1000
#define MAX_SENT_FDS 20u
#define USER_BASE UINT64_C(0x7f0000000000)
#define REGION_SIZE UINT64_C(0x10000)

struct fuzz {
	struct oriel_loop *loop;
	struct fake_virtio device;
	struct oriel_vhost_user *session; // NULL: it has ended
	int fd;                           // the front-end's
	int event_fd, memory_fd;
	size_t n_gpu_sockets;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "vhost_session: %s\n", what);
		abort();
	}
}

static void handle_end(void *user, int err) {
	struct fuzz *fuzz = user;
	must(err == 0 || err == -EPROTO, "an end for another reason");
	must(fuzz->session != NULL, "two ends");
	oriel_vhost_user_destroy(fuzz->session);
	fuzz->session = NULL;
}

static void handle_gpu_socket_take(void *user, int fd) {
	struct fuzz *fuzz = user;
	must(fd >= 0, "a GPU socket that is none");
	fuzz->n_gpu_sockets++;
	close(fd);
}

static void connect_anew(struct fuzz *fuzz) {
	oriel_vhost_user_destroy(fuzz->session);
	oriel_fd_close(&fuzz->fd);
	for (size_t i = 0; i < FAKE_VIRTIO_QUEUES; i++) {
		must(!fuzz->device.queues[i].is_started, "a ring outlives its session");
	}
	must(oriel_memory_count_regions(fuzz->device.base.memory) == 0, "memory is left");
	int fds[2];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0,
			"no sockets");
	struct oriel_vhost_user_options options = {
		.size = sizeof(options),
		.handle_end = handle_end,
		.handle_gpu_socket_take = handle_gpu_socket_take,
		.user = fuzz,
	};
	fuzz->fd = fds[0];
	must(oriel_vhost_user_create_take(fuzz->loop, &fuzz->device.base, &options, fds[1],
			     &fuzz->session) == 0,
			"no session");
}

static void send_bytes(struct fuzz *fuzz, const void *bytes, size_t size, int fd, size_t n_fds) {
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(MAX_SENT_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (n_fds > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		for (size_t i = 0; i < n_fds; i++) {
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
		}
	}
	(void)sendmsg(fuzz->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void write_region(struct oriel_vhost_region *region, uint8_t argument) {
	uint64_t i = argument >> 4;
	*region = (struct oriel_vhost_region){ i * REGION_SIZE, REGION_SIZE,
		USER_BASE + i * REGION_SIZE, (argument & 8u) << 9 };
}

/** Write a message that is right, or nearly. Returns how many descriptors belong to it. */
static size_t write_message(struct oriel_writer *w, uint8_t op, uint8_t argument) {
	const uint32_t flags = (op & 0x40) != 0 ? VHOST_USER_FLAG_NEED_REPLY : 0;
	const uint32_t ring = argument & 3;
	const struct oriel_vhost_ring_state number = { ring, argument >> 2 };
	const struct oriel_vhost_ring_fd fd = { ring, (argument & 4) == 0 };
	const uint64_t user = USER_BASE + (uint64_t)(argument >> 2) * 0x400;
	const struct oriel_vhost_ring_addresses addresses = { .index = ring,
		.desc_user = user,
		.avail_user = user + 0x100,
		.used_user = user + 0x200 };
	static const uint64_t features[] = { 0, 0x140000000, 0x540000000, UINT64_MAX };
	struct oriel_vhost_region region;
	struct oriel_vhost_table table = { .n_regions = argument & 7 };
	struct oriel_vhost_config config = { .offset = argument, .size = argument & 31 };
	static const uint8_t bytes[32];
	config.bytes = bytes;
	switch (op & 31) {
	case 0:
		oriel_vhost_encode_u64(w, VHOST_USER_SET_FEATURES, flags, features[argument & 3]);
		return 0;
	case 1:
		write_region(&region, argument);
		oriel_vhost_encode_region(w, VHOST_USER_ADD_MEM_REG, flags, &region);
		return 1;
	case 2:
		write_region(&region, argument);
		oriel_vhost_encode_region(w, VHOST_USER_REM_MEM_REG, flags, &region);
		return argument & 1;
	case 3:
		for (uint8_t i = 0; i < table.n_regions; i++) {
			write_region(&table.regions[i], (uint8_t)(argument ^ i << 4));
		}
		oriel_vhost_encode_table(w, flags, &table);
		return table.n_regions;
	case 4:
	case 5:
		oriel_vhost_encode_ring_addresses(w, flags, &addresses);
		return 0;
	case 6:
	case 7:
		oriel_vhost_encode_config(w,
				op % 2 == 0 ? VHOST_USER_GET_CONFIG : VHOST_USER_SET_CONFIG, flags,
				&config);
		return 0;
	case 8:
	case 10:
	case 11:
	case 18:
		oriel_vhost_encode_ring_state(w, op & 31, flags, &number);
		return 0;
	case 12:
	case 13:
	case 14:
		oriel_vhost_encode_ring_fd(w, op & 31, flags, &fd);
		return fd.has_fd ? 1 : 0;
	case 16:
		oriel_vhost_encode_u64(w, VHOST_USER_SET_STATUS, flags, argument >> 4);
		return 0;
	case 21:
		oriel_vhost_encode_plain(w, VHOST_USER_SET_BACKEND_REQ_FD, flags);
		return 1;
	case 22:
		oriel_vhost_encode_plain(w, VHOST_USER_GPU_SET_SOCKET, flags);
		return 1;
	case 23:
		oriel_vhost_encode_plain(w, argument, flags);
		return 0;
	default:
		oriel_vhost_encode_plain(w, (op & 1) != 0 ? 34 : 40, flags);
		return 0;
	}
}

static void send_message(struct fuzz *fuzz, uint8_t op, uint8_t argument) {
	uint8_t bytes[512];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	size_t n_fds = write_message(&w, op, argument);
	must(!w.failed, "a message that is too long");
	bool is_memory = (op & 31) >= 1 && (op & 31) <= 3;
	send_bytes(fuzz, bytes, (size_t)(w.cur - bytes),
			is_memory ? fuzz->memory_fd : fuzz->event_fd, n_fds);
}

/** Something that the device does by itself. */
static void run_device(struct fuzz *fuzz, uint8_t argument) {
	struct fake_virtio *device = &fuzz->device;
	unsigned int queue = argument & 1;
	const struct oriel_virtio_listener *listener = &device->base.listener;
	switch (argument >> 1 & 7) {
	case 0:
	case 1:
		device->is_slow = (argument & 0x10) != 0;
		break;
	case 2:
		device->served = argument >> 4;
		break;
	case 3:
		device->start_error = (argument & 0x10) != 0 ? -EFAULT : 0;
		break;
	case 4:
		if (listener->handle_needs_reset != NULL) {
			listener->handle_needs_reset(listener->user, queue, "fuzzed");
		}
		break;
	case 5:
		if (listener->handle_config_change != NULL) {
			listener->handle_config_change(listener->user);
		}
		break;
	default:
		if (device->queues[queue].is_stopping) {
			fake_virtio_report_stop(device, queue);
		}
		break;
	}
}

static void run_loop(struct fuzz *fuzz) {
	struct pollfd pollfd = { .fd = oriel_loop_get_fd(fuzz->loop), .events = POLLIN };
	for (int i = 0; poll(&pollfd, 1, 0) == 1; i++) {
		must(i < MAX_TURNS, "it does not come to rest");
		must(oriel_loop_dispatch(fuzz->loop, 0) == 0, "no turn");
	}
	fake_virtio_take_trace(&fuzz->device);
}

/** Run one operation. Returns how many bytes of the input it used. */
static size_t run(struct fuzz *fuzz, const uint8_t *data, size_t size) {
	uint8_t op = data[0];
	uint8_t argument = size > 1 ? data[1] : 0;
	size_t n = 2;
	if (op < 0x80) {
		send_message(fuzz, op, argument);
	} else if (op < 0xc0) { // any bytes, and perhaps descriptors
		n = oriel_min_size(size, 2u + argument % 64);
		if (n > 2) {
			send_bytes(fuzz, data + 2, n - 2, fuzz->event_fd,
					op < 0xb0 ? 0 : (op & 15u) + 4);
		}
	} else if (op < 0xe0) {
		run_device(fuzz, argument);
	} else if (op < 0xf0) {
		static uint8_t bytes[4096];
		(void)recv(fuzz->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		n = 1;
	} else if (op < 0xf8) {
		oriel_fd_close(&fuzz->fd);
		n = 1;
	} else {
		connect_anew(fuzz);
		n = 1;
	}
	return oriel_min_size(n, size);
}

static void begin(struct fuzz *fuzz) {
	*fuzz = (struct fuzz){ .fd = -1 };
	fuzz->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fuzz->memory_fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(ftruncate(fuzz->memory_fd, REGION_SIZE) == 0, "no file");
	must(oriel_loop_create(&fuzz->loop) == 0, "no loop");
	fake_virtio_init(&fuzz->device);
	connect_anew(fuzz);
}

static void end(struct fuzz *fuzz) {
	oriel_vhost_user_destroy(fuzz->session);
	must(oriel_memory_count_regions(fuzz->device.base.memory) == 0, "memory is left");
	fake_virtio_finish(&fuzz->device);
	oriel_loop_destroy(fuzz->loop);
	oriel_fd_close(&fuzz->fd);
	oriel_fd_close(&fuzz->event_fd);
	oriel_fd_close(&fuzz->memory_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const size_t n_fds = count_open_fds();
	static struct fuzz fuzz;
	begin(&fuzz);
	for (int i = 0; i < MAX_OPERATIONS && size > 0; i++) {
		size_t n = run(&fuzz, data, size);
		data += n;
		size -= n;
		run_loop(&fuzz);
		if (fuzz.session == NULL) {
			connect_anew(&fuzz);
		}
	}
	end(&fuzz);
	must(count_open_fds() == n_fds, "a descriptor is left open");
	return 0;
}
