// SPDX-License-Identifier: MIT
/* See probe.h. */
#include "oriel-render/probe.h"

#include "common/log.h"

#include <inttypes.h>
#include <oriel/loop.h>
#include <oriel/virgl.h>
#include <stdio.h>
#include <string.h>

static void print(const struct oriel_renderer3d *renderer) {
	struct oriel_virgl_info info = { .size = sizeof(info) };
	oriel_virgl_renderer_get_info(renderer, &info);
	printf("virglrenderer=%s\nrenderer=%s\ngl=%s\nsoftware=%d\ndmabuf_export=%d\n",
			info.virglrenderer_version, info.gl_renderer, info.gl_version,
			info.is_software, info.has_dmabuf_export);
	for (uint32_t i = 0; i < info.n_capsets; i++) {
		printf("capset=%" PRIu32 " version=%" PRIu32 " size=%" PRIu32 "\n",
				info.capsets[i].id, info.capsets[i].version, info.capsets[i].size);
	}
}

int probe(const struct options *options) {
	struct oriel_virgl_options virgl_options = {
		.size = sizeof(virgl_options),
		.log = log_make_sink((char[]){ "oriel-render" }, ORIEL_LOG_WARN),
		.gpu = options->gpu,
	};
	struct oriel_loop *loop;
	int err = oriel_loop_create(&loop);
	if (err < 0) {
		printf("error=%s\n", strerror(-err));
		return err;
	}
	printf("step=starting virglrenderer\n");
	fflush(stdout);
	struct oriel_renderer3d *renderer;
	err = oriel_virgl_renderer_create(loop, &virgl_options, &renderer);
	if (err == 0) {
		print(renderer);
		oriel_renderer3d_destroy(renderer);
	} else {
		printf("error=%s\n", strerror(-err));
	}
	oriel_loop_destroy(loop);
	return err;
}
