// SPDX-License-Identifier: MIT
/* See virtio_input.h. */
#include "protocol/virtio_input.h"

void oriel_encode_input_event(struct oriel_writer *w, const struct oriel_input_event *event) {
	oriel_write_u16(w, event->type);
	oriel_write_u16(w, event->code);
	oriel_write_u32(w, event->value);
}

bool oriel_input_has_code(const struct oriel_input_identity *identity, uint8_t type,
		uint32_t code) {
	for (size_t i = 0; i < identity->n_codes; i++) {
		const struct oriel_input_codes *codes = &identity->codes[i];
		if (codes->type == type && code >= codes->first && code <= codes->last) {
			return true;
		}
	}
	return false;
}

static size_t put_text(uint8_t *value, const char *text) {
	const size_t size = strnlen(text, ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE);
	memcpy(value, text, size);
	return size;
}

/** Bit i of byte i / 8 for each code. Returns the bytes up to the last bit: 0 if there is none. */
static size_t put_bits(uint8_t *value, const struct oriel_input_identity *identity, uint8_t type) {
	size_t size = 0;
	for (uint32_t code = 0; code < 8 * ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE; code++) {
		if (oriel_input_has_code(identity, type, code)) {
			value[code / 8] = (uint8_t)(value[code / 8] | 1u << (code % 8));
			size = code / 8 + 1;
		}
	}
	return size;
}

static size_t put_ids(uint8_t *value, const struct oriel_input_identity *identity) {
	struct oriel_writer w = oriel_writer_of(value, ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE);
	oriel_write_u16(&w, identity->bus);
	oriel_write_u16(&w, identity->vendor);
	oriel_write_u16(&w, identity->product);
	oriel_write_u16(&w, identity->version);
	return (size_t)(w.cur - value);
}

/** min, max, fuzz, flat, res. */
static size_t put_axis(uint8_t *value, const struct oriel_input_identity *identity, uint8_t code) {
	for (size_t i = 0; i < identity->n_axes; i++) {
		if (identity->axes[i].code == code) {
			struct oriel_writer w =
					oriel_writer_of(value, ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE);
			oriel_write_u32(&w, identity->axes[i].min);
			oriel_write_u32(&w, identity->axes[i].max);
			oriel_write_zeros(&w, 12);
			return (size_t)(w.cur - value);
		}
	}
	return 0;
}

static size_t put_value(uint8_t *value, const struct oriel_input_identity *identity, uint8_t select,
		uint8_t subsel) {
	switch (select) {
	case VIRTIO_INPUT_CFG_EV_BITS:
		return put_bits(value, identity, subsel);
	case VIRTIO_INPUT_CFG_ABS_INFO:
		return put_axis(value, identity, subsel);
	default:
		break;
	}
	if (subsel != 0) { // the others have none
		return 0;
	}
	switch (select) {
	case VIRTIO_INPUT_CFG_ID_NAME:
		return put_text(value, identity->name);
	case VIRTIO_INPUT_CFG_ID_SERIAL:
		return put_text(value, identity->serial);
	case VIRTIO_INPUT_CFG_ID_DEVIDS:
		return put_ids(value, identity);
	default: // PROP_BITS too: our devices have no properties
		return 0;
	}
}

void oriel_encode_input_config(struct oriel_writer *w, const struct oriel_input_identity *identity,
		uint8_t select, uint8_t subsel) {
	uint8_t value[ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE] = { 0 };
	const size_t size = put_value(value, identity, select, subsel);
	oriel_write_u8(w, select);
	oriel_write_u8(w, subsel);
	oriel_write_u8(w, (uint8_t)size);
	oriel_write_zeros(w, 5);
	oriel_write_bytes(w, value, sizeof(value));
}
