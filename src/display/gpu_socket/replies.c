// SPDX-License-Identifier: MIT
/*
 * See replies.h.
 *
 * A query is in one of three lists, in the order in which it came. Its answer is given when nothing
 * else is left to do, because its asker may ask again, or drop everything, from inside.
 */
#include "display/gpu_socket/replies.h"

#include <assert.h>
#include <errno.h>

#define EDID_BLOCK_SIZE 128u
#define EDID_EXTENSIONS_OFFSET 126u

/** A side of a head at most, in pixels, and where one may be: all heads side by side. */
#define MAX_HEAD_SIDE 16384u
#define MAX_HEAD_PLACE (MAX_HEAD_SIDE * ORIEL_MAX_SCANOUTS)

static struct oriel_display_query *query_of(struct oriel_link *link) {
	return oriel_container_of(link, struct oriel_display_query, link);
}

/** Move all of the list from to the end of the list to, in order. */
static void move_all(struct oriel_link *from, struct oriel_link *to) {
	while (!oriel_list_is_empty(from)) {
		struct oriel_link *link = from->next;
		oriel_list_remove(link);
		oriel_list_append(to, link);
	}
}

void oriel_gpu_socket_replies_init(struct oriel_gpu_socket_replies *replies, uint64_t timeout_ns) {
	*replies = (struct oriel_gpu_socket_replies){ .timeout_ns = timeout_ns };
	replies->wanted_features = UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_EDID;
	oriel_list_init(&replies->asked);
	oriel_list_init(&replies->answering);
	oriel_list_init(&replies->waiting);
}

static void answer(struct oriel_display_query *query, int err,
		const struct oriel_display_reply *reply) {
	oriel_list_remove(&query->link);
	query->done(query, err, err == 0 ? reply : NULL);
}

/** What is known about a query. Returns whether anything is. */
static bool recall(const struct oriel_gpu_socket_replies *replies,
		const struct oriel_display_query *query, struct oriel_display_reply *ret) {
	switch (query->type) {
	case ORIEL_QUERY_INFO:
		if (!replies->has_heads) {
			return false;
		}
		memcpy(ret->heads, replies->heads, sizeof(ret->heads));
		return true;
	case ORIEL_QUERY_EDID:
		if (replies->edid_sizes[query->scanout_id] == 0) {
			return false;
		}
		ret->edid_size = replies->edid_sizes[query->scanout_id];
		memcpy(ret->edid, replies->edids[query->scanout_id], sizeof(ret->edid));
		return true;
	}
	return false;
}

/** Answer from what is known, else with err. */
static void answer_from_memory(const struct oriel_gpu_socket_replies *replies,
		struct oriel_display_query *query, int err) {
	struct oriel_display_reply reply = { 0 };
	answer(query, recall(replies, query, &reply) ? 0 : err, &reply);
}

/** The same for all open queries. What their askers ask meanwhile waits. */
static void answer_all_from_memory(struct oriel_gpu_socket_replies *replies, int err) {
	move_all(&replies->asked, &replies->answering);
	move_all(&replies->waiting, &replies->answering);
	while (!oriel_list_is_empty(&replies->answering)) {
		answer_from_memory(replies, query_of(replies->answering.next), err);
	}
}

/** Answer what the request on the wire was for. */
static void answer_asked(struct oriel_gpu_socket_replies *replies, int err,
		const struct oriel_display_reply *reply) {
	// Asked from inside, the next request would put its queries into the list that we empty.
	move_all(&replies->asked, &replies->answering);
	while (!oriel_list_is_empty(&replies->answering)) {
		answer(query_of(replies->answering.next), err, reply);
	}
}

void oriel_gpu_socket_replies_connect(struct oriel_gpu_socket_replies *replies, uint64_t now_ns) {
	replies->connected = true;
	replies->features_asked = false;
	replies->features_known = false;
	replies->features_to_set = false;
	replies->features = 0;
	replies->ready = false;
	replies->request = ORIEL_REQUEST_NONE;
	replies->negotiation_deadline = now_ns + replies->timeout_ns;
	move_all(&replies->waiting, &replies->asked); // the older ones first
	move_all(&replies->asked, &replies->waiting);
	if (replies->deadline_ns == 0) {
		replies->deadline_ns = replies->negotiation_deadline;
	}
}

