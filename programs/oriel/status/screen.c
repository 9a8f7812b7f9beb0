// SPDX-License-Identifier: MIT
/* See screen.h. */
#include "oriel/status/screen.h"

#include "base/compiler.h"
#include "oriel/status/format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define TITLE_COLUMNS 10

enum colour { PLAIN, BOLD, RED, YELLOW, DIM };

struct screen {
	FILE *out;
	bool is_coloured;
	const char *title; // of the section, until its first line was printed; else ""
};

/** Text in a colour, filled up with spaces to so many columns; fewer than 0: to the right. */
static void print_text(const struct screen *screen, enum colour colour, int columns,
		const char *text) {
	static const char *const codes[] = { "", "\033[1m", "\033[31m", "\033[33m", "\033[2m" };
	const bool is_plain = colour == PLAIN || !screen->is_coloured || text[0] == '\0';
	fprintf(screen->out, "%s%*s%s", is_plain ? "" : codes[colour], -columns, text,
			is_plain ? "" : "\033[0m");
}

/** Begin a line: the section's title, or nothing if it was printed already. */
static void begin_line(struct screen *screen) {
	print_text(screen, BOLD, TITLE_COLUMNS, screen->title);
	screen->title = "";
}

ORIEL_PRINTF(2, 3)
static void say(const struct screen *screen, const char *format, ...) {
	va_list args;
	va_start(args, format);
	vfprintf(screen->out, format, args);
	va_end(args);
}

static void end_line(const struct screen *screen) {
	// On a terminal that shows one screen after another, the last one's line may be longer.
	fputs(screen->is_coloured ? "\033[K\n" : "\n", screen->out);
}

static void begin_section(struct screen *screen, const char *title) {
	screen->title = title;
}

/*
 * Reading: what is not there is NULL, 0, false, "".
 */

static struct json_object *get(struct json_object *object, const char *key) {
	struct json_object *value = NULL;
	if (json_object_is_type(object, json_type_object)) {
		(void)json_object_object_get_ex(object, key, &value);
	}
	return value;
}

static uint64_t get_number(struct json_object *object, const char *key) {
	return json_object_get_uint64(get(object, key));
}

static bool get_bool(struct json_object *object, const char *key) {
	return json_object_get_boolean(get(object, key));
}

