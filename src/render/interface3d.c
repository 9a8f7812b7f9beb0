// SPDX-License-Identifier: MIT
/* The forwarders of render3d.h and oriel/renderer3d.h. */
#include "render/render3d.h"

#include "base/compiler.h"

#include <assert.h>
#include <errno.h>

const char *oriel_render3d_type_get_name(enum oriel_render3d_type type) {
	static const char *const names[ORIEL_RENDER3D_N_TYPES] = {
		[ORIEL_RENDER3D_CREATE_CONTEXT] = "CTX_CREATE",
		[ORIEL_RENDER3D_DESTROY_CONTEXT] = "CTX_DESTROY",
		[ORIEL_RENDER3D_ATTACH_RESOURCE] = "CTX_ATTACH_RESOURCE",
		[ORIEL_RENDER3D_DETACH_RESOURCE] = "CTX_DETACH_RESOURCE",
		[ORIEL_RENDER3D_CREATE_RESOURCE] = "RESOURCE_CREATE_3D",
		[ORIEL_RENDER3D_UNREF_RESOURCE] = "RESOURCE_UNREF",
		[ORIEL_RENDER3D_ATTACH_BACKING] = "RESOURCE_ATTACH_BACKING",
		[ORIEL_RENDER3D_DETACH_BACKING] = "RESOURCE_DETACH_BACKING",
		[ORIEL_RENDER3D_TRANSFER_TO_HOST] = "TRANSFER_TO_HOST_3D",
		[ORIEL_RENDER3D_TRANSFER_FROM_HOST] = "TRANSFER_FROM_HOST_3D",
		[ORIEL_RENDER3D_SUBMIT] = "SUBMIT_3D",
		[ORIEL_RENDER3D_FENCE] = "fence",
		[ORIEL_RENDER3D_ADD_IMAGE] = "add image",
		[ORIEL_RENDER3D_REMOVE_IMAGE] = "remove image",
		[ORIEL_RENDER3D_READ_PIXELS] = "read pixels",
		[ORIEL_RENDER3D_SET_MEMORY] = "set memory",
		[ORIEL_RENDER3D_RESET] = "reset",
		[ORIEL_RENDER3D_EXPORT] = "export",
	};
	const char *name = (unsigned int)type < ORIEL_RENDER3D_N_TYPES ? names[type] : NULL;
	return name != NULL ? name : "unknown operation";
}

const struct oriel_capset *oriel_capset_table_get(const struct oriel_capset_table *table,
		uint32_t id) {
	for (uint32_t i = 0; i < table->len; i++) {
		if (table->capsets[i].id == id) {
			return &table->capsets[i];
		}
	}
	return NULL;
}

int oriel_render3d_export_make_take(struct oriel_render3d_export *exported, int fd,
		const struct oriel_render3d_file *file) {
	const struct oriel_format *format = oriel_format_find(file->fourcc);
	if (format != NULL && !exported->format->has_alpha) {
		format = oriel_format_without_alpha(format); // nobody has drawn it
	}
	const struct oriel_dmabuf_layout layout = {
		.format = format,
		.modifier = file->modifier,
		.width = exported->width,
		.height = exported->height,
		.stride = file->stride,
		.offset = file->offset,
	};
	int err = oriel_dmabuf_create_take(fd, &layout, &exported->dmabuf);
	return err == 0 || err == -ENOMEM ? err : -EINVAL;
}

void oriel_renderer3d_init(struct oriel_renderer3d *renderer,
		const struct oriel_renderer3d_impl *impl) {
	assert(impl->name != NULL && impl->submit != NULL && impl->is_full != NULL &&
			impl->cancel != NULL && impl->destroy != NULL);
	*renderer = (struct oriel_renderer3d){ .impl = impl };
}

void oriel_renderer3d_set_listener(struct oriel_renderer3d *renderer,
		const struct oriel_renderer3d_listener *listener) {
	renderer->listener = listener != NULL ? *listener : (struct oriel_renderer3d_listener){ 0 };
}

void oriel_renderer3d_submit(struct oriel_renderer3d *renderer, struct oriel_render3d_op *op) {
	assert(op->done != NULL);
	renderer->impl->submit(renderer, op);
}

void oriel_renderer3d_cancel(struct oriel_renderer3d *renderer) {
	renderer->impl->cancel(renderer);
}

void oriel_renderer3d_set_paused(struct oriel_renderer3d *renderer, bool paused) {
	if (renderer->impl->set_paused != NULL) {
		renderer->impl->set_paused(renderer, paused);
	}
}

bool oriel_renderer3d_is_full(const struct oriel_renderer3d *renderer) {
	return renderer->impl->is_full(renderer);
}

void oriel_renderer3d_destroy(struct oriel_renderer3d *renderer) {
	if (renderer != NULL) {
		renderer->impl->destroy(renderer);
	}
}
