// SPDX-License-Identifier: MIT
/* Creation, capsets, the log, and the table of operations. See virgl.h. */
#include "render/virgl/virgl.h"

#include "oriel/virgl.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virglrenderer.h>

/** The version whose header we were compiled with: the library does not tell its own. */
#ifndef ORIEL_VIRGLRENDERER_VERSION
#define ORIEL_VIRGLRENDERER_VERSION "unknown"
#endif

/**
 * The renderer of this process, or NULL. virglrenderer's state and its callback for messages are
 * the process's, so this is too.
 */
static _Atomic(struct virgl *) process_renderer;

static struct virgl *virgl_from(struct oriel_renderer3d *renderer);

// Messages.

/** One line of virglrenderer's, as far as it fits, without what a terminal might obey. */
static void log_line(const char *text) {
	struct virgl *virgl = atomic_load(&process_renderer);
	if (virgl == NULL || !pthread_equal(virgl->thread, pthread_self())) {
		return; // a log belongs to one thread
	}
	char line[256];
	size_t len = 0;
	for (; text[len] != '\0' && text[len] != '\n' && len < sizeof(line) - 1; len++) {
		line[len] = isprint((unsigned char)text[len]) ? text[len] : '?';
	}
	line[len] = '\0';
	if (len == 0) {
		return;
	}
	if (virgl->is_starting) {
		oriel_log(&virgl->log, ORIEL_LOG_DEBUG, "virglrenderer: %s", line);
	} else {
		oriel_log_guest(&virgl->log, "virglrenderer: %s", line);
	}
}

#ifdef ORIEL_HAVE_VIRGL_LOG_CALLBACK
static void handle_message(enum virgl_log_level_flags level, const char *message, void *user) {
	(void)user;
	if (level >= VIRGL_LOG_LEVEL_WARNING) {
		log_line(message);
	}
}

static void watch_messages(bool watch) {
	virgl_set_log_callback(watch ? handle_message : NULL, NULL, NULL);
}
#else
ORIEL_PRINTF(1, 0)
static void handle_message(const char *format, va_list args) {
	char text[256];
	vsnprintf(text, sizeof(text), format, args);
	log_line(text);
}

static void watch_messages(bool watch) {
	virgl_set_debug_callback(watch ? handle_message : NULL);
}
#endif

// What virglrenderer asks for.

static void *get_egl_display(void *cookie) {
	struct virgl *virgl = cookie;
	return virgl->egl.display;
}

static virgl_renderer_gl_context create_gl_context(void *cookie, int scanout_idx,
		struct virgl_renderer_gl_ctx_param *param) {
	struct virgl *virgl = cookie;
	(void)scanout_idx;
	struct virgl_egl_version version = {
		.major = param->major_ver,
		.minor = param->minor_ver,
		.shared = param->shared,
	};
	return virgl_egl_create_context(&virgl->egl, &version);
}

static void destroy_gl_context(void *cookie, virgl_renderer_gl_context context) {
	struct virgl *virgl = cookie;
	virgl_egl_destroy_context(&virgl->egl, context);
}

static int make_current(void *cookie, int scanout_idx, virgl_renderer_gl_context context) {
	struct virgl *virgl = cookie;
	(void)scanout_idx;
	return virgl_egl_make_current(&virgl->egl, context);
}

/** Constant; virglrenderer keeps a pointer to it, and wants one that is not const. */
static struct virgl_renderer_callbacks callbacks = {
	.version = 4,
	.write_fence = virgl_write_fence,
	.create_gl_context = create_gl_context,
	.destroy_gl_context = destroy_gl_context,
	.make_current = make_current,
	.write_context_fence = virgl_write_context_fence,
	.get_egl_display = get_egl_display,
};

void virgl_leave_contexts(struct virgl *virgl) {
	virgl_renderer_force_ctx_0(); // whatever it takes for the current one
	virgl->current_ctx_id = 0;
	virgl->is_current_known = true;
}

void virgl_enter_context(struct virgl *virgl, uint32_t ctx_id) {
	if (virgl->is_current_known && virgl->current_ctx_id == ctx_id) {
		return;
	}
	if (virgl->current_ctx_id != ctx_id) {
		virgl_close_fence(virgl);
	}
	if (ctx_id == 0) {
		virgl_leave_contexts(virgl);
		return;
	}
	uint32_t nothing = 0;
	// Fails if the context is broken, which running something in it then does too.
	(void)virgl_renderer_submit_cmd(&nothing, (int)ctx_id, 0);
	virgl->current_ctx_id = ctx_id;
	virgl->is_current_known = true;
}

