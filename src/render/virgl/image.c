// SPDX-License-Identifier: MIT
/*
 * Images of ours, and reading pixels into them; and exports, for which no pixel is read.
 *
 * Exports are EGL's business and not virglrenderer's: a plain texture can be exported by a driver
 * that can at all, so resources are made no differently for it (resource.c). Whether a driver can
 * is known when it has done it: NVIDIA's offers the extension and fails, llvmpipe's works from Mesa
 * 24.2 on where there is /dev/udmabuf.
 */
#include "render/virgl/virgl.h"

#include "base/arith.h"
#include "base/error.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <virglrenderer.h>

/** Of a pixel in any image: scanouts have no others. */
#define PIXEL_SIZE 4u

int virgl_add_image(struct virgl *virgl, const struct oriel_render3d_op *op) {
	if (oriel_id_table_get(&virgl->images, op->resource_id) != NULL) {
		return -EEXIST;
	}
	struct stat st;
	if (fstat(op->image.fd, &st) < 0) {
		return oriel_errno();
	}
	if (op->image.size == 0 || op->image.size > SIZE_MAX || st.st_size < 0 ||
			op->image.size > (uint64_t)st.st_size) {
		return -EINVAL;
	}
	struct virgl_image *image = calloc(1, sizeof(*image));
	if (image == NULL) {
		return -ENOMEM;
	}
	image->id = op->resource_id;
	image->size = op->image.size;
	image->map = mmap(NULL, (size_t)image->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			op->image.fd, 0);
	if (image->map == MAP_FAILED) {
		int err = oriel_errno();
		free(image);
		return err;
	}
	int err = oriel_id_table_insert(&virgl->images, image->id, image);
	if (err != 0) {
		munmap(image->map, (size_t)image->size);
		free(image);
	}
	return err;
}

static void image_remove(struct virgl *virgl, struct virgl_image *image) {
	oriel_id_table_remove(&virgl->images, image->id);
	munmap(image->map, (size_t)image->size);
	free(image);
}

int virgl_remove_image(struct virgl *virgl, uint32_t image_id) {
	struct virgl_image *image = oriel_id_table_get(&virgl->images, image_id);
	if (image == NULL) {
		return -ENOENT;
	}
	image_remove(virgl, image);
	return 0;
}

void virgl_remove_all_images(struct virgl *virgl) {
	uint32_t cursor = 0;
	struct virgl_image *image;
	while ((image = oriel_id_table_next(&virgl->images, &cursor)) != NULL) {
		image_remove(virgl, image);
		cursor = 0;
	}
}

/** Whether a resource has a level 0 that is rows of pixels. */
static bool resource_is_picture(const struct virgl_resource *res) {
	struct oriel_virgl_block block;
	return (res->desc.target == VIRGL_TARGET_2D || res->desc.target == VIRGL_TARGET_RECT) &&
	       res->desc.n_samples <= 1 && oriel_virgl_get_block(res->desc.format, &block) &&
	       block.width == 1 && block.size == PIXEL_SIZE;
}

int virgl_read_pixels(struct virgl *virgl, const struct oriel_render3d_op *op) {
	const struct oriel_render3d_read *read = &op->read;
	const struct virgl_resource *res = virgl_get_resource(virgl, op->resource_id);
	const struct virgl_image *image = oriel_id_table_get(&virgl->images, read->image_id);
	if (res == NULL || image == NULL) {
		return -ENOENT;
	}
	if (!resource_is_picture(res) ||
			!oriel_rect_fits(&read->rect, res->desc.width, res->desc.height)) {
		return -EINVAL;
	}
	if (oriel_rect_is_empty(&read->rect)) {
		return 0;
	}
	uint64_t row_size = (uint64_t)read->rect.width * PIXEL_SIZE;
	uint64_t size = (read->rect.height - 1) * (uint64_t)read->stride + row_size;
	if (read->stride < row_size || read->stride % PIXEL_SIZE != 0 ||
			!oriel_range_fits(read->offset, size, image->size)) {
		return -EINVAL;
	}
	struct iovec iovec = { .iov_base = image->map + read->offset, .iov_len = (size_t)size };
	struct oriel_box box = { .x = read->rect.x,
		.y = read->rect.y,
		.width = read->rect.width,
		.height = read->rect.height,
		.depth = 1 };
	virgl_enter_context(virgl, 0);
	int err = virgl_renderer_transfer_read_iov(res->id, 0, 0, read->stride, 0,
			(struct virgl_box *)&box, 0, &iovec, 1);
	return err == 0 ? 0 : -EIO;
}

