// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the replies that come back on the GPU socket, between questions, pictures, hang-ups
 * and new connections. What goes out is held against the rules by which QEMU lives.
 *
 * The input is a row of operations, a byte each, some followed by data.
 */
#include "display/screen.h"
#include "fixture/gpu_front_end.h"
#include "oriel/display.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define MAX_OPEN 8u

struct fuzz {
	struct oriel_loop *loop;
	struct oriel_resource_limits limits;
	struct oriel_resource_table table;
	struct oriel_screen screen;
	struct oriel_gpu_socket *gs;
	struct gpu_front_end peer;
	struct {
		struct oriel_display_query query;
		bool is_open;
	} questions[MAX_OPEN];
};

static struct fuzz fuzz;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "gpu_socket: %s\n", what);
		abort();
	}
}

static void answered(struct oriel_display_query *query, int err,
		const struct oriel_display_reply *reply) {
	must((err == 0) == (reply != NULL), "an answer without a reply, or the other way round");
	for (size_t i = 0; i < MAX_OPEN; i++) {
		if (&fuzz.questions[i].query == query) {
			must(fuzz.questions[i].is_open, "a question is answered twice");
			fuzz.questions[i].is_open = false;
		}
	}
	if (err < 0) {
		return;
	}
	must(query->type != ORIEL_QUERY_EDID ||
					(reply->edid_size > 0 && reply->edid_size % 128 == 0 &&
							reply->edid_size <= ORIEL_EDID_MAX_SIZE),
			"an EDID of no size that there is");
	for (size_t i = 0; query->type == ORIEL_QUERY_INFO && i < ORIEL_MAX_SCANOUTS; i++) {
		const struct oriel_head *head = &reply->heads[i];
		must(!head->enabled || !oriel_rect_is_empty(&head->rect), "an enabled head of 0x0");
		must(oriel_rect_fits(&head->rect, 1u << 20, 1u << 20), "a head out of bounds");
	}
}

static void ask(enum oriel_display_query_type type, uint32_t head) {
	size_t i = 0;
	while (i < MAX_OPEN && fuzz.questions[i].is_open) {
		i++;
	}
	if (i == MAX_OPEN) {
		return;
	}
	fuzz.questions[i].query = (struct oriel_display_query){ .type = type,
		.scanout_id = head,
		.done = answered };
	fuzz.questions[i].is_open = true;
	if (oriel_screen_query(&fuzz.screen, &fuzz.questions[i].query) < 0) {
		fuzz.questions[i].is_open = false;
	}
}

static void connect_anew(void) {
	int fd = gpu_front_end_connect(&fuzz.peer);
	int err = oriel_gpu_socket_connect_take(fuzz.gs, fd);
	must(err == 0, "no connection");
}

/** One of the replies that are right, for the mutator to build on. */
static void send_reply(uint8_t which) {
	uint8_t bytes[2048];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	switch (which % 3) {
	case 0:
		oriel_gpu_message_encode_features_reply(&w, which / 3);
		break;
	case 1:
		oriel_gpu_message_encode_info_reply(&w, fuzz.peer.heads);
		break;
	default:
		oriel_gpu_message_encode_edid_reply(&w, fuzz.peer.edid, sizeof(fuzz.peer.edid));
		break;
	}
	(void)send(fuzz.peer.fd, bytes, (size_t)(w.cur - bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void draw(uint8_t how) {
	uint32_t scanout_id = how % ORIEL_MAX_SCANOUTS;
	struct oriel_resource *res = oriel_resource_get(&fuzz.table, 1u + how / 128);
	struct oriel_rect all = { 0, 0, res->width, res->height };
	if ((how & 64) != 0) {
		oriel_screen_set_scanout(&fuzz.screen, scanout_id, res, &all);
	} else if ((how & 32) != 0) {
		oriel_screen_set_scanout(&fuzz.screen, scanout_id, NULL, NULL);
	}
	oriel_screen_flush(&fuzz.screen, res, &all);
	oriel_screen_move_cursor(&fuzz.screen, scanout_id, how, -how);
}

/** Run one operation. Returns how many bytes of data it used. */
static size_t run(const uint8_t *data, size_t size) {
	uint8_t argument = size > 1 ? data[1] : 0;
	size_t n = 2;
	switch (data[0] % 10) {
	case 0:
		ask(ORIEL_QUERY_INFO, 0);
		n = 1;
		break;
	case 1:
		ask(ORIEL_QUERY_EDID, argument % ORIEL_MAX_SCANOUTS);
		break;
	case 2:
		send_reply(argument);
		break;
	case 3: // any bytes
		n = oriel_min_size(size, n + argument);
		if (n > 2) {
			(void)send(fuzz.peer.fd, data + 2, n - 2, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		break;
	case 4:
		fuzz.peer.max_read = argument;
		(void)gpu_front_end_poll(&fuzz.peer);
		break;
	case 5:
		draw(argument);
		break;
	case 6:
		oriel_screen_flush_queries(&fuzz.screen);
		break;
	case 7:
		oriel_screen_drop_queries(&fuzz.screen);
		for (size_t i = 0; i < MAX_OPEN; i++) {
			fuzz.questions[i].is_open = false;
		}
		break;
	case 8:
		gpu_front_end_close(&fuzz.peer);
		break;
	default:
		connect_anew();
		break;
	}
	return oriel_min_size(n, size);
}

static void begin(void) {
	fuzz.limits.pixels.limit = ORIEL_BUDGET_OFF;
	fuzz.limits.count.limit = ORIEL_BUDGET_OFF;
	fuzz.limits.max_dimension = 4096;
	must(oriel_loop_create(&fuzz.loop) == 0, "no loop");
	oriel_resource_table_init(&fuzz.table, &fuzz.limits);
	oriel_screen_init(&fuzz.screen, ORIEL_MAX_SCANOUTS);
	struct oriel_resource *res;
	for (uint32_t id = 1; id < 4; id++) {
		int err = oriel_resource_create_2d(&fuzz.table, id, oriel_format_at(id), 60 * id,
				40, &res);
		must(err == 0, "no resource");
	}
	struct oriel_gpu_socket_options options = { .size = sizeof(options) };
	must(oriel_gpu_socket_create(fuzz.loop, &options, &fuzz.gs) == 0, "no display");
	oriel_screen_attach(&fuzz.screen, oriel_gpu_socket_get_display(fuzz.gs));
	gpu_front_end_init(&fuzz.peer);
	fuzz.peer.is_by_hand = true;
	connect_anew();
}

static void end(void) {
	oriel_gpu_socket_destroy(fuzz.gs);
	for (size_t i = 0; i < MAX_OPEN; i++) {
		must(!fuzz.questions[i].is_open, "a question is never answered");
	}
	oriel_screen_finish(&fuzz.screen);
	oriel_resource_table_finish(&fuzz.table);
	oriel_loop_destroy(fuzz.loop);
	gpu_front_end_finish(&fuzz.peer);
	fuzz = (struct fuzz){ 0 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	begin();
	while (size > 0) {
		size_t n = run(data, size);
		data += n;
		size -= n;
		for (int i = 0; i < 2; i++) {
			must(oriel_loop_dispatch(fuzz.loop, 0) == 0, "the loop fails");
		}
	}
	must(fuzz.peer.complaint[0] == '\0', fuzz.peer.complaint);
	end();
	return 0;
}
