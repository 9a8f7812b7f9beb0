// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the display socket's server, between a guest that draws, clients that send anything,
 * and a witness: the client library, which must never have anything to complain of.
 *
 * The input is a row of operations, a byte each and an argument; some are followed by data.
 */
#include "base/arith.h"
#include "display/screen.h"
#include "oriel/client.h"
#include "oriel/display.h"
#include "oriel/input.h"
#include "oriel/loop.h"
#include "protocol/display_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_RESOURCES 4u
#define N_CLIENTS 3u
#define N_SCANOUTS 2u
#define MAX_OPERATIONS 200
#define MAX_TURNS 2000
#define HELD_BYTES (1u << 20)

struct fuzz {
	struct oriel_loop *loop;
	struct oriel_resource_limits limits;
	struct oriel_resource_table table;
	struct oriel_screen screen;
	struct oriel_share *share;
	struct oriel_seat *seat; // with a keyboard that no guest has a driver for
	struct oriel_input *keyboard;
	int clients[N_CLIENTS];       // our ends; -1: none
	struct oriel_client *witness; // NULL: none
	uint32_t next_buffer;         // a guess at an id, for RELEASED
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "share: %s\n", what);
		abort();
	}
}

/** A socket to the share. -1 if it has no room. */
static int connect_client(struct fuzz *fuzz) {
	int fds[2];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0,
			"no sockets");
	if (oriel_share_add_client_take(fuzz->share, fds[0]) < 0) {
		close(fds[1]);
		return -1;
	}
	return fds[1];
}

static void begin(struct fuzz *fuzz) {
	*fuzz = (struct fuzz){ .clients = { -1, -1, -1 } };
	fuzz->limits.pixels.limit = 16 << 20;
	fuzz->limits.count.limit = 100;
	fuzz->limits.backing.limit = 4096;
	fuzz->limits.max_dimension = 4096;
	oriel_resource_table_init(&fuzz->table, &fuzz->limits);
	oriel_screen_init(&fuzz->screen, N_SCANOUTS);
	must(oriel_loop_create(&fuzz->loop) == 0, "no loop");
	const struct oriel_input_options input_options = {
		.size = sizeof(input_options),
		.kind = ORIEL_INPUT_KEYBOARD,
	};
	must(oriel_input_create(fuzz->loop, &input_options, &fuzz->keyboard) == 0, "no keyboard");
	must(oriel_seat_create(&fuzz->seat) == 0, "no seat");
	oriel_seat_set_keyboard(fuzz->seat, fuzz->keyboard);
	const struct oriel_input_sink sink = oriel_seat_get_sink(fuzz->seat);
	struct oriel_share_options options = {
		.size = sizeof(options),
		.max_clients = N_CLIENTS + 1,
		.max_client_bytes = HELD_BYTES,
		.input = &sink,
	};
	must(oriel_share_create(fuzz->loop, &options, &fuzz->share) == 0, "no share");
	oriel_screen_attach(&fuzz->screen, oriel_share_get_display(fuzz->share));
	int fd = connect_client(fuzz);
	must(oriel_client_create_take(fd, &fuzz->witness) == 0, "no witness");
	must(oriel_client_subscribe(fuzz->witness, 3, 3) == 0, "no subscription");
}

static void end(struct fuzz *fuzz) {
	oriel_client_destroy(fuzz->witness);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		if (fuzz->clients[i] >= 0) {
			close(fuzz->clients[i]);
		}
	}
	oriel_share_destroy(fuzz->share); // asserts that nobody holds anything
	oriel_seat_destroy(fuzz->seat);   // and this that nobody sends
	oriel_input_destroy(fuzz->keyboard);
	oriel_screen_finish(&fuzz->screen);
	oriel_resource_table_finish(&fuzz->table);
	oriel_loop_destroy(fuzz->loop);
	must(fuzz->limits.pixels.used == 0, "pixels are left");
}

