// SPDX-License-Identifier: MIT
/*
 * The GPU's virtio configuration space, read behind the driver's back: every read is one that the
 * device has to answer at once, whatever else it is doing.
 */
#ifndef ORIEL_TESTS_CONFIG_SPACE_H
#define ORIEL_TESTS_CONFIG_SPACE_H

#include <stdint.h>

/** Where the fields lie; volatile, as each access reaches the device. */
struct config_space {
	volatile uint32_t *words; // events_read, events_clear, num_scanouts, num_capsets
};

/** Find the GPU on the PCI bus and map its configuration. Returns 0 or a negative errno. */
int config_space_map(struct config_space *ret);

#endif
