// SPDX-License-Identifier: MIT
/*
 * The reply to "status": docs/control-socket.md, 4, field by field.
 *
 * Names end in their unit where it is none of counting. What is unknown is null.
 */
#include "control/answer.h"

#include <oriel/stats.h>
#include <oriel/version.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS 1000000u

struct status {
	const struct oriel_control_options *options;
	struct oriel_json *json;
	struct oriel_gpu_statistics gpu;
	struct oriel_control_facts facts;
	uint64_t now_ns;
};

static void add_peer(struct oriel_json *json, struct json_object *object,
		const struct oriel_control_peer *peer) {
	if (peer->pid > 0) {
		oriel_json_add_number(json, object, "pid", (uint64_t)peer->pid);
	} else {
		oriel_json_add_take(json, object, "pid", NULL);
	}
	oriel_json_add_text(json, object, "program", peer->name[0] != '\0' ? peer->name : NULL);
	if (peer->memory > 0) {
		oriel_json_add_number(json, object, "memory_bytes", peer->memory);
	} else {
		oriel_json_add_take(json, object, "memory_bytes", NULL);
	}
}

static void add_process(const struct status *status, struct json_object *reply,
		uint64_t started_ns) {
	struct oriel_json *json = status->json;
	oriel_json_add_number(json, reply, "protocol", ORIEL_CONTROL_VERSION);
	oriel_json_add_text(json, reply, "version", oriel_get_version());
	oriel_json_add_number(json, reply, "uptime_ms", (status->now_ns - started_ns) / NS_PER_MS);
	oriel_json_add_text(json, reply, "log_level",
			oriel_control_level_name(*status->options->log_level));
	struct json_object *process = oriel_json_add_object(json, reply, "process");
	struct oriel_control_peer self = { 0 };
	status->options->describe(getpid(), &self);
	add_peer(json, process, &self);
}

static void add_vmm(const struct status *status, struct json_object *reply) {
	struct oriel_json *json = status->json;
	const struct oriel_control_facts *facts = &status->facts;
	struct json_object *vmm = oriel_json_add_object(json, reply, "vmm");
	oriel_json_add_bool(json, vmm, "connected", facts->has_vmm);
	add_peer(json, vmm, &facts->vmm);
	if (facts->has_vmm) {
		oriel_json_add_number(json, vmm, "since_ms",
				(status->now_ns - facts->vmm_since_ns) / NS_PER_MS);
	} else {
		oriel_json_add_take(json, vmm, "since_ms", NULL);
	}
	oriel_json_add_text(json, vmm, "display", facts->vmm_display);
	oriel_json_add_bool(json, vmm, "driver", status->gpu.is_running);
	oriel_json_add_number(json, vmm, "resets", status->gpu.n_resets);
	oriel_json_add_number(json, vmm, "memory_regions", status->gpu.n_memory_regions);
	oriel_json_add_number(json, vmm, "guest_memory_bytes", status->gpu.guest_memory);
}

/** Why a feature is on or off: a word for programs, a line for people. */
struct reason {
	const char *word, *text;
};

static struct reason get_reason(const struct oriel_gpu_feature *feature) {
	switch (feature->state) {
	case ORIEL_FEATURE_ON:
		return (struct reason){ "on", "in use" };
	case ORIEL_FEATURE_NO_DRIVER:
		return (struct reason){ "no-driver", "no driver of the guest's has started yet" };
	case ORIEL_FEATURE_DECLINED:
		return (struct reason){ "declined",
			"not taken by the guest, or not passed on by the VMM" };
	case ORIEL_FEATURE_NO_RENDERER:
		return (struct reason){ "no-renderer", "oriel-gpu was started without --renderer" };
	case ORIEL_FEATURE_NO_CAPSET:
		return (struct reason){ "no-capset", "the renderer offers nothing to guests" };
	case ORIEL_FEATURE_ALONE:
		return (struct reason){ "alone",
			"taken without VIRTIO_GPU_F_VIRGL, on which it is built" };
	case ORIEL_FEATURE_NOT_IMPLEMENTED:
		return (struct reason){ "not-implemented", "this version does not have it" };
	}
	return (struct reason){ "unknown", "unknown" };
}

