// SPDX-License-Identifier: MIT
/*
 * The check of Vulkan: which devices there are. Nothing of Vulkan is needed to build this: the few
 * types and numbers are written down here.
 */
#include "oriel/doctor/doctor.h"

#include <inttypes.h>
#include <string.h>

#define LIBRARY "libvulkan.so.1"

/** VkResult's VK_SUCCESS; VK_INCOMPLETE says that there are more devices than there was room. */
#define VK_SUCCESS 0
#define VK_INCOMPLETE 5
/** No driver is installed, or none that finds its hardware. */
#define VK_ERROR_INCOMPATIBLE_DRIVER (-9)
#define VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO 1

/** VkInstanceCreateInfo. All zero but for the type: no application, layers or extensions. */
struct instance_info {
	int32_t type;
	const void *next;
	uint32_t flags;
	const void *application;
	uint32_t n_layers;
	const char *const *layers;
	uint32_t n_extensions;
	const char *const *extensions;
};

/** VkPhysicalDeviceProperties: its beginning, and room for the rest, which is 824 bytes in all. */
struct device_properties {
	uint32_t api_version;
	uint32_t driver_version;
	uint32_t vendor;
	uint32_t device;
	int32_t type;
	char name[256];
	uint64_t rest[512];
};

typedef probe_symbol (*get_proc_fn)(void *instance, const char *name);
typedef int32_t (*enumerate_version_fn)(uint32_t *version);
typedef int32_t (*create_instance_fn)(const struct instance_info *info, const void *allocator,
		void **instance);
typedef int32_t (*enumerate_devices_fn)(void *instance, uint32_t *n, void **devices);
typedef void (*get_properties_fn)(void *device, struct device_properties *properties);

static const char *type_name(int32_t type) {
	static const char *const names[] = { "other", "integrated", "discrete", "virtual",
		"software" };
	return type >= 0 && (size_t)type < ORIEL_ARRAY_LEN(names) ? names[type] : names[0];
}

static int fail(FILE *out, const char *what, int32_t result) {
	fprintf(out, "error=%s fails (%" PRId32 ")\n", what, result);
	return 0;
}

static int try_devices(FILE *out, get_proc_fn get_proc, void *instance) {
	enumerate_devices_fn enumerate =
			(enumerate_devices_fn)get_proc(instance, "vkEnumeratePhysicalDevices");
	get_properties_fn get_properties =
			(get_properties_fn)get_proc(instance, "vkGetPhysicalDeviceProperties");
	if (enumerate == NULL || get_properties == NULL) {
		return fail(out, "vkGetInstanceProcAddr", 0);
	}
	void *devices[DOCTOR_MAX_DEVICES];
	uint32_t n = DOCTOR_MAX_DEVICES;
	fact_write_step(out, "vkEnumeratePhysicalDevices");
	int32_t result = enumerate(instance, &n, devices);
	if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
		return fail(out, "vkEnumeratePhysicalDevices", result);
	}
	for (uint32_t i = 0; i < n && i < DOCTOR_MAX_DEVICES; i++) {
		struct device_properties properties = { 0 };
		fact_write_step(out, "vkGetPhysicalDeviceProperties");
		get_properties(devices[i], &properties);
		fprintf(out, "device=%s %.255s\n", type_name(properties.type), properties.name);
	}
	return 0;
}

static int try_vulkan(FILE *out, const void *arg) {
	(void)arg;
	void *library = probe_open_library(out, LIBRARY);
	get_proc_fn get_proc = library != NULL ? (get_proc_fn)probe_get_symbol(out, library,
								 "vkGetInstanceProcAddr")
					       : NULL;
	if (get_proc == NULL) {
		return 0;
	}
	uint32_t version = 1u << 22; // 1.0 lacks the function to ask with
	fact_write_step(out, "vkEnumerateInstanceVersion");
	enumerate_version_fn enumerate_version =
			(enumerate_version_fn)get_proc(NULL, "vkEnumerateInstanceVersion");
	if (enumerate_version != NULL) {
		(void)enumerate_version(&version);
	}
	fprintf(out, "version=%u.%u.%u\n", version >> 22 & 0x7f, version >> 12 & 0x3ff,
			version & 0xfff);
	create_instance_fn create_instance = (create_instance_fn)get_proc(NULL, "vkCreateInstance");
	if (create_instance == NULL) {
		return fail(out, "vkGetInstanceProcAddr", 0);
	}
	fact_write_step(out, "vkCreateInstance");
	const struct instance_info info = { .type = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO };
	void *instance = NULL;
	int32_t result = create_instance(&info, NULL, &instance);
	if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
		return 0;
	}
	if (result != VK_SUCCESS) {
		return fail(out, "vkCreateInstance", result);
	}
	return try_devices(out, get_proc, instance);
}

void judge_vulkan(struct doctor *doctor, const struct answer *answer) {
	const struct facts *facts = &answer->facts;
	struct report_row *row = report_add(&doctor->report, SECTION_GRAPHICS, "Vulkan",
			"Vulkan in guests (Venus), which this version does not have yet");
	const char *error = facts_get(facts, "no_library");
	const char *version = facts_get(facts, "version");
	if (answer->failure[0] != '\0') {
		report_set(row, REPORT_OFF, "Vulkan %s", answer->failure);
		return;
	}
	if (error != NULL) {
		report_set(row, REPORT_OFF, "%s", error);
		doctor_advise_package(doctor, row, "libvulkan1");
		return;
	}
	char names[200] = "";
	bool has_gpu = false;
	size_t n = 0, i = 0;
	for (const char *device = facts_next(facts, "device", &i); device != NULL;
			device = facts_next(facts, "device", &i)) {
		bool is_software = strncmp(device, "software ", 9) == 0;
		const char *space = strchr(device, ' ');
		size_t len = strlen(names);
		snprintf(names + len, sizeof(names) - len, "%s%.80s%s", n > 0 ? ", " : "",
				space != NULL ? space + 1 : device,
				is_software ? " (software)" : "");
		has_gpu = has_gpu || !is_software;
		n++;
	}
	error = facts_get(facts, "error");
	if (n > 0) {
		report_set(row, has_gpu ? REPORT_ON : REPORT_DEGRADED, "%.20s: %s",
				version != NULL ? version : "some version", names);
		return;
	}
	report_set(row, REPORT_OFF, "%s%.150s",
			error != NULL ? "no device: " : LIBRARY " has no driver",
			error != NULL ? error : "");
	doctor_advise_package(doctor, row, "mesa-vulkan-drivers (or your GPU vendor's)");
}

void check_vulkan(struct doctor *doctor) {
	struct answer answer;
	doctor_ask(doctor, try_vulkan, NULL, &answer);
	judge_vulkan(doctor, &answer);
	answer_finish(&answer);
}