static const char *get_text(struct json_object *object, const char *key) {
	struct json_object *value = get(object, key);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static struct json_object *get_row(struct json_object *object, const char *key, size_t i) {
	struct json_object *array = get(object, key);
	return json_object_is_type(array, json_type_array) && i < json_object_array_length(array)
			       ? json_object_array_get_idx(array, i)
			       : NULL;
}

/*
 * Sections.
 */

/** "1 frame", "2 frames" */
static void say_count(const struct screen *screen, uint64_t count, const char *name) {
	char text[FORMAT_SIZE];
	say(screen, "%s %s%s", format_count(text, count), name, count == 1 ? "" : "s");
}

/** "PROGRAM, pid N, SIZE", as far as it is known. */
static void say_peer(const struct screen *screen, struct json_object *object) {
	char text[FORMAT_SIZE];
	const char *program = get_text(object, "program");
	say(screen, "%s", program[0] != '\0' ? program : "a program");
	if (get(object, "pid") != NULL) {
		say(screen, ", pid %" PRIu64, get_number(object, "pid"));
	}
	if (get(object, "memory_bytes") != NULL) {
		say(screen, ", %s", format_bytes(text, get_number(object, "memory_bytes")));
	}
	if (get(object, "since_ms") != NULL) {
		say(screen, ", for %s", format_time(text, get_number(object, "since_ms")));
	}
}

static void print_device(struct screen *screen, struct json_object *status) {
	char text[FORMAT_SIZE];
	begin_section(screen, "Device");
	begin_line(screen);
	say_peer(screen, get(status, "process"));
	say(screen, ", up %s; version %s, log level %s",
			format_time(text, get_number(status, "uptime_ms")),
			get_text(status, "version"), get_text(status, "log_level"));
	end_line(screen);
}

static void print_vmm(struct screen *screen, struct json_object *status) {
	struct json_object *vmm = get(status, "vmm");
	char text[FORMAT_SIZE];
	begin_section(screen, "VMM");
	begin_line(screen);
	if (!get_bool(vmm, "connected")) {
		print_text(screen, YELLOW, 0, "none is connected");
		end_line(screen);
		return;
	}
	say_peer(screen, vmm);
	end_line(screen);
	begin_line(screen);
	say(screen, "%s of guest memory in ",
			format_bytes(text, get_number(vmm, "guest_memory_bytes")));
	say_count(screen, get_number(vmm, "memory_regions"), "region");
	say(screen, "; its own display: %s", get_text(vmm, "display"));
	end_line(screen);
	begin_line(screen);
	if (get_bool(vmm, "driver")) {
		say(screen, "the guest's driver is running");
	} else {
		print_text(screen, YELLOW, 0, "no driver of the guest's is running");
	}
	if (get_number(vmm, "resets") > 0) {
		say(screen, "; %" PRIu64 " %s before", get_number(vmm, "resets"),
				get_number(vmm, "resets") == 1 ? "was reset" : "were reset");
	}
	end_line(screen);
}

static void print_renderer(struct screen *screen, struct json_object *status) {
	struct json_object *renderer = get(status, "renderer");
	char text[FORMAT_SIZE];
	begin_section(screen, "3D");
	begin_line(screen);
	if (renderer == NULL) {
		say(screen, "none: oriel-gpu was started without --renderer");
		end_line(screen);
		return;
	}
	say(screen, "%s: ", get_text(renderer, "gpu"));
	if (get_bool(renderer, "running")) {
		say_peer(screen, renderer);
	} else {
		print_text(screen, RED, 0,
				get_bool(renderer, "refused") ? "lost, until the guest is reset"
							      : "lost, and being started again");
	}
	end_line(screen);
	begin_line(screen);
	say_count(screen, get_number(renderer, "operations"), "operation");
	say(screen, ", %s with an error", format_count(text, get_number(renderer, "errors")));
	say(screen, ", %s under way", format_count(text, get_number(renderer, "pending")));
	end_line(screen);
	if (get_number(renderer, "losses") > 0) {
		begin_line(screen);
		say(screen, "lost ");
		say_count(screen, get_number(renderer, "losses"), "time");
		say(screen, "; the last one: %s", get_text(renderer, "last_loss"));
		end_line(screen);
	}
}

static void print_heads(struct screen *screen, struct json_object *status) {
	begin_section(screen, "Heads");
	struct json_object *head;
	for (size_t i = 0; (head = get_row(status, "heads", i)) != NULL; i++) {
		const bool is_on = get_bool(head, "on");
		const uint64_t shown_width = get_number(head, "shown_width");
		if (!is_on && shown_width == 0 && get_number(head, "frames") == 0) {
			continue; // QEMU's device may have 15 of these
		}
		begin_line(screen);
		say(screen, "%" PRIu64 "  ", get_number(head, "head"));
		if (is_on) {
			say(screen, "%" PRIu64 "x%" PRIu64 " at %" PRIu64 ",%" PRIu64 ", %.6g Hz",
					get_number(head, "width"), get_number(head, "height"),
					get_number(head, "x"), get_number(head, "y"),
					(double)get_number(head, "refresh_mhz") / 1000);
		} else {
			say(screen, "off");
		}
		if (shown_width > 0) {
			say(screen, "; shows %" PRIu64 "x%" PRIu64 "%s", shown_width,
					get_number(head, "shown_height"),
					get_bool(head, "cursor") ? " and a cursor" : "");
		} else {
			say(screen, "; shows nothing");
		}
		say(screen, "; ");
		say_count(screen, get_number(head, "frames"), "frame");
		end_line(screen);
	}
}

/** The numbers of an array. */
static void say_numbers(const struct screen *screen, struct json_object *object, const char *key) {
	for (size_t i = 0; get_row(object, key, i) != NULL; i++) {
		say(screen, "%s%" PRIu64, i > 0 ? "," : "",
				json_object_get_uint64(get_row(object, key, i)));
	}
}

static void print_viewers(struct screen *screen, struct json_object *status) {
	char text[FORMAT_SIZE];
	begin_section(screen, "Viewers");
	if (get(status, "viewers") == NULL || get_row(status, "viewers", 0) == NULL) {
		begin_line(screen);
		say(screen, get(status, "viewers") == NULL ? "none: oriel-gpu was started without "
							     "--display-socket"
							   : "none");
		end_line(screen);
	}
	struct json_object *viewer;
	for (size_t i = 0; (viewer = get_row(status, "viewers", i)) != NULL; i++) {
		begin_line(screen);
		say(screen, "%" PRIu64 "  ", get_number(viewer, "number"));
		say_peer(screen, viewer);
		end_line(screen);
		begin_line(screen);
		say(screen, "   ");
		say_count(screen, get_number(viewer, "frames"), "frame");
		if (get_row(viewer, "heads", 0) != NULL) {
			say(screen, " of head ");
			say_numbers(screen, viewer, "heads");
		}
		say(screen, ", %s merged", format_count(text, get_number(viewer, "merged")));
		say(screen, ", %s mapped", format_bytes(text, get_number(viewer, "mapped_bytes")));
		if (get_number(viewer, "held_bytes") > 0) {
			say(screen, ", %s held",
					format_bytes(text, get_number(viewer, "held_bytes")));
		}
		if (get_row(viewer, "behind", 0) != NULL) {
			say(screen, "; has not taken its last frame");
		}
		end_line(screen);
	}
}

static void print_inputs(struct screen *screen, struct json_object *status) {
	char text[FORMAT_SIZE];
	begin_section(screen, "Input");
	struct json_object *input;
	for (size_t i = 0; (input = get_row(status, "inputs", i)) != NULL; i++) {
		begin_line(screen);
		say(screen, "%s", get_text(input, "kind"));
		if (strcmp(get_text(input, "kind"), "tablet") == 0) {
			say(screen, " of head %" PRIu64, get_number(input, "head"));
		}
		if (!get_bool(input, "connected")) {
			print_text(screen, YELLOW, 0, ": no VMM is connected");
		} else if (!get_bool(input, "driver")) {
			print_text(screen, YELLOW, 0, ": no driver of the guest's is running");
		} else {
			say(screen, ": ");
			say_count(screen, get_number(input, "reports"), "report");
		}
		if (get_number(input, "dropped") > 0) {
			say(screen, ", %s dropped",
					format_count(text, get_number(input, "dropped")));
		}
		end_line(screen);
	}
}

/** A feature's name without what all of them begin with. */
static const char *get_short_name(struct json_object *feature) {
	static const char *const prefixes[] = { "VIRTIO_GPU_F_", "VIRTIO_F_" };
	const char *name = get_text(feature, "name");
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(prefixes); i++) {
		const size_t size = strlen(prefixes[i]);
		name += strncmp(name, prefixes[i], size) == 0 ? size : 0;
	}
	return name;
}