static void run_share(struct fuzz *fuzz) {
	struct pollfd pollfd = { .fd = oriel_loop_get_fd(fuzz->loop), .events = POLLIN };
	for (int i = 0; poll(&pollfd, 1, 0) == 1; i++) {
		must(i < MAX_TURNS, "it does not come to rest");
		must(oriel_loop_dispatch(fuzz->loop, 0) == 0, "no turn");
	}
}

/** Let the witness see all there is. It may be let go for holding too much, and for nothing else.
 */
static void run_witness(struct fuzz *fuzz, uint8_t how) {
	int err = 0;
	for (int n_idle = 0; fuzz->witness != NULL && n_idle < 2;) {
		const struct oriel_client_event *event;
		err = oriel_client_wait(fuzz->witness, 0, &event);
		if (err == 0 && event->type == ORIEL_CLIENT_FRAME && (how & 1) == 0) {
			err = oriel_client_end_frame(fuzz->witness, event->scanout);
		}
		if (err == 0 && event->type == ORIEL_CLIENT_ERROR && event->token == 0) {
			must(event->code == ORIEL_SHARE_CODE_OVER_BUDGET, "the witness is accused");
		}
		if (err == -EPROTO) {
			must(false, oriel_client_get_reason(fuzz->witness));
		}
		must(err == 0 || err == -EAGAIN || err == -ENOTCONN, "the witness fails");
		if (err == -ENOTCONN) {
			oriel_client_destroy(fuzz->witness);
			fuzz->witness = NULL;
		}
		n_idle = err == 0 ? 0 : n_idle + 1;
		run_share(fuzz);
	}
}

static struct oriel_resource *get_resource(struct fuzz *fuzz, uint8_t argument) {
	uint32_t id = 1 + argument % N_RESOURCES;
	struct oriel_resource *res = oriel_resource_get(&fuzz->table, id);
	if (res == NULL) {
		uint32_t side = (argument & 0x80) != 0 ? 300 : 16u + (argument >> 2 & 7);
		const struct oriel_format *format = oriel_format_at(argument % 8);
		must(oriel_resource_create_2d(&fuzz->table, id, format, side, side, &res) == 0,
				"no resource");
	}
	return res;
}

static void draw(struct fuzz *fuzz, uint8_t op, uint8_t argument) {
	struct oriel_resource *res = get_resource(fuzz, argument);
	struct oriel_rect rect = { argument & 7, argument >> 5, 1, 1u + (argument >> 3 & 3) };
	static const uint8_t image[ORIEL_CURSOR_BYTES];
	uint32_t scanout_id = argument >> 2 & 1;
	switch (op % 7) {
	case 0:
		oriel_screen_set_scanout(&fuzz->screen, scanout_id, res, &rect);
		break;
	case 1:
		rect = (struct oriel_rect){ 0, 0, res->width, res->height };
		oriel_screen_set_scanout(&fuzz->screen, scanout_id, res, &rect);
		break;
	case 2:
		oriel_screen_set_scanout(&fuzz->screen, scanout_id, NULL, NULL);
		break;
	case 3:
		oriel_screen_remove_resource(&fuzz->screen, res);
		oriel_resource_drop(&fuzz->table, res);
		break;
	case 4:
		must(oriel_screen_set_cursor(&fuzz->screen, scanout_id, image, argument, 0,
				     -argument, 3) == 0,
				"no cursor");
		break;
	case 5:
		oriel_screen_move_cursor(&fuzz->screen, scanout_id, argument, -argument);
		break;
	default:
		oriel_screen_hide_cursor(&fuzz->screen, scanout_id, argument, 0);
		break;
	}
	oriel_screen_flush(&fuzz->screen, op % 7 == 3 ? get_resource(fuzz, argument) : res, &rect);
}