/** Whoever has an exported file sees what was drawn by all contexts so far. */
static void publish_drawing(struct virgl *virgl) {
	uint32_t cursor = 0;
	struct virgl_context *ctx;
	while ((ctx = oriel_id_table_next(&virgl->contexts, &cursor)) != NULL) {
		if (ctx->has_drawn) {
			virgl_enter_context(virgl, ctx->id);
			virgl_egl_publish(&virgl->egl);
			ctx->has_drawn = false;
		}
	}
	virgl_enter_context(virgl, 0); // where transfers are done
	virgl_egl_publish(&virgl->egl);
}

/** Export a 2D texture of virglrenderer's. */
static int export_texture(struct virgl *virgl, uint32_t resource_id,
		struct oriel_render3d_export *exported) {
	struct virgl_renderer_resource_info info = { 0 };
	virgl_enter_context(virgl, 0);
	if (virgl_renderer_resource_get_info((int)resource_id, &info) != 0 || info.tex_id == 0) {
		return -EOPNOTSUPP;
	}
	struct virgl_egl_file file = { .fd = -1 };
	int err = virgl_egl_export(&virgl->egl, info.tex_id, &file);
	if (err != 0) {
		return err;
	}
	const struct oriel_render3d_file told = { file.fourcc, file.modifier, file.offset,
		file.stride };
	err = oriel_render3d_export_make_take(exported, file.fd, &told);
	return err == -EINVAL ? -EOPNOTSUPP : err; // no picture that a display could show
}

int virgl_export(struct virgl *virgl, struct oriel_render3d_op *op) {
	const struct virgl_resource *res = virgl_get_resource(virgl, op->resource_id);
	struct oriel_render3d_export *exported = &op->exported;
	if (res == NULL) {
		return -ENOENT;
	}
	publish_drawing(virgl);
	if (!exported->wants_file) {
		return 0;
	}
	if (!resource_is_picture(res) || exported->width != res->desc.width ||
			exported->height != res->desc.height) {
		return -EINVAL;
	}
	return virgl->base.can_export && res->desc.target == VIRGL_TARGET_2D
			       ? export_texture(virgl, res->id, exported)
			       : -EOPNOTSUPP;
}

#define PROBE_ID 1u
#define PROBE_SIDE 64u
#define BIND_RENDER_TARGET (1u << 1)
#define BIND_SAMPLER_VIEW (1u << 3)

void virgl_probe_export(struct virgl *virgl) {
	if (!virgl->egl.has_dmabuf_export) {
		return;
	}
	struct virgl_renderer_resource_create_args args = {
		.handle = PROBE_ID, // there are no others yet
		.target = VIRGL_TARGET_2D,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.bind = BIND_RENDER_TARGET | BIND_SAMPLER_VIEW,
		.width = PROBE_SIDE,
		.height = PROBE_SIDE,
		.depth = 1,
		.array_size = 1,
	};
	virgl_enter_context(virgl, 0);
	if (virgl_renderer_resource_create(&args, NULL, 0) != 0) {
		return;
	}
	struct oriel_render3d_export exported = {
		.wants_file = true,
		.format = oriel_format_get(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.width = PROBE_SIDE,
		.height = PROBE_SIDE,
	};
	virgl->base.can_export = export_texture(virgl, PROBE_ID, &exported) == 0;
	oriel_dmabuf_release(exported.dmabuf);
	virgl_renderer_resource_unref(PROBE_ID);
	oriel_log(&virgl->log, ORIEL_LOG_DEBUG, "virgl: dma-bufs are offered, and %s",
			virgl->base.can_export ? "work" : "cannot be had");
}
