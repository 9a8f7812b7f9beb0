// SPDX-License-Identifier: MIT
/* See include/oriel/client.h: what a user types and points at. docs/display-protocol.md, 4 and 11.
 */
#include "client/client.h"

#include <errno.h>

bool oriel_client_has_input(const struct oriel_client *client) {
	return (client->features & ORIEL_SHARE_FEATURE_INPUT) != 0;
}

/** Whether an event can be sent now: 0, -EAGAIN or -EOPNOTSUPP. */
static int check(const struct oriel_client *client) {
	if (!client->welcomed) {
		return -EAGAIN;
	}
	if (!oriel_client_has_input(client)) {
		return -EOPNOTSUPP;
	}
	return oriel_client_can_say(client) ? 0 : -EAGAIN;
}

int oriel_client_send_key(struct oriel_client *client, uint32_t key, bool is_pressed) {
	int err = check(client);
	if (err < 0) {
		return err;
	}
	struct oriel_share_key message = { key, is_pressed ? 1 : 0 };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_key(&w, &message);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}

int oriel_client_send_pointer(struct oriel_client *client, uint32_t scanout, uint32_t x,
		uint32_t y) {
	int err = check(client);
	if (err < 0) {
		return err;
	}
	struct oriel_share_pointer message = { scanout, x, y };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_pointer(&w, &message);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}

int oriel_client_send_button(struct oriel_client *client, uint32_t scanout, uint32_t button,
		bool is_pressed) {
	int err = check(client);
	if (err < 0) {
		return err;
	}
	struct oriel_share_button message = { scanout, button, is_pressed ? 1 : 0 };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_button(&w, &message);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}

int oriel_client_send_wheel(struct oriel_client *client, uint32_t scanout, int32_t vertical,
		int32_t horizontal) {
	int err = check(client);
	if (err < 0) {
		return err;
	}
	struct oriel_share_wheel message = { scanout, vertical, horizontal };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_wheel(&w, &message);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}

int oriel_client_sync_input(struct oriel_client *client, uint32_t token) {
	int err = check(client);
	if (err == 0 && client->n_syncs == ORIEL_CLIENT_MAX_SYNCS) {
		err = -EAGAIN;
	}
	if (err < 0) {
		return err;
	}
	client->syncs[client->n_syncs++] = token;
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_number(&w, ORIEL_SHARE_INPUT_SYNC, token);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}