void oriel_gpu_socket_replies_disconnect(struct oriel_gpu_socket_replies *replies) {
	replies->connected = false;
	replies->ready = false;
	replies->request = ORIEL_REQUEST_NONE;
	replies->deadline_ns = 0;
	answer_all_from_memory(replies, -ENOTCONN);
}

void oriel_gpu_socket_replies_forget(struct oriel_gpu_socket_replies *replies) {
	replies->has_heads = false;
	memset(replies->edid_sizes, 0, sizeof(replies->edid_sizes));
}

/** Whether it is known that the front-end has no EDIDs. */
static bool cannot_ask(const struct oriel_gpu_socket_replies *replies,
		const struct oriel_display_query *query) {
	return query->type == ORIEL_QUERY_EDID && replies->features_known &&
	       (replies->features & UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_EDID) == 0;
}

int oriel_gpu_socket_replies_ask(struct oriel_gpu_socket_replies *replies,
		struct oriel_display_query *query, uint64_t now_ns) {
	assert(query->type == ORIEL_QUERY_INFO || query->scanout_id < ORIEL_MAX_SCANOUTS);
	oriel_list_init(&query->link);
	if (!replies->connected) {
		struct oriel_display_reply reply = { 0 };
		if (!recall(replies, query, &reply)) {
			return -ENOTCONN;
		}
		answer(query, 0, &reply);
		return 0;
	}
	if (cannot_ask(replies, query)) {
		answer(query, -EOPNOTSUPP, NULL);
		return 0;
	}
	query->deadline_ns = now_ns + replies->timeout_ns;
	oriel_list_append(&replies->waiting, &query->link);
	if (replies->deadline_ns == 0) {
		replies->deadline_ns = query->deadline_ns;
	}
	return 0;
}

/** Move the queries that one request will answer from `waiting` to `asked`. */
static void mark_asked(struct oriel_gpu_socket_replies *replies,
		const struct oriel_display_query *like) {
	enum oriel_display_query_type type = like->type;
	uint32_t scanout_id = like->scanout_id;
	oriel_list_for_each(link, following, &replies->waiting) {
		const struct oriel_display_query *query = query_of(link);
		if (query->type == type &&
				(type == ORIEL_QUERY_INFO || query->scanout_id == scanout_id)) {
			oriel_list_remove(link);
			oriel_list_append(&replies->asked, link);
		}
	}
}

void oriel_gpu_socket_replies_write_next(struct oriel_gpu_socket_replies *replies,
		struct oriel_writer *w) {
	if (!replies->connected || replies->request != ORIEL_REQUEST_NONE) {
		return;
	}
	if (!replies->features_asked) {
		oriel_gpu_message_encode_plain(w, VHOST_USER_GPU_GET_PROTOCOL_FEATURES);
		replies->features_asked = true;
		replies->request = ORIEL_REQUEST_FEATURES;
		return;
	}
	if (replies->features_to_set) {
		oriel_gpu_message_encode_set_features(w, replies->features);
		replies->features_to_set = false;
		return;
	}
	if (oriel_list_is_empty(&replies->waiting)) {
		return;
	}
	const struct oriel_display_query *query = query_of(replies->waiting.next);
	assert(oriel_list_is_empty(&replies->asked));
	switch (query->type) {
	case ORIEL_QUERY_INFO:
		oriel_gpu_message_encode_plain(w, VHOST_USER_GPU_GET_DISPLAY_INFO);
		replies->request = ORIEL_REQUEST_INFO;
		break;
	case ORIEL_QUERY_EDID:
		oriel_gpu_message_encode_get_edid(w, query->scanout_id);
		oriel_gpu_message_encode_plain(w, VHOST_USER_GPU_GET_PROTOCOL_FEATURES);
		replies->request = ORIEL_REQUEST_EDID;
		replies->scanout_id = query->scanout_id;
		break;
	}
	mark_asked(replies, query);
}

