// SPDX-License-Identifier: MIT
/* See buffer.h. */
#include "display/share/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void oriel_share_buffers_init(struct oriel_share_buffers *buffers, uint64_t max_held) {
	*buffers = (struct oriel_share_buffers){ .held = { .limit = max_held } };
	oriel_id_table_init(&buffers->by_id);
	oriel_id_table_init(&buffers->by_resource);
	oriel_list_init(&buffers->all);
	oriel_list_init(&buffers->orphans);
}

void oriel_share_buffers_finish(struct oriel_share_buffers *buffers) {
	assert(buffers->by_id.len == 0 && buffers->by_resource.len == 0);
	assert(buffers->held.used == 0);
	oriel_id_table_finish(&buffers->by_id);
	oriel_id_table_finish(&buffers->by_resource);
}

struct oriel_share_buffer *oriel_share_buffers_get(const struct oriel_share_buffers *buffers,
		uint32_t id) {
	return oriel_id_table_get(&buffers->by_id, id);
}

struct oriel_share_buffer *oriel_share_buffers_find(const struct oriel_share_buffers *buffers,
		const struct oriel_resource *res) {
	struct oriel_share_buffer *buffer =
			oriel_id_table_get(&buffers->by_resource, (uint32_t)res->serial);
	assert(buffer == NULL || (buffer->res == res && buffer->serial == res->serial));
	return buffer;
}

/** What is charged for size bytes. Sizes of memory that exists cannot overflow. */
static uint64_t get_charge(uint64_t size) {
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t charge = (size + page - 1) / page * page;
	return charge > ORIEL_SHARE_LEAST_CHARGE ? charge : ORIEL_SHARE_LEAST_CHARGE;
}

static void buffer_destroy(struct oriel_share_buffers *buffers, struct oriel_share_buffer *buffer) {
	if (buffer->charged) {
		oriel_budget_credit(&buffers->held, buffer->charge);
	}
	if (buffer->res != NULL) {
		oriel_id_table_remove(&buffers->by_resource, (uint32_t)buffer->serial);
	}
	oriel_dmabuf_release(buffer->dmabuf);
	oriel_list_remove(&buffer->link);
	oriel_list_remove(&buffer->orphan_link);
	oriel_id_table_remove(&buffers->by_id, buffer->id);
	free(buffer);
}

/** A buffer under a new id, for clients. */
static int buffer_create(struct oriel_share_buffers *buffers, uint64_t size, uint64_t clients,
		struct oriel_share_buffer **ret) {
	struct oriel_share_buffer *buffer = calloc(1, sizeof(*buffer));
	if (buffer == NULL) {
		return -ENOMEM;
	}
	buffer->charge = get_charge(size);
	buffer->clients = clients;
	oriel_list_init(&buffer->orphan_link);
	int err;
	do {
		// Far fewer than 2^32 exist, so a free id comes soon.
		buffer->id = ++buffers->last_id;
		err = buffer->id == 0 ? -EEXIST
				      : oriel_id_table_insert(&buffers->by_id, buffer->id, buffer);
	} while (err == -EEXIST);
	if (err < 0) {
		free(buffer);
		return err;
	}
	oriel_list_append(&buffers->all, &buffer->link);
	*ret = buffer;
	return 0;
}

int oriel_share_buffers_add(struct oriel_share_buffers *buffers, struct oriel_resource *res,
		uint64_t clients, struct oriel_share_buffer **ret) {
	struct oriel_share_buffer *buffer = NULL;
	int err = buffer_create(buffers, res->size, clients, &buffer);
	if (err < 0) {
		return err;
	}
	err = oriel_id_table_insert(&buffers->by_resource, (uint32_t)res->serial, buffer);
	if (err < 0) {
		assert(err != -EEXIST);
		buffer_destroy(buffers, buffer);
		return err;
	}
	buffer->res = res;
	buffer->serial = res->serial;
	*ret = buffer;
	return 0;
}

struct oriel_share_buffer *oriel_share_buffers_find_dmabuf(const struct oriel_share_buffers
									   *buffers,
		const struct oriel_dmabuf *dmabuf) {
	oriel_list_for_each(link, following, &buffers->all) { // a few for each scanout
		struct oriel_share_buffer *buffer =
				oriel_container_of(link, struct oriel_share_buffer, link);
		if (buffer->dmabuf == dmabuf) {
			return buffer;
		}
	}
	return NULL;
}