// Operations.

void virgl_finish_op(struct oriel_render3d_op *op, int err) {
	op->done(op, err);
}

static int virgl_reset(struct virgl *virgl) {
	virgl_destroy_all_contexts(virgl);
	virgl_finish_timeline(virgl, &virgl->global); // what took too long
	virgl_unref_all_resources(virgl);
	virgl_remove_all_images(virgl);
	return 0;
}

static int virgl_run_op(struct virgl *virgl, struct oriel_render3d_op *op, uint32_t *copy) {
	switch (op->type) {
	case ORIEL_RENDER3D_CREATE_CONTEXT:
		return virgl_create_context(virgl, op);
	case ORIEL_RENDER3D_DESTROY_CONTEXT:
		return virgl_destroy_context(virgl, op->ctx_id);
	case ORIEL_RENDER3D_ATTACH_RESOURCE:
		return virgl_attach_resource(virgl, op, true);
	case ORIEL_RENDER3D_DETACH_RESOURCE:
		return virgl_attach_resource(virgl, op, false);
	case ORIEL_RENDER3D_CREATE_RESOURCE:
		return virgl_create_resource(virgl, op);
	case ORIEL_RENDER3D_UNREF_RESOURCE:
		return virgl_unref_resource(virgl, op->resource_id);
	case ORIEL_RENDER3D_ATTACH_BACKING:
		return virgl_attach_backing(virgl, op);
	case ORIEL_RENDER3D_DETACH_BACKING:
		return virgl_detach_backing(virgl, op->resource_id);
	case ORIEL_RENDER3D_TRANSFER_TO_HOST:
	case ORIEL_RENDER3D_TRANSFER_FROM_HOST:
		return virgl_run_transfer(virgl, op);
	case ORIEL_RENDER3D_SUBMIT:
		return virgl_run_commands(virgl, op, copy);
	case ORIEL_RENDER3D_ADD_IMAGE:
		return virgl_add_image(virgl, op);
	case ORIEL_RENDER3D_REMOVE_IMAGE:
		return virgl_remove_image(virgl, op->resource_id);
	case ORIEL_RENDER3D_READ_PIXELS:
		return virgl_read_pixels(virgl, op);
	case ORIEL_RENDER3D_SET_MEMORY:
		return 0; // a backing brings its own addresses
	case ORIEL_RENDER3D_RESET:
		return virgl_reset(virgl);
	case ORIEL_RENDER3D_EXPORT:
		return virgl_export(virgl, op);
	case ORIEL_RENDER3D_FENCE:
	case ORIEL_RENDER3D_N_TYPES:
		break;
	}
	return -EOPNOTSUPP;
}

/** copy: of a SUBMIT that had to wait; NULL if it did not. */
static void virgl_carry_out(struct virgl *virgl, struct oriel_render3d_op *op, uint32_t *copy) {
	if (op->type == ORIEL_RENDER3D_FENCE) {
		virgl_submit_fence(virgl, op);
		return;
	}
	virgl_finish_op(op, virgl_run_op(virgl, op, copy));
}

void virgl_begin_callbacks(struct virgl *virgl) {
	assert(!virgl->is_running);
	virgl->is_running = true;
}

void virgl_end_callbacks(struct virgl *virgl) {
	while (!oriel_list_is_empty(&virgl->backlog)) {
		struct oriel_render3d_op *op = oriel_container_of(virgl->backlog.next,
				struct oriel_render3d_op, link);
		oriel_list_remove(&op->link);
		if (op->type != ORIEL_RENDER3D_SUBMIT) {
			virgl_carry_out(virgl, op, NULL);
			continue;
		}
		uint32_t *copy = op->payload;
		if (copy == NULL) {
			virgl_finish_op(op, -ENOMEM);
			continue;
		}
		virgl_carry_out(virgl, op, copy);
		free(copy);
	}
	virgl->is_running = false;
}

