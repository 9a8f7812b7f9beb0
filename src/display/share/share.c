// SPDX-License-Identifier: MIT
/* See share.h: the display, its clients as a whole, and the public interface. */
#include "display/share/share.h"

#include "base/fd.h"
#include "oriel/display.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static struct oriel_share *share_of(struct oriel_display *display) {
	return oriel_container_of(display, struct oriel_share, base);
}

void oriel_share_update_soon(struct oriel_share *share) {
	oriel_source_set_pending(share->update);
}

static void run_update(void *user) {
	struct oriel_share *share = user;
	for (uint32_t i = 0; i < share->max_clients; i++) {
		if (share->clients[i] != NULL) {
			oriel_share_client_run(share->clients[i]);
		}
	}
}

void oriel_share_arm_hello_timer(struct oriel_share *share) {
	uint64_t earliest_ns = 0;
	for (uint32_t i = 0; i < share->max_clients; i++) {
		const struct oriel_share_client *client = share->clients[i];
		if (client != NULL && !client->welcomed &&
				(earliest_ns == 0 || client->hello_deadline_ns < earliest_ns)) {
			earliest_ns = client->hello_deadline_ns;
		}
	}
	oriel_source_set_deadline(share->hello_timer, earliest_ns);
}

static void run_hello_timer(void *user) {
	struct oriel_share *share = user;
	uint64_t now_ns = oriel_now_ns();
	for (uint32_t i = 0; i < share->max_clients; i++) {
		struct oriel_share_client *client = share->clients[i];
		if (client != NULL && !client->welcomed && client->hello_deadline_ns <= now_ns) {
			oriel_share_client_refuse(client, ORIEL_SHARE_CODE_TIMEOUT,
					"no HELLO in time");
		}
	}
	oriel_share_arm_hello_timer(share);
}

void oriel_share_update_dmabufs(struct oriel_share *share) {
	uint64_t features = 0;
	for (uint32_t i = 0; i < share->max_clients; i++) {
		features |= share->clients[i] != NULL ? share->clients[i]->features : 0;
	}
	// Nothing is exported for nobody.
	share->base.dmabufs = (features & ORIEL_SHARE_FEATURE_DMABUF) != 0
					      ? ORIEL_DISPLAY_TAKES_DMABUFS
					      : 0;
}

/** What is shown of a scanout as a dma-buf to clients that take them, or NULL. */
static struct oriel_dmabuf *dmabuf_of(const struct oriel_scanout *now) {
	// Guest memory is for the VMM alone. The protocol knows rows from the top down only.
	const bool is_fit = now->dmabuf != NULL && !now->dmabuf->layout.is_guest_memory &&
			    !now->dmabuf->layout.is_bottom_up;
	return is_fit ? now->dmabuf : NULL;
}

/** A client's picture of a scanout is another one: all of it is damage, and only that. */
static void damage_all(struct oriel_share_client *client, uint32_t scanout_id,
		const struct oriel_rect *src) {
	client->scanouts[scanout_id].damage = (struct oriel_rect){
		.width = src->width,
		.height = src->height,
	};
}

/**
 * A scanout shows this from now on; damage is what differs, for whom it is the same picture. A
 * client that takes dma-bufs cares for these, the others for the resource.
 */