static void add_features(const struct status *status, struct json_object *reply) {
	struct oriel_json *json = status->json;
	struct json_object *features = oriel_json_add_array(json, reply, "features");
	struct oriel_gpu_feature feature = { .size = sizeof(feature) };
	for (uint32_t i = 0; oriel_gpu_get_feature(status->options->gpu, i, &feature); i++) {
		const struct reason reason = get_reason(&feature);
		struct json_object *row = oriel_json_append_object(json, features);
		oriel_json_add_text(json, row, "name", feature.name);
		oriel_json_add_number(json, row, "bit", feature.bit);
		oriel_json_add_bool(json, row, "offered", feature.is_offered);
		oriel_json_add_bool(json, row, "on", feature.state == ORIEL_FEATURE_ON);
		oriel_json_add_text(json, row, "reason", reason.word);
		oriel_json_add_text(json, row, "text", reason.text);
	}
}

/** A limit on all there is together. */
static void add_use(struct oriel_json *json, struct json_object *limits, const char *key,
		uint64_t used, uint64_t peak, uint64_t limit) {
	struct json_object *row = oriel_json_add_object(json, limits, key);
	oriel_json_add_number(json, row, "used", used);
	oriel_json_add_number(json, row, "peak", peak);
	oriel_json_add_limit(json, row, "limit", limit);
}

/** A limit on one thing at a time. */
static void add_largest(struct oriel_json *json, struct json_object *limits, const char *key,
		uint64_t largest, uint64_t limit) {
	struct json_object *row = oriel_json_add_object(json, limits, key);
	oriel_json_add_number(json, row, "largest", largest);
	oriel_json_add_limit(json, row, "limit", limit);
}

static void add_limits(const struct status *status, struct json_object *reply,
		const struct oriel_share_statistics *share) {
	struct oriel_json *json = status->json;
	const struct oriel_gpu_statistics *s = &status->gpu;
	struct json_object *limits = oriel_json_add_object(json, reply, "limits");
	add_use(json, limits, "resources", s->n_resources, s->peak_resources, s->max_resources);
	add_use(json, limits, "host_memory_bytes", s->host_memory, s->peak_host_memory,
			s->max_host_memory);
	add_use(json, limits, "backing_memory_bytes", s->backing_memory, s->peak_backing_memory,
			s->max_backing_memory);
	add_use(json, limits, "contexts", s->n_contexts, s->peak_contexts, s->max_contexts);
	add_use(json, limits, "memory_3d_bytes", s->memory_3d, s->peak_3d_memory, s->max_3d_memory);
	add_use(json, limits, "heads", s->n_heads, s->n_heads, s->max_heads);
	if (status->options->share != NULL) {
		add_use(json, limits, "viewers", share->n_clients, share->peak_clients,
				share->max_clients);
		add_use(json, limits, "viewer_memory_bytes", share->held, share->peak_held,
				share->max_held);
	}
	add_largest(json, limits, "backing_entries", s->largest_backing, s->max_backing_entries);
	add_largest(json, limits, "dimension_px", s->largest_dimension, s->max_dimension);
	add_largest(json, limits, "submit_bytes", s->largest_submit, s->max_submit_size);
	add_largest(json, limits, "chain_descriptors", s->largest_chain, s->max_chain);
	add_largest(json, limits, "context_rings", s->largest_ring, s->max_rings);
}

static void add_commands(const struct status *status, struct json_object *reply) {
	static const char *const errors[ORIEL_GPU_N_ERRORS] = { "ERR_UNSPEC", "ERR_OUT_OF_MEMORY",
		"ERR_INVALID_SCANOUT_ID", "ERR_INVALID_RESOURCE_ID", "ERR_INVALID_CONTEXT_ID",
		"ERR_INVALID_PARAMETER" };
	struct oriel_json *json = status->json;
	struct json_object *commands = oriel_json_add_array(json, reply, "commands");
	struct oriel_gpu_command_statistics c = { .size = sizeof(c) };
	for (uint32_t i = 0; oriel_gpu_get_command_statistics(status->options->gpu, i, &c); i++) {
		if (c.n == 0) {
			continue;
		}
		struct json_object *row = oriel_json_append_object(json, commands);
		oriel_json_add_text(json, row, "name", c.name);
		oriel_json_add_number(json, row, "type", c.type);
		oriel_json_add_number(json, row, "count", c.n);
		oriel_json_add_number(json, row, "errors", c.n_errors);
	}
	struct json_object *responses = oriel_json_add_object(json, reply, "errors");
	for (size_t i = 0; i < ORIEL_GPU_N_ERRORS; i++) {
		oriel_json_add_number(json, responses, errors[i], status->gpu.errors[i]);
	}
}