/** A message that is right, or nearly. */
static void send_message(struct fuzz *fuzz, int fd, uint8_t op, uint8_t argument) {
	uint8_t bytes[64];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	switch (op % 8) {
	case 0:
		oriel_share_encode_hello(&w, &(struct oriel_share_hello){ ORIEL_SHARE_MAGIC,
							     argument, ORIEL_SHARE_FEATURE_INPUT });
		break;
	case 1:
		oriel_share_encode_subscribe(&w,
				&(struct oriel_share_subscribe){ argument & 3, argument >> 2 });
		break;
	case 2:
		oriel_share_encode_taken(&w,
				&(struct oriel_share_taken){ argument & 1, argument >> 1 });
		break;
	case 3:
		fuzz->next_buffer = argument < 16 ? argument : fuzz->next_buffer + 1;
		oriel_share_encode_number(&w, ORIEL_SHARE_RELEASED, fuzz->next_buffer);
		break;
	case 4:
		oriel_share_encode_get_snapshot(&w,
				&(struct oriel_share_get_snapshot){ argument, argument & 1 });
		break;
	case 5:
		oriel_share_encode_number(&w, ORIEL_SHARE_INPUT_SYNC, argument);
		break;
	case 6:
		oriel_share_encode_key(&w, &(struct oriel_share_key){ argument, argument % 3 });
		break;
	default:
		oriel_share_encode_number(&w, ORIEL_SHARE_PING, argument);
		break;
	}
	(void)send(fd, bytes, (size_t)(w.cur - bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/** The witness types. */
static void type(struct fuzz *fuzz, uint8_t op, uint8_t argument) {
	int err = (op & 1) != 0 ? oriel_client_sync_input(fuzz->witness, argument)
				: oriel_client_send_key(fuzz->witness, argument, (op & 2) != 0);
	must(err == 0 || err == -EAGAIN, "it cannot type");
}

static void reattach(struct fuzz *fuzz) {
	oriel_screen_detach(oriel_share_get_display(fuzz->share));
	run_share(fuzz);
	oriel_screen_attach(&fuzz->screen, oriel_share_get_display(fuzz->share));
}

/** Run one operation. Returns how many bytes of the input it used. */
static size_t run(struct fuzz *fuzz, const uint8_t *data, size_t size) {
	uint8_t op = data[0];
	uint8_t argument = size > 1 ? data[1] : 0;
	int *client = &fuzz->clients[argument % N_CLIENTS];
	uint32_t token;
	size_t n = 2;
	if (op < 0x60) {
		draw(fuzz, op, argument);
	} else if (op < 0xa0 && *client >= 0) {
		n = 3;
		send_message(fuzz, *client, op, size > 2 ? data[2] : 0);
	} else if (op < 0xb0 && *client >= 0) { // any bytes
		n = oriel_min_size(size, 2u + (op & 15) * 4u);
		(void)send(*client, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	} else if (op < 0xc0 && *client >= 0) {
		static uint8_t bytes[4096]; // descriptors are lost, as by a careless client
		(void)recv(*client, bytes, sizeof(bytes), MSG_DONTWAIT);
	} else if (op < 0xd0) {
		if (*client >= 0) {
			close(*client);
		}
		*client = connect_client(fuzz);
	} else if (op < 0xe0) {
		run_share(fuzz);
	} else if (op < 0xf0) {
		run_witness(fuzz, argument);
	} else if (op < 0xf8 && fuzz->witness != NULL) {
		int err = oriel_client_request_snapshot(fuzz->witness, argument & 3, &token);
		must(err == 0 || err == -EAGAIN, "no request");
	} else if (op < 0xff && fuzz->witness != NULL) {
		type(fuzz, op, argument);
	} else if (op == 0xff) {
		reattach(fuzz);
	}
	return oriel_min_size(n, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct fuzz fuzz;
	begin(&fuzz);
	for (int i = 0; i < MAX_OPERATIONS && size > 0; i++) {
		size_t n = run(&fuzz, data, size);
		data += n;
		size -= n;
	}
	run_share(&fuzz);
	run_witness(&fuzz, 0);
	end(&fuzz);
	return 0;
}