static void set_shown(struct oriel_share *share, uint32_t scanout_id,
		const struct oriel_scanout *now, const struct oriel_rect *damage) {
	struct oriel_share_scanout *scanout = &share->scanouts[scanout_id];
	struct oriel_dmabuf *dmabuf = dmabuf_of(now);
	const bool is_same_part = oriel_rect_equals(&scanout->src, &now->src);
	const bool is_same_image = is_same_part && scanout->res == now->res;
	const bool is_same_dmabuf = is_same_part && dmabuf != NULL && scanout->dmabuf == dmabuf &&
				    scanout->dmabuf_x == now->dmabuf_x &&
				    scanout->dmabuf_y == now->dmabuf_y;
	struct oriel_dmabuf *old = scanout->dmabuf;
	scanout->res = now->res;
	scanout->src = now->src;
	scanout->dmabuf = oriel_dmabuf_hold(dmabuf);
	scanout->dmabuf_x = now->dmabuf_x;
	scanout->dmabuf_y = now->dmabuf_y;
	for (uint32_t i = 0; i < share->max_clients; i++) {
		struct oriel_share_client *client = share->clients[i];
		if (client == NULL) {
			continue;
		}
		const bool had_dmabuf =
				old != NULL && (client->features & ORIEL_SHARE_FEATURE_DMABUF) != 0;
		const bool has_dmabuf = oriel_share_client_takes_dmabuf(client, scanout);
		if (had_dmabuf == has_dmabuf && (has_dmabuf ? is_same_dmabuf : is_same_image)) {
			struct oriel_rect *all = &client->scanouts[scanout_id].damage;
			*all = oriel_rect_unite(all, damage);
		} else {
			damage_all(client, scanout_id, &now->src);
		}
	}
	oriel_dmabuf_release(old);
}

static void set_off(struct oriel_share *share, uint32_t scanout_id) {
	static const struct oriel_scanout off;
	set_shown(share, scanout_id, &off, &off.src);
	for (uint32_t i = 0; i < share->max_clients; i++) {
		if (share->clients[i] != NULL) {
			damage_all(share->clients[i], scanout_id, &off.src);
		}
	}
}

static bool needs_pixels(struct oriel_display *display, uint32_t scanout_id) {
	const struct oriel_share *share = share_of(display);
	const bool is_shown = dmabuf_of(&display->screen->scanouts[scanout_id]) != NULL;
	for (uint32_t i = 0; i < share->max_clients; i++) {
		const struct oriel_share_client *client = share->clients[i];
		if (client != NULL && (client->frames >> scanout_id & 1) != 0 &&
				(!is_shown || (client->features & ORIEL_SHARE_FEATURE_DMABUF) ==
								0)) {
			return true;
		}
	}
	return false;
}

static bool waits_for_pixels(const struct oriel_share *share) {
	for (uint32_t i = 0; i < share->max_clients; i++) {
		if (share->clients[i] != NULL && share->clients[i]->waits_for_pixels) {
			return true;
		}
	}
	return false;
}

static void handle_scanout(struct oriel_display *display, uint32_t scanout_id) {
	struct oriel_share *share = share_of(display);
	const struct oriel_scanout *scanout = &display->screen->scanouts[scanout_id];
	if (scanout->res == NULL) {
		set_off(share, scanout_id);
	}
	// Another picture is news when it is flushed; but what a snapshot waits for may be gone.
	if (scanout->res == NULL || waits_for_pixels(share)) {
		oriel_share_update_soon(share);
	}
}

/** A flush is news for whoever watches the scanout; whoever has not been told the last one yet is
 * told both at once. */
static void count_flush(struct oriel_share *share, uint32_t scanout_id) {
	for (uint32_t i = 0; i < share->max_clients; i++) {
		struct oriel_share_client *client = share->clients[i];
		if (client != NULL && (client->frames >> scanout_id & 1) != 0) {
			client->n_merged += client->scanouts[scanout_id].has_flush ? 1 : 0;
			client->scanouts[scanout_id].has_flush = true;
		}
	}
}

static void present(struct oriel_display *display, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	struct oriel_share *share = share_of(display);
	const struct oriel_scanout *now = &display->screen->scanouts[scanout_id];
	struct oriel_share_scanout *scanout = &share->scanouts[scanout_id];
	int err = oriel_resource_share(now->res); // the device has done it, as a rule
	if (err < 0) {
		oriel_log_guest(&share->log, "scanout %u: not shown to clients: %s", scanout_id,
				strerror(-err));
		return;
	}
	scanout->sequence++;
	count_flush(share, scanout_id);
	set_shown(share, scanout_id, now, damage);
	oriel_share_update_soon(share);
}