static void add_queues(const struct status *status, struct json_object *reply) {
	struct oriel_json *json = status->json;
	struct json_object *queues = oriel_json_add_array(json, reply, "queues");
	struct oriel_gpu_queue_statistics q = { .size = sizeof(q) };
	for (uint32_t i = 0; oriel_gpu_get_queue_statistics(status->options->gpu, i, &q); i++) {
		struct json_object *row = oriel_json_append_object(json, queues);
		oriel_json_add_text(json, row, "name", q.name);
		oriel_json_add_bool(json, row, "running", q.is_running);
		oriel_json_add_bool(json, row, "broken", q.is_broken);
		oriel_json_add_number(json, row, "ring_size", q.ring_size);
		oriel_json_add_number(json, row, "depth", q.depth);
		oriel_json_add_number(json, row, "peak_depth", q.peak_depth);
		oriel_json_add_number(json, row, "requests", q.n_requests);
		oriel_json_add_number(json, row, "turns", q.n_turns);
	}
}

static void add_durations(struct oriel_json *json, struct json_object *parent, const char *key,
		const struct oriel_durations *d) {
	struct json_object *row = oriel_json_add_object(json, parent, key);
	oriel_json_add_number(json, row, "count", d->n);
	oriel_json_add_number(json, row, "p50", d->p50_ns);
	oriel_json_add_number(json, row, "p90", d->p90_ns);
	oriel_json_add_number(json, row, "p99", d->p99_ns);
	oriel_json_add_number(json, row, "max", d->max_ns);
}

static void add_frames(const struct status *status, struct json_object *reply) {
	struct oriel_json *json = status->json;
	struct json_object *frames = oriel_json_add_object(json, reply, "frames");
	oriel_json_add_number(json, frames, "count", status->gpu.n_frames);
	oriel_json_add_number(json, frames, "damage_bytes", status->gpu.damage);
	add_durations(json, frames, "latency_ns", &status->gpu.frame_latency);
	struct json_object *fences = oriel_json_add_object(json, reply, "fences");
	add_durations(json, fences, "latency_ns", &status->gpu.fence_latency);
}

/** The scanouts of a mask, as an array. */
static void add_mask(struct oriel_json *json, struct json_object *parent, const char *key,
		uint32_t mask) {
	struct json_object *array = oriel_json_add_array(json, parent, key);
	for (uint32_t i = 0; i < 32; i++) {
		if ((mask >> i & 1) != 0) {
			oriel_json_append_number(json, array, i);
		}
	}
}

static void add_viewers(const struct status *status, struct json_object *reply) {
	struct oriel_json *json = status->json;
	const struct oriel_share *share = status->options->share;
	if (share == NULL) {
		oriel_json_add_take(json, reply, "viewers", NULL);
		return;
	}
	struct json_object *viewers = oriel_json_add_array(json, reply, "viewers");
	struct oriel_share_client_statistics c = { .size = sizeof(c) };
	for (uint32_t i = 0; oriel_share_get_client_statistics(share, i, &c); i++) {
		struct oriel_control_peer peer = { 0 };
		status->options->describe(c.pid, &peer);
		struct json_object *row = oriel_json_append_object(json, viewers);
		oriel_json_add_number(json, row, "number", c.number);
		add_peer(json, row, &peer);
		oriel_json_add_number(json, row, "since_ms", c.age_ns / NS_PER_MS);
		add_mask(json, row, "heads", c.frames);
		add_mask(json, row, "behind", c.behind);
		oriel_json_add_number(json, row, "frames", c.n_frames);
		oriel_json_add_number(json, row, "merged", c.n_merged);
		oriel_json_add_number(json, row, "mapped_bytes", c.mapped);
		oriel_json_add_number(json, row, "held_bytes", c.held);
	}
}