int oriel_share_buffers_add_dmabuf(struct oriel_share_buffers *buffers, struct oriel_dmabuf *dmabuf,
		uint64_t clients, struct oriel_share_buffer **ret) {
	struct oriel_share_buffer *buffer = NULL;
	int err = buffer_create(buffers, dmabuf->layout.size, clients, &buffer);
	if (err < 0) {
		return err;
	}
	buffer->dmabuf = oriel_dmabuf_hold(dmabuf);
	*ret = buffer;
	return 0;
}

int oriel_share_buffers_add_snapshot(struct oriel_share_buffers *buffers, uint64_t size,
		uint64_t client, struct oriel_share_buffer **ret) {
	int err = oriel_budget_charge(&buffers->held, get_charge(size));
	if (err < 0) {
		return err;
	}
	struct oriel_share_buffer *buffer = NULL;
	err = buffer_create(buffers, size, client, &buffer);
	if (err < 0) {
		oriel_budget_credit(&buffers->held, get_charge(size));
		return err;
	}
	buffer->is_snapshot = true;
	buffer->charged = true;
	*ret = buffer;
	return 0;
}

void oriel_share_buffers_release(struct oriel_share_buffers *buffers,
		struct oriel_share_buffer *buffer, uint64_t client) {
	buffer->clients &= ~client;
	buffer->told_gone &= ~client;
	if (buffer->clients == 0) {
		buffer_destroy(buffers, buffer);
	}
}

void oriel_share_buffers_release_all(struct oriel_share_buffers *buffers, uint64_t client) {
	oriel_list_for_each(link, following, &buffers->all) {
		struct oriel_share_buffer *buffer =
				oriel_container_of(link, struct oriel_share_buffer, link);
		if ((buffer->clients & client) != 0) {
			oriel_share_buffers_release(buffers, buffer, client);
		}
	}
}

void oriel_share_buffers_orphan(struct oriel_share_buffers *buffers,
		struct oriel_share_buffer *buffer) {
	assert(oriel_share_buffer_is_guests(buffer));
	if (buffer->res != NULL) {
		oriel_id_table_remove(&buffers->by_resource, (uint32_t)buffer->serial);
	}
	buffer->res = NULL;
	oriel_dmabuf_release(buffer->dmabuf);
	buffer->dmabuf = NULL;
	oriel_list_append(&buffers->orphans, &buffer->orphan_link);
}

void oriel_share_buffers_add_up(const struct oriel_share_buffers *buffers, uint64_t client,
		uint64_t *ret_mapped, uint64_t *ret_held) {
	*ret_mapped = 0;
	*ret_held = 0;
	oriel_list_for_each(link, following, &buffers->all) {
		const struct oriel_share_buffer *buffer =
				oriel_container_of(link, struct oriel_share_buffer, link);
		if ((buffer->clients & client) != 0) {
			*ret_mapped += buffer->charge;
			*ret_held += buffer->charged ? buffer->charge : 0;
		}
	}
}

/** The bit of the client that holds most of what only clients hold, charged or to be charged. */
static uint64_t find_largest_holder(const struct oriel_share_buffers *buffers) {
	uint64_t bytes[64] = { 0 };
	oriel_list_for_each(link, following, &buffers->all) {
		const struct oriel_share_buffer *buffer =
				oriel_container_of(link, struct oriel_share_buffer, link);
		for (unsigned int i = 0; !oriel_share_buffer_is_guests(buffer) && i < 64; i++) {
			if ((buffer->clients >> i & 1) != 0) {
				bytes[i] += buffer->charge;
			}
		}
	}
	unsigned int largest = 0;
	for (unsigned int i = 1; i < 64; i++) {
		if (bytes[i] > bytes[largest]) {
			largest = i;
		}
	}
	return UINT64_C(1) << largest;
}

int oriel_share_buffers_charge_orphans(struct oriel_share_buffers *buffers, uint64_t *ret) {
	oriel_list_for_each(link, following, &buffers->orphans) {
		struct oriel_share_buffer *buffer =
				oriel_container_of(link, struct oriel_share_buffer, orphan_link);
		if (buffer->charged) {
			continue;
		}
		if (oriel_budget_charge(&buffers->held, buffer->charge) < 0) {
			*ret = find_largest_holder(buffers);
			return -EDQUOT;
		}
		buffer->charged = true;
	}
	return 0;
}