static void mark_cursor(struct oriel_share *share, uint32_t scanout_id) {
	share->scanouts[scanout_id].has_cursor = true;
	for (uint32_t i = 0; i < share->max_clients; i++) {
		if (share->clients[i] != NULL) {
			share->clients[i]->scanouts[scanout_id].cursor_changed = true;
		}
	}
	oriel_share_update_soon(share);
}

static void handle_cursor(struct oriel_display *display, uint32_t scanout_id) {
	struct oriel_share *share = share_of(display);
	// A cursor that is shown comes with an image, which may be new.
	if (display->screen->cursors[scanout_id].visible) {
		share->scanouts[scanout_id].image_serial = ++share->last_image_serial;
	}
	mark_cursor(share, scanout_id);
}

static void move_cursor(struct oriel_display *display, uint32_t scanout_id) {
	mark_cursor(share_of(display), scanout_id);
}

/** Let the clients that hold too much go, until the rest fits. */
static void enforce_budget(struct oriel_share *share) {
	uint64_t bit = 0;
	while (oriel_share_buffers_charge_orphans(&share->buffers, &bit) < 0) {
		uint32_t i = (uint32_t)__builtin_ctzll(bit);
		assert(share->clients[i] != NULL);
		oriel_share_client_refuse(share->clients[i], ORIEL_SHARE_CODE_OVER_BUDGET,
				"it did not release what is gone, and holds too much");
	}
}

/** The guest does not have a buffer any more. NULL: no client has it either. */
static void orphan(struct oriel_share *share, struct oriel_share_buffer *buffer) {
	if (buffer != NULL) {
		oriel_share_buffers_orphan(&share->buffers, buffer);
		enforce_budget(share);
		oriel_share_update_soon(share);
	}
}

/** Whether clients are shown the resource, or its dma-buf, on a scanout. */
static bool is_shown(const struct oriel_share_scanout *scanout, const struct oriel_resource *res) {
	return scanout->res == res || (res->dmabuf != NULL && scanout->dmabuf == res->dmabuf);
}

static void handle_resource_drop(struct oriel_display *display, struct oriel_resource *res) {
	struct oriel_share *share = share_of(display);
	for (uint32_t i = 0; i < display->screen->n_scanouts; i++) {
		// A scanout that shows it has been turned off; but another resource may have been
		// set and not been flushed yet. Then that is the one to show.
		if (is_shown(&share->scanouts[i], res)) {
			const struct oriel_scanout *now = &display->screen->scanouts[i];
			int err = now->res != NULL ? oriel_resource_share(now->res) : -ENOENT;
			if (err < 0) {
				set_off(share, i);
			} else {
				const struct oriel_rect all = { .width = now->src.width,
					.height = now->src.height };
				set_shown(share, i, now, &all);
			}
			oriel_share_update_soon(share);
		}
	}
	struct oriel_share_buffer *buffer = oriel_share_buffers_find(&share->buffers, res);
	orphan(share, buffer);
	if (res->dmabuf != NULL) {
		orphan(share, oriel_share_buffers_find_dmabuf(&share->buffers, res->dmabuf));
	}
}

static void handle_detach(struct oriel_display *display) {
	struct oriel_share *share = share_of(display);
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		set_off(share, i);
		if (share->scanouts[i].has_cursor) {
			mark_cursor(share, i);
		}
	}
	oriel_list_for_each(link, following, &share->buffers.all) {
		struct oriel_share_buffer *buffer =
				oriel_container_of(link, struct oriel_share_buffer, link);
		if (oriel_share_buffer_is_guests(buffer)) {
			oriel_share_buffers_orphan(&share->buffers, buffer);
		}
	}
	enforce_budget(share);
	oriel_share_update_soon(share);
}

static const struct oriel_display_impl share_impl = {
	.name = "share",
	.handle_scanout = handle_scanout,
	.present = present,
	.handle_cursor = handle_cursor,
	.move_cursor = move_cursor,
	.needs_pixels = needs_pixels,
	.handle_resource_drop = handle_resource_drop,
	.handle_detach = handle_detach,
};