/** Whether one of the features before the i-th is on, or off, for the same reason. */
static bool is_told(struct json_object *status, size_t i, const char *reason) {
	for (size_t k = 0; k < i; k++) {
		if (strcmp(get_text(get_row(status, "features", k), "text"), reason) == 0) {
			return true;
		}
	}
	return false;
}

/** One line for each reason: why, and which. */
static void print_features(struct screen *screen, struct json_object *status) {
	begin_section(screen, "Features");
	struct json_object *first;
	for (size_t i = 0; (first = get_row(status, "features", i)) != NULL; i++) {
		const char *reason = get_text(first, "text");
		if (is_told(status, i, reason)) {
			continue;
		}
		const bool is_on = get_bool(first, "on");
		begin_line(screen);
		print_text(screen, is_on ? PLAIN : YELLOW, 5, is_on ? "on" : "off");
		if (!is_on) {
			say(screen, "%s: ", reason);
		}
		struct json_object *feature;
		for (size_t k = i; (feature = get_row(status, "features", k)) != NULL; k++) {
			if (strcmp(get_text(feature, "text"), reason) == 0) {
				say(screen, "%s%s", k > i ? ", " : "", get_short_name(feature));
			}
		}
		end_line(screen);
	}
}

/** A table's line: a name, and cells to the right. Five leave less room, in 80 columns. */
static void print_row(struct screen *screen, enum colour colour, const char *name,
		const char *const *cells, size_t n, size_t n_columns) {
	begin_line(screen);
	print_text(screen, colour, n_columns > 3 ? 20 : 24, name);
	for (size_t i = 0; i < n; i++) {
		print_text(screen, colour, n_columns > 3 ? -10 : -12, cells[i]);
	}
	end_line(screen);
}