static void add_renderer(const struct status *status, struct json_object *reply) {
	struct oriel_json *json = status->json;
	if (status->options->renderer3d == NULL) {
		oriel_json_add_take(json, reply, "renderer", NULL);
		return;
	}
	struct oriel_remote_statistics s = { .size = sizeof(s) };
	oriel_remote_get_statistics(status->options->renderer3d, &s);
	struct json_object *row = oriel_json_add_object(json, reply, "renderer");
	oriel_json_add_text(json, row, "gpu", status->facts.renderer_name);
	oriel_json_add_bool(json, row, "running", s.is_running);
	oriel_json_add_bool(json, row, "refused", s.is_refused);
	add_peer(json, row, &status->facts.renderer);
	if (s.is_running) {
		oriel_json_add_number(json, row, "since_ms", s.age_ns / NS_PER_MS);
	} else {
		oriel_json_add_take(json, row, "since_ms", NULL);
	}
	oriel_json_add_number(json, row, "starts", s.n_starts);
	oriel_json_add_number(json, row, "losses", s.n_losses);
	oriel_json_add_text(json, row, "last_loss", s.last_loss[0] != '\0' ? s.last_loss : NULL);
	oriel_json_add_number(json, row, "capsets", s.n_capsets);
	oriel_json_add_number(json, row, "operations", s.n_operations);
	oriel_json_add_number(json, row, "errors", s.n_errors);
	oriel_json_add_number(json, row, "pending", s.n_pending);
}

static void add_inputs(const struct status *status, struct json_object *reply) {
	struct oriel_json *json = status->json;
	struct json_object *inputs = oriel_json_add_array(json, reply, "inputs");
	for (uint32_t i = 0; i < status->facts.n_inputs; i++) {
		const struct oriel_control_input *input = &status->facts.inputs[i];
		struct json_object *row = oriel_json_append_object(json, inputs);
		oriel_json_add_text(json, row, "kind", input->kind);
		oriel_json_add_number(json, row, "head", input->head);
		oriel_json_add_bool(json, row, "connected", input->is_connected);
		oriel_json_add_bool(json, row, "driver", input->is_running);
		oriel_json_add_number(json, row, "reports", input->n_reports);
		oriel_json_add_number(json, row, "dropped", input->n_dropped);
	}
}

void oriel_control_add_heads(const struct oriel_control_options *options, struct oriel_json *json,
		struct json_object *reply) {
	struct json_object *heads = oriel_json_add_array(json, reply, "heads");
	struct oriel_gpu_head_statistics h = { .size = sizeof(h) };
	for (uint32_t i = 0; oriel_gpu_get_head_statistics(options->gpu, i, &h); i++) {
		struct json_object *row = oriel_json_append_object(json, heads);
		oriel_json_add_number(json, row, "head", i);
		oriel_json_add_bool(json, row, "on", h.is_on);
		oriel_json_add_number(json, row, "x", h.x);
		oriel_json_add_number(json, row, "y", h.y);
		oriel_json_add_number(json, row, "width", h.width);
		oriel_json_add_number(json, row, "height", h.height);
		oriel_json_add_number(json, row, "refresh_mhz", h.refresh_mhz);
		oriel_json_add_number(json, row, "shown_width", h.shown_width);
		oriel_json_add_number(json, row, "shown_height", h.shown_height);
		oriel_json_add_bool(json, row, "cursor", h.has_cursor);
		oriel_json_add_number(json, row, "frames", h.n_frames);
	}
}

void oriel_control_add_status(const struct oriel_control_options *options, uint64_t started_ns,
		struct oriel_json *json, struct json_object *reply) {
	struct status status = {
		.options = options,
		.json = json,
		.gpu = { .size = sizeof(status.gpu) },
		.now_ns = oriel_now_ns(),
	};
	oriel_gpu_get_statistics(options->gpu, &status.gpu);
	options->get_facts(options->user, &status.facts);
	struct oriel_share_statistics share = { .size = sizeof(share) };
	if (options->share != NULL) {
		oriel_share_get_statistics(options->share, &share);
	}
	add_process(&status, reply, started_ns);
	add_vmm(&status, reply);
	add_features(&status, reply);
	oriel_control_add_heads(options, json, reply);
	add_limits(&status, reply, &share);
	add_queues(&status, reply);
	add_commands(&status, reply);
	add_frames(&status, reply);
	add_viewers(&status, reply);
	add_renderer(&status, reply);
	add_inputs(&status, reply);
}