/** A limit of the options (oriel/limit.h), of which ceiling is all that can be had. */
static uint64_t pick_limit(uint64_t option, uint64_t by_default, uint64_t ceiling) {
	if (option == 0) {
		return by_default;
	}
	if (option == ORIEL_LIMIT_OFF) {
		return ceiling;
	}
	return option == ORIEL_LIMIT_NONE ? 0 : option;
}

int oriel_share_create(struct oriel_loop *loop, const struct oriel_share_options *options,
		struct oriel_share **ret) {
	if (options == NULL || options->size != sizeof(*options)) {
		return -EINVAL;
	}
	uint64_t max_clients = pick_limit(options->max_clients, ORIEL_SHARE_DEFAULT_CLIENTS,
			ORIEL_SHARE_MAX_CLIENTS);
	if (max_clients > ORIEL_SHARE_MAX_CLIENTS) {
		return -EINVAL;
	}
	struct oriel_share *share = calloc(1, sizeof(*share));
	if (share == NULL) {
		return -ENOMEM;
	}
	oriel_display_init(&share->base, &share_impl);
	share->loop = loop;
	oriel_log_init(&share->log, &options->log);
	share->max_clients = (uint32_t)max_clients;
	if (options->input != NULL) {
		share->input = *options->input;
	}
	oriel_share_buffers_init(&share->buffers,
			pick_limit(options->max_client_bytes, ORIEL_SHARE_DEFAULT_HELD_BYTES,
					ORIEL_BUDGET_OFF));
	int err = oriel_loop_add_deferred(loop, run_update, share, &share->update);
	if (err == 0) {
		err = oriel_loop_add_timer(loop, run_hello_timer, share, &share->hello_timer);
	}
	if (err < 0) {
		oriel_share_destroy(share);
		return err;
	}
	*ret = share;
	return 0;
}

struct oriel_display *oriel_share_get_display(struct oriel_share *share) {
	return &share->base;
}

/** Tell one client too many, on a fresh socket that takes it, and close. */
static void turn_away_take(struct oriel_share *share, int fd) {
	uint8_t bytes[ORIEL_SHARE_ANSWER_ROOM];
	static const char text[] = "too many clients";
	struct oriel_share_error error = { 0, ORIEL_SHARE_CODE_TOO_MANY_CLIENTS, text,
		sizeof(text) - 1 };
	struct oriel_fd_output out;
	oriel_fd_output_init(&out, bytes, sizeof(bytes));
	struct oriel_writer w = oriel_fd_output_begin(&out);
	oriel_share_encode_error(&w, &error);
	oriel_fd_output_end_take(&out, &w, -1);
	int err = oriel_fd_output_send(&out, fd);
	(void)err; // it goes either way
	oriel_fd_close(&fd);
	oriel_log_guest(&share->log, "display: turned a client away: at most %u are allowed",
			share->max_clients);
}

int oriel_share_add_client_take(struct oriel_share *share, int fd) {
	for (uint32_t i = 0; i < share->max_clients; i++) {
		if (share->clients[i] == NULL) {
			int err = oriel_share_client_create_take(share, i, fd);
			share->n_connects += err == 0 ? 1 : 0;
			share->peak_clients = oriel_max_u32(share->peak_clients,
					oriel_share_count_clients(share));
			return err;
		}
	}
	turn_away_take(share, fd);
	return -EDQUOT;
}

uint32_t oriel_share_count_clients(const struct oriel_share *share) {
	uint32_t n = 0;
	for (uint32_t i = 0; i < share->max_clients; i++) {
		n += share->clients[i] != NULL ? 1 : 0;
	}
	return n;
}

void oriel_share_destroy(struct oriel_share *share) {
	if (share == NULL) {
		return;
	}
	for (uint32_t i = 0; i < share->max_clients; i++) {
		oriel_share_client_destroy(share->clients[i]);
	}
	oriel_screen_detach(&share->base);
	oriel_share_buffers_finish(&share->buffers);
	oriel_source_remove(share->update);
	oriel_source_remove(share->hello_timer);
	free(share);
}