static void print_commands(struct screen *screen, struct json_object *status) {
	static const char *const heading[] = { "count", "errors" };
	char counts[2][FORMAT_SIZE];
	begin_section(screen, "Commands");
	if (get_row(status, "commands", 0) == NULL) {
		begin_line(screen);
		say(screen, "none yet");
		end_line(screen);
		return;
	}
	print_row(screen, DIM, "", heading, 2, 2);
	struct json_object *command;
	for (size_t i = 0; (command = get_row(status, "commands", i)) != NULL; i++) {
		const char *const cells[] = {
			format_count(counts[0], get_number(command, "count")),
			format_count(counts[1], get_number(command, "errors")),
		};
		print_row(screen, PLAIN, get_text(command, "name"), cells, 2, 2);
	}
	struct json_object *errors = get(status, "errors");
	if (json_object_is_type(errors, json_type_object)) {
		json_object_object_foreach(errors, key, value) {
			const char *const cells[] = { "",
				format_count(counts[1], json_object_get_uint64(value)) };
			if (json_object_get_uint64(value) > 0) {
				print_row(screen, PLAIN, key, cells, 2, 2);
			}
		}
	}
}

static void print_queues(struct screen *screen, struct json_object *status) {
	static const char *const heading[] = { "ring", "waiting", "most", "requests", "a turn" };
	char texts[5][FORMAT_SIZE];
	begin_section(screen, "Queues");
	print_row(screen, DIM, "", heading, 5, 5);
	struct json_object *queue;
	for (size_t i = 0; (queue = get_row(status, "queues", i)) != NULL; i++) {
		const uint64_t n_turns = get_number(queue, "turns");
		snprintf(texts[4], FORMAT_SIZE, "%.1f",
				n_turns > 0 ? (double)get_number(queue, "requests") /
								(double)n_turns
					    : 0.0);
		const char *const cells[] = {
			format_count(texts[0], get_number(queue, "ring_size")),
			format_count(texts[1], get_number(queue, "depth")),
			format_count(texts[2], get_number(queue, "peak_depth")),
			format_count(texts[3], get_number(queue, "requests")),
			texts[4],
		};
		print_row(screen, get_bool(queue, "broken") ? RED : PLAIN, get_text(queue, "name"),
				cells, 5, 5);
	}
}

static void print_durations(struct screen *screen, const char *name, struct json_object *object) {
	char texts[5][FORMAT_SIZE];
	struct json_object *d = get(object, "latency_ns");
	const char *const cells[] = {
		format_count(texts[0], get_number(d, "count")),
		format_ns(texts[1], get_number(d, "p50")),
		format_ns(texts[2], get_number(d, "p90")),
		format_ns(texts[3], get_number(d, "p99")),
		format_ns(texts[4], get_number(d, "max")),
	};
	print_row(screen, PLAIN, name, cells, get_number(d, "count") > 0 ? 5 : 1, 5);
}

static void print_latency(struct screen *screen, struct json_object *status) {
	static const char *const heading[] = { "count", "median", "90 %", "99 %", "longest" };
	begin_section(screen, "Latency");
	print_row(screen, DIM, "", heading, 5, 5);
	print_durations(screen, "flush to displays", get(status, "frames"));
	print_durations(screen, "fenced requests", get(status, "fences"));
}

