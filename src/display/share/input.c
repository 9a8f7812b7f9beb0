// SPDX-License-Identifier: MIT
/*
 * Keys and pointers of clients: each that may send input is a sender of the sink's (oriel/input.h).
 *
 * What a client sends is judged here only as far as the protocol goes; what the guest has no device
 * for, or no ear, the sink drops and counts. An answer to INPUT_SYNC comes from the guest's side,
 * at any time: it waits here until the client's socket takes it.
 *
 * docs/display-protocol.md, 4 and 11.
 */
#include "display/share/share.h"

#include <assert.h>
#include <errno.h>

static int refuse(const char *reason, const char **ret_reason) {
	*ret_reason = reason;
	return -EPROTO;
}

static void handle_done(void *user, uint32_t token, uint32_t n_dropped) {
	struct oriel_share_client *client = user;
	assert(client->n_dones < client->n_syncs);
	client->dones[client->n_dones++] = (struct oriel_share_input_done){ token, n_dropped };
	oriel_share_update_soon(client->share);
}

bool oriel_share_client_begin_input(struct oriel_share_client *client) {
	const struct oriel_input_sink *sink = &client->share->input;
	// Without memory for it, it is a server without input.
	return sink->create_sender != NULL &&
	       sink->create_sender(sink->user, handle_done, client, &client->sender) == 0;
}

void oriel_share_client_end_input(struct oriel_share_client *client) {
	if (client->sender != NULL) {
		client->share->input.destroy_sender(client->sender);
		client->sender = NULL;
	}
}

bool oriel_share_client_has_input(const struct oriel_share_client *client, uint16_t type) {
	return client->sender != NULL && type >= ORIEL_SHARE_KEY && type <= ORIEL_SHARE_INPUT_SYNC;
}

static int handle_key(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_key m;
	if (oriel_share_decode_key(r, &m) < 0) {
		return refuse("a short KEY", ret_reason);
	}
	if (m.state > 1) {
		return refuse("KEY with a state that is none", ret_reason);
	}
	client->share->input.send_key(client->sender, m.key, m.state == 1);
	return 0;
}

static int handle_pointer(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_pointer m;
	if (oriel_share_decode_pointer(r, &m) < 0) {
		return refuse("a short POINTER", ret_reason);
	}
	struct oriel_pointer_place place = { .x = m.x, .y = m.y };
	if (m.scanout_id < ORIEL_MAX_SCANOUTS) {
		const struct oriel_rect *src = &client->share->scanouts[m.scanout_id].src;
		place.width = src->width;
		place.height = src->height;
	}
	client->share->input.send_pointer(client->sender, m.scanout_id, &place);
	return 0;
}

static int handle_button(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_button m;
	if (oriel_share_decode_button(r, &m) < 0) {
		return refuse("a short BUTTON", ret_reason);
	}
	if (m.state > 1) {
		return refuse("BUTTON with a state that is none", ret_reason);
	}
	client->share->input.send_button(client->sender, m.scanout_id, m.button, m.state == 1);
	return 0;
}

static int handle_wheel(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_wheel m;
	if (oriel_share_decode_wheel(r, &m) < 0) {
		return refuse("a short WHEEL", ret_reason);
	}
	client->share->input.send_wheel(client->sender, m.scanout_id, m.vertical, m.horizontal);
	return 0;
}

static int handle_sync(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	uint32_t token;
	if (oriel_share_decode_number(r, &token) < 0) {
		return refuse("a short INPUT_SYNC", ret_reason);
	}
	if (client->n_syncs == ORIEL_SHARE_MAX_INPUT_SYNCS) {
		return refuse("INPUT_SYNC while 16 are unanswered", ret_reason);
	}
	client->n_syncs++;
	int err = client->share->input.sync(client->sender, token);
	assert(err == 0); // it takes as many
	return err;
}

int oriel_share_client_handle_input(struct oriel_share_client *client, uint16_t type,
		struct oriel_reader *r, const char **ret_reason) {
	switch (type) {
	case ORIEL_SHARE_KEY:
		return handle_key(client, r, ret_reason);
	case ORIEL_SHARE_POINTER:
		return handle_pointer(client, r, ret_reason);
	case ORIEL_SHARE_BUTTON:
		return handle_button(client, r, ret_reason);
	case ORIEL_SHARE_WHEEL:
		return handle_wheel(client, r, ret_reason);
	default:
		return handle_sync(client, r, ret_reason);
	}
}

void oriel_share_client_queue_dones(struct oriel_share_client *client) {
	const uint32_t size = oriel_share_get_message_size(ORIEL_SHARE_INPUT_DONE);
	if (!oriel_fd_output_has_room(&client->out, (size_t)client->n_dones * size, 0)) {
		return; // there will be for all of them
	}
	for (uint32_t i = 0; i < client->n_dones; i++) {
		struct oriel_writer w = oriel_fd_output_begin(&client->out);
		oriel_share_encode_input_done(&w, &client->dones[i]);
		oriel_fd_output_end_take(&client->out, &w, -1);
	}
	client->n_syncs -= client->n_dones;
	client->n_dones = 0;
}