int oriel_gpu_socket_replies_check(const struct oriel_gpu_socket_replies *replies,
		const struct oriel_gpu_message_header *header) {
	bool is_features = header->request == VHOST_USER_GPU_GET_PROTOCOL_FEATURES;
	bool is_expected = false;
	switch (replies->request) {
	case ORIEL_REQUEST_NONE:
		break;
	case ORIEL_REQUEST_FEATURES:
	case ORIEL_REQUEST_BARRIER:
		is_expected = is_features;
		break;
	case ORIEL_REQUEST_INFO:
		is_expected = header->request == VHOST_USER_GPU_GET_DISPLAY_INFO;
		break;
	case ORIEL_REQUEST_EDID:
		is_expected = is_features || header->request == VHOST_USER_GPU_GET_EDID;
		break;
	}
	if (!is_expected || (header->flags & VHOST_USER_GPU_MSG_FLAG_REPLY) == 0 ||
			header->size > ORIEL_GPU_SOCKET_MAX_REPLY) {
		return -EPROTO;
	}
	return 0;
}

static int handle_features(struct oriel_gpu_socket_replies *replies, struct oriel_reader *r) {
	// A malformed answer is one without features: pictures need none.
	int err = oriel_gpu_message_decode_features(r, &replies->features);
	replies->features &= replies->wanted_features;
	replies->features_known = true;
	replies->features_to_set = true;
	replies->ready = true;
	replies->request = ORIEL_REQUEST_NONE;
	// One after the other from the start, for the askers may change the list.
	struct oriel_link *link = replies->waiting.next;
	while (link != &replies->waiting) {
		struct oriel_display_query *query = query_of(link);
		if (cannot_ask(replies, query)) {
			answer(query, -EOPNOTSUPP, NULL);
			link = replies->waiting.next;
		} else {
			link = link->next;
		}
	}
	return err;
}

/** One head as it is used: bounded, and enabled only if it has a size. */
static struct oriel_head clamp_head(const struct oriel_display_one *one) {
	struct oriel_head head = { 0 };
	head.rect.x = oriel_min_u32(one->rect.x, MAX_HEAD_PLACE);
	head.rect.y = oriel_min_u32(one->rect.y, MAX_HEAD_PLACE);
	head.rect.width = oriel_min_u32(one->rect.width, MAX_HEAD_SIDE);
	head.rect.height = oriel_min_u32(one->rect.height, MAX_HEAD_SIDE);
	head.enabled = one->enabled && !oriel_rect_is_empty(&head.rect);
	return head;
}

static int handle_info(struct oriel_gpu_socket_replies *replies, struct oriel_reader *r) {
	replies->request = ORIEL_REQUEST_NONE;
	struct oriel_display_reply reply = { 0 };
	struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS];
	int err = oriel_gpu_message_decode_info(r, heads);
	if (err == 0) {
		for (size_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
			reply.heads[i] = clamp_head(&heads[i]);
		}
		memcpy(replies->heads, reply.heads, sizeof(replies->heads));
		replies->has_heads = true;
	}
	answer_asked(replies, err, &reply);
	return err;
}