/** A limit's amount, as its name says what it is of. */
static const char *format_amount(char ret[FORMAT_SIZE], const char *name, uint64_t amount) {
	const size_t size = strlen(name);
	return size > 6 && strcmp(name + size - 6, "_bytes") == 0 ? format_bytes(ret, amount)
								  : format_count(ret, amount);
}

/** What people call a limit; one that a later version has is called by its own name. */
static const char *get_limit_name(const char *key) {
	static const struct {
		const char *key, *name;
	} rows[] = {
		{ "host_memory_bytes", "2D memory" },
		{ "backing_memory_bytes", "lists of backing pages" },
		{ "contexts", "3D contexts" },
		{ "memory_3d_bytes", "3D memory, estimated" },
		{ "viewer_memory_bytes", "held by viewers alone" },
		{ "backing_entries", "pieces of a backing" },
		{ "dimension_px", "pixels of a side" },
		{ "submit_bytes", "3D command buffer" },
		{ "chain_descriptors", "descriptors of a chain" },
		{ "context_rings", "rings of a context" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].key, key) == 0) {
			return rows[i].name;
		}
	}
	return key;
}

static void print_limits(struct screen *screen, struct json_object *status) {
	static const char *const heading[] = { "now", "most", "limit" };
	begin_section(screen, "In use");
	print_row(screen, DIM, "", heading, 3, 3);
	struct json_object *limits = get(status, "limits");
	if (!json_object_is_type(limits, json_type_object)) {
		return;
	}
	json_object_object_foreach(limits, key, row) {
		char texts[3][FORMAT_SIZE];
		const bool has_now = get(row, "used") != NULL;
		const uint64_t most = get_number(row, has_now ? "peak" : "largest");
		const uint64_t limit = get_number(row, "limit");
		const char *const cells[] = {
			has_now ? format_amount(texts[0], key, get_number(row, "used")) : "",
			format_amount(texts[1], key, most),
			get(row, "limit") == NULL ? "none" : format_amount(texts[2], key, limit),
		};
		const bool is_near = get(row, "limit") != NULL && limit > 0 && has_now &&
				     get_number(row, "used") >= limit - limit / 10;
		print_row(screen, is_near && limit > 16 ? YELLOW : PLAIN, get_limit_name(key),
				cells, 3, 3);
	}
}

/** What happened in a second, since the last screen. */
static void print_rates(struct screen *screen, struct json_object *status,
		struct json_object *before) {
	const uint64_t ms = get_number(status, "uptime_ms") - get_number(before, "uptime_ms");
	char text[FORMAT_SIZE];
	if (before == NULL || ms == 0 || ms > 3600000) {
		return;
	}
	const double seconds = (double)ms / 1000;
	struct json_object *now_frames = get(status, "frames");
	struct json_object *old_frames = get(before, "frames");
	uint64_t n_requests = 0;
	for (size_t i = 0; get_row(status, "queues", i) != NULL; i++) {
		n_requests += get_number(get_row(status, "queues", i), "requests") -
			      get_number(get_row(before, "queues", i), "requests");
	}
	begin_section(screen, "A second");
	begin_line(screen);
	say(screen, "%.1f frames, ",
			(double)(get_number(now_frames, "count") -
					get_number(old_frames, "count")) /
					seconds);
	say(screen, "%s of damage, ",
			format_bytes(text,
					(uint64_t)((double)(get_number(now_frames, "damage_bytes") -
								   get_number(old_frames,
										   "damage_"
										   "bytes")) /
							seconds)));
	say(screen, "%.1f requests", (double)n_requests / seconds);
	end_line(screen);
}

void screen_print(FILE *out, bool is_coloured, struct json_object *status,
		struct json_object *before) {
	struct screen screen = { .out = out, .is_coloured = is_coloured, .title = "" };
	print_device(&screen, status);
	print_vmm(&screen, status);
	print_renderer(&screen, status);
	print_heads(&screen, status);
	print_viewers(&screen, status);
	print_inputs(&screen, status);
	print_rates(&screen, status, before);
	print_features(&screen, status);
	print_limits(&screen, status);
	print_queues(&screen, status);
	print_commands(&screen, status);
	print_latency(&screen, status);
}