static void virgl_submit(struct oriel_renderer3d *renderer, struct oriel_render3d_op *op) {
	struct virgl *virgl = virgl_from(renderer);
	if (virgl->is_running) {
		if (op->type == ORIEL_RENDER3D_SUBMIT) {
			// What it points to may be gone when its turn comes.
			op->payload = virgl_copy_commands(&op->commands);
		}
		oriel_list_append(&virgl->backlog, &op->link);
		return;
	}
	virgl_begin_callbacks(virgl);
	virgl_carry_out(virgl, op, NULL);
	virgl_end_callbacks(virgl);
}

static bool virgl_is_full(const struct oriel_renderer3d *renderer) {
	const struct virgl *virgl = oriel_container_of(renderer, const struct virgl, base);
	return virgl->n_fences >= VIRGL_MAX_FENCES;
}

// Life.

/** Only fences are ever pending. */
static void virgl_cancel(struct oriel_renderer3d *renderer) {
	struct virgl *virgl = virgl_from(renderer);
	virgl_begin_callbacks(virgl);
	(void)virgl_reset(virgl);
	virgl_end_callbacks(virgl);
}

static void virgl_destroy(struct oriel_renderer3d *renderer) {
	struct virgl *virgl = virgl_from(renderer);
	assert(!virgl->is_running);
	assert(virgl->n_fences == 0);
	if (virgl->is_virgl_open) {
		(void)virgl_reset(virgl);
		oriel_source_remove(virgl->poll_source);
		virgl_renderer_cleanup(virgl);
	}
	virgl_fences_finish(virgl); // after virglrenderer's thread has ended
	virgl_egl_close(&virgl->egl);
	if (virgl->is_process_owner) {
		watch_messages(false);
		atomic_store(&process_renderer, NULL);
	}
	oriel_id_table_finish(&virgl->contexts);
	oriel_id_table_finish(&virgl->resources);
	oriel_id_table_finish(&virgl->images);
	free(virgl->commands);
	free(virgl);
}

static const struct oriel_renderer3d_impl virgl_impl = {
	.name = "virgl",
	.submit = virgl_submit,
	.is_full = virgl_is_full,
	.cancel = virgl_cancel,
	.destroy = virgl_destroy,
};

static struct virgl *virgl_from(struct oriel_renderer3d *renderer) {
	assert(renderer->impl == &virgl_impl);
	return oriel_container_of(renderer, struct virgl, base);
}

/** The bytes of VIRGL's capset, of which these three sets of 512 formats are the beginning. */
static void virgl_read_formats(struct virgl *virgl, const struct oriel_capset *capset) {
	const uint32_t sets[] = { 4, 4 + 64, 4 + 2 * 64 }; // sampler, render, depth
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sets); i++) {
		for (uint32_t format = 0; format < 512; format++) {
			uint32_t word;
			memcpy(&word, &capset->data[sets[i] + format / 32 * 4], sizeof(word));
			if ((word >> format % 32 & 1) != 0) {
				virgl->formats[format / 64] |= (uint64_t)1 << format % 64;
			}
		}
	}
}

/** Where virgl's second capset has max_video_memory, a u32: before the GPU's name. */
#define VIRGL2_VIDEO_MEMORY_OFFSET 692u

/**
 * Software renderers do not know their video memory, and virglrenderer 1.1 passes on what lay
 * there: other bytes at each start, of our addresses. 0 is what earlier ones said.
 */
static void forget_video_memory(struct oriel_capset *capset) {
	if (capset->size >= VIRGL2_VIDEO_MEMORY_OFFSET + sizeof(uint32_t)) {
		memset(capset->data + VIRGL2_VIDEO_MEMORY_OFFSET, 0, sizeof(uint32_t));
	}
}

static int virgl_read_capsets(struct virgl *virgl) {
	struct oriel_capset_table *table = &virgl->base.capsets;
	const uint32_t ids[] = { VIRTIO_GPU_CAPSET_VIRGL, VIRTIO_GPU_CAPSET_VIRGL2 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ids); i++) {
		struct oriel_capset *capset = &table->capsets[table->len];
		uint32_t version = 0;
		uint32_t size = 0;
		virgl_renderer_get_cap_set(ids[i], &version, &size);
		if (size == 0) {
			continue;
		}
		if (size > sizeof(capset->data)) {
			oriel_log(&virgl->log, ORIEL_LOG_WARN,
					"virgl: capset %" PRIu32 " is %" PRIu32 " bytes, left out",
					ids[i], size);
			continue;
		}
		*capset = (struct oriel_capset){ .id = ids[i], .version = version, .size = size };
		virgl_renderer_fill_caps(ids[i], version, capset->data);
		if (ids[i] == VIRTIO_GPU_CAPSET_VIRGL2) {
			forget_video_memory(capset);
		}
		table->len++;
	}
	const struct oriel_capset *virgl1 = oriel_capset_table_get(table, VIRTIO_GPU_CAPSET_VIRGL);
	if (virgl1 == NULL) {
		oriel_log(&virgl->log, ORIEL_LOG_ERROR, "virgl: virglrenderer has no capsets");
		return -ENODEV;
	}
	virgl_read_formats(virgl, virgl1);
	return 0;
}

