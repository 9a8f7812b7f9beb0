// SPDX-License-Identifier: MIT
/* See include/oriel/stats.h: the display socket's part of it. */
#include "oriel/stats.h"

#include "base/sized.h"
#include "display/share/share.h"

void oriel_share_get_statistics(const struct oriel_share *share,
		struct oriel_share_statistics *statistics) {
	const struct oriel_budget *held = &share->buffers.held;
	struct oriel_share_statistics all = {
		.max_clients = share->max_clients,
		.held = held->used,
		.peak_held = held->peak,
		.max_held = held->limit,
		.n_connects = share->n_connects,
		.peak_clients = share->peak_clients,
	};
	all.n_clients = oriel_share_count_clients(share);
	oriel_sized_copy(statistics, &all, sizeof(all));
}

/** The client number index of those that are connected, or NULL. */
static const struct oriel_share_client *find_client(const struct oriel_share *share,
		uint32_t index) {
	for (uint32_t i = 0; i < share->max_clients; i++) {
		if (share->clients[i] != NULL && index-- == 0) {
			return share->clients[i];
		}
	}
	return NULL;
}

bool oriel_share_get_client_statistics(const struct oriel_share *share, uint32_t index,
		struct oriel_share_client_statistics *statistics) {
	const struct oriel_share_client *client = find_client(share, index);
	if (client == NULL) {
		return false;
	}
	struct oriel_share_client_statistics all = {
		.number = client->slot,
		.pid = client->pid,
		.age_ns = oriel_now_ns() - client->connected_ns,
		.frames = client->frames,
		.n_frames = client->n_frames,
		.n_merged = client->n_merged,
	};
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		all.behind |= client->scanouts[i].in_flight ? 1u << i : 0;
	}
	oriel_share_buffers_add_up(&share->buffers, UINT64_C(1) << client->slot, &all.mapped,
			&all.held);
	oriel_sized_copy(statistics, &all, sizeof(all));
	return true;
}