/** Whether these are whole blocks, as many as the first one says, with their checksums right. */
static bool edid_is_sound(const uint8_t *edid, size_t size) {
	static const uint8_t magic[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
	if (size % EDID_BLOCK_SIZE != 0 || memcmp(edid, magic, sizeof(magic)) != 0 ||
			edid[EDID_EXTENSIONS_OFFSET] >= size / EDID_BLOCK_SIZE) {
		return false;
	}
	for (size_t block = 0; block < size; block += EDID_BLOCK_SIZE) {
		uint32_t sum = 0;
		for (size_t i = 0; i < EDID_BLOCK_SIZE; i++) {
			sum += edid[block + i];
		}
		if (sum % 256 != 0) {
			return false;
		}
	}
	return true;
}

static int handle_edid(struct oriel_gpu_socket_replies *replies, struct oriel_reader *r) {
	replies->request = ORIEL_REQUEST_BARRIER;
	struct oriel_display_reply reply = { 0 };
	int err = oriel_gpu_message_decode_edid(r, reply.edid, &reply.edid_size);
	if (err == 0 && !edid_is_sound(reply.edid, reply.edid_size)) {
		err = -EBADMSG;
	}
	if (err == 0) {
		uint32_t i = replies->scanout_id;
		memcpy(replies->edids[i], reply.edid, sizeof(reply.edid));
		replies->edid_sizes[i] = reply.edid_size;
	}
	answer_asked(replies, err, &reply);
	return err;
}

/** The barrier came, and no EDID before it. */
static void handle_missing_edid(struct oriel_gpu_socket_replies *replies) {
	replies->request = ORIEL_REQUEST_NONE;
	replies->edid_sizes[replies->scanout_id] = 0;
	answer_asked(replies, -ENOENT, NULL);
}

int oriel_gpu_socket_replies_handle(struct oriel_gpu_socket_replies *replies,
		const struct oriel_gpu_message_header *header, const uint8_t *payload) {
	struct oriel_reader r = oriel_reader_of(payload, header->size);
	switch (replies->request) {
	case ORIEL_REQUEST_NONE:
		break;
	case ORIEL_REQUEST_FEATURES:
		return handle_features(replies, &r);
	case ORIEL_REQUEST_INFO:
		return handle_info(replies, &r);
	case ORIEL_REQUEST_EDID:
		if (header->request == VHOST_USER_GPU_GET_EDID) {
			return handle_edid(replies, &r);
		}
		handle_missing_edid(replies);
		break;
	case ORIEL_REQUEST_BARRIER:
		replies->request = ORIEL_REQUEST_NONE;
		break;
	}
	return 0;
}

/** The first query of a list whose deadline has come, or NULL. */
static struct oriel_display_query *find_expired(const struct oriel_link *list, uint64_t now_ns) {
	for (struct oriel_link *link = list->next; link != list; link = link->next) {
		if (query_of(link)->deadline_ns <= now_ns) {
			return query_of(link);
		}
	}
	return NULL;
}

static uint64_t earliest(const struct oriel_link *list, uint64_t deadline_ns) {
	for (struct oriel_link *link = list->next; link != list; link = link->next) {
		uint64_t other = query_of(link)->deadline_ns;
		if (deadline_ns == 0 || other < deadline_ns) {
			deadline_ns = other;
		}
	}
	return deadline_ns;
}

void oriel_gpu_socket_replies_expire(struct oriel_gpu_socket_replies *replies, uint64_t now_ns) {
	if (replies->connected && replies->negotiation_deadline <= now_ns) {
		replies->ready = true;
	}
	struct oriel_link *const lists[] = { &replies->asked, &replies->waiting };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(lists); i++) {
		struct oriel_display_query *query = find_expired(lists[i], now_ns);
		while (query != NULL) {
			answer_from_memory(replies, query, -ETIMEDOUT);
			query = find_expired(lists[i], now_ns);
		}
	}
	uint64_t deadline =
			replies->connected && !replies->ready ? replies->negotiation_deadline : 0;
	deadline = earliest(&replies->asked, deadline);
	replies->deadline_ns = earliest(&replies->waiting, deadline);
}

void oriel_gpu_socket_replies_flush(struct oriel_gpu_socket_replies *replies) {
	answer_all_from_memory(replies, -ETIMEDOUT);
}

void oriel_gpu_socket_replies_drop(struct oriel_gpu_socket_replies *replies) {
	struct oriel_link *const lists[] = { &replies->asked, &replies->answering,
		&replies->waiting };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(lists); i++) {
		while (!oriel_list_is_empty(lists[i])) {
			oriel_list_remove(lists[i]->next);
		}
	}
}