static int virgl_open(struct virgl *virgl) {
	// Not USE_EGL: that would open a display of its own. With get_egl_display it takes ours.
	int flags = VIRGL_RENDERER_THREAD_SYNC | VIRGL_RENDERER_ASYNC_FENCE_CB;
	if (virgl->egl.is_gles) {
		flags |= VIRGL_RENDERER_USE_GLES;
	}
	watch_messages(true);
	int err = virgl_renderer_init(virgl, flags, &callbacks);
	if (err != 0) {
		oriel_log(&virgl->log, ORIEL_LOG_ERROR,
				"virgl: virglrenderer does not start on %s (%s)",
				virgl->egl.gl_renderer, virgl->egl.gl_version);
		return err == -ENOMEM ? err : -ENODEV;
	}
	virgl->is_virgl_open = true;
	err = virgl_fences_watch(virgl);
	if (err == 0) {
		err = virgl_read_capsets(virgl);
	}
	if (err == 0) {
		virgl_probe_export(virgl);
	}
	return err;
}

int oriel_virgl_renderer_create(struct oriel_loop *loop, const struct oriel_virgl_options *options,
		struct oriel_renderer3d **ret) {
	assert(options->size >= sizeof(*options));
	struct virgl *virgl = calloc(1, sizeof(*virgl));
	if (virgl == NULL) {
		return -ENOMEM;
	}
	oriel_renderer3d_init(&virgl->base, &virgl_impl);
	oriel_log_init(&virgl->log, &options->log);
	virgl->loop = loop;
	virgl->thread = pthread_self();
	virgl->inbox.event_fd = -1;
	virgl->is_starting = true;
	oriel_list_init(&virgl->backlog);
	oriel_id_table_init(&virgl->contexts);
	oriel_id_table_init(&virgl->resources);
	oriel_id_table_init(&virgl->images);
	struct virgl *nobody = NULL;
	virgl->is_process_owner = atomic_compare_exchange_strong(&process_renderer, &nobody, virgl);
	int err = virgl->is_process_owner ? virgl_fences_init(virgl) : -EBUSY;
	if (err == -EBUSY) {
		oriel_log(&virgl->log, ORIEL_LOG_ERROR,
				"virgl: this process has a renderer already");
	}
	if (err == 0) {
		err = virgl_egl_open(&virgl->egl, options->gpu, &virgl->log);
	}
	if (err == 0) {
		err = virgl_open(virgl);
	}
	if (err != 0) {
		virgl_destroy(&virgl->base);
		return err;
	}
	virgl->is_starting = false;
	oriel_log(&virgl->log, ORIEL_LOG_INFO, "virgl: rendering on %s, %s", virgl->egl.gl_renderer,
			virgl->egl.gl_version);
	*ret = &virgl->base;
	return 0;
}

void oriel_virgl_renderer_get_info(const struct oriel_renderer3d *renderer,
		struct oriel_virgl_info *info) {
	assert(renderer->impl == &virgl_impl && info->size >= sizeof(*info));
	const struct virgl *virgl = oriel_container_of(renderer, const struct virgl, base);
	info->gl_renderer = virgl->egl.gl_renderer;
	info->gl_version = virgl->egl.gl_version;
	info->virglrenderer_version = ORIEL_VIRGLRENDERER_VERSION;
	info->is_software = virgl->egl.is_software;
	info->has_dmabuf_export = virgl->base.can_export;
	const struct oriel_capset_table *table = &renderer->capsets;
	info->n_capsets = table->len;
	for (uint32_t i = 0; i < table->len; i++) {
		info->capsets[i].id = table->capsets[i].id;
		info->capsets[i].version = table->capsets[i].version;
		info->capsets[i].size = table->capsets[i].size;
	}
}
