// SPDX-License-Identifier: MIT
/*
 * virtio-input on the wire (virtio 1.3, 5.8): events and the configuration space.
 *
 * Pure: structs in, bytes out. VIRTIO_INPUT_* are spelled as the standard spells them; event types
 * and codes are Linux's (linux/input-event-codes.h), as the standard says.
 */
#ifndef ORIEL_VIRTIO_INPUT_H
#define ORIEL_VIRTIO_INPUT_H

#include "base/bytes.h"
#include "base/compiler.h"

// 5.8.1, 5.8.2: the device and its queues.
#define VIRTIO_ID_INPUT 18u
#define VIRTIO_INPUT_QUEUE_EVENT 0u
#define VIRTIO_INPUT_QUEUE_STATUS 1u

// 5.8.4: configuration space.
#define ORIEL_INPUT_CONFIG_SIZE 136u
#define ORIEL_INPUT_CONFIG_SELECT_OFFSET 0u
#define ORIEL_INPUT_CONFIG_SUBSEL_OFFSET 1u
#define ORIEL_INPUT_CONFIG_SIZE_OFFSET 2u
#define ORIEL_INPUT_CONFIG_VALUE_OFFSET 8u
#define ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE 128u

#define VIRTIO_INPUT_CFG_UNSET 0x00u
#define VIRTIO_INPUT_CFG_ID_NAME 0x01u
#define VIRTIO_INPUT_CFG_ID_SERIAL 0x02u
#define VIRTIO_INPUT_CFG_ID_DEVIDS 0x03u
#define VIRTIO_INPUT_CFG_PROP_BITS 0x10u
#define VIRTIO_INPUT_CFG_EV_BITS 0x11u
#define VIRTIO_INPUT_CFG_ABS_INFO 0x12u

// 5.8.6: an event.
#define ORIEL_INPUT_EVENT_SIZE 8u

struct oriel_input_event {
	uint16_t type;
	uint16_t code;
	uint32_t value; // two's complement, where it is signed
};

/** Codes of one event type that a device has: a row of ranges. */
struct oriel_input_codes {
	uint8_t type; // EV_*
	uint16_t first, last;
};

/** Of an axis. */
struct oriel_input_axis {
	uint16_t code; // ABS_*
	uint32_t min, max;
};

/** What a device says of itself. */
struct oriel_input_identity {
	const char *name;   // at most 128 bytes count
	const char *serial; // the same
	uint16_t bus, vendor, product, version;
	const struct oriel_input_codes *codes;
	size_t n_codes;
	const struct oriel_input_axis *axes;
	size_t n_axes;
};

/** Encode an event. Too little room fails the writer. */
void oriel_encode_input_event(struct oriel_writer *w, const struct oriel_input_event *event);

/**
 * Encode the whole configuration space as it is with these selectors. What the device does not have
 * has size 0.
 */
void oriel_encode_input_config(struct oriel_writer *w, const struct oriel_input_identity *identity,
		uint8_t select, uint8_t subsel);

/** Whether a device has a code. */
bool oriel_input_has_code(const struct oriel_input_identity *identity, uint8_t type, uint32_t code);

#endif
