// SPDX-License-Identifier: MIT
/*
 * Walking a chain of a split ring: descriptors become spans.
 *
 * The guest may change descriptors while we walk, so each is fetched once, whole, and judged by
 * that copy. A walk ends: at a descriptor without NEXT, or because the chain has more descriptors
 * than its table, or than ORIEL_VIRTQ_MAX_CHAIN in all. virtio 1.3, 2.7.4 and 2.7.5.
 */
#include "virtq/layout.h"

#include "base/bytes.h"

#include <errno.h>

struct walk {
	struct oriel_virtq *vq;
	struct oriel_chain *chain;
	uint32_t n_descs;
};

static struct virtq_desc fetch(const uint8_t *from) {
	uint8_t raw[VIRTQ_DESC_SIZE];
	memcpy(raw, from, sizeof(raw));
	// From here on the compiler must use the copy and cannot go back to guest memory.
	__asm__ volatile("" : "+m"(raw));
	struct oriel_reader reader = oriel_reader_of(raw, sizeof(raw));
	struct virtq_desc desc;
	desc.gpa = oriel_read_u64(&reader);
	desc.len = oriel_read_u32(&reader);
	desc.flags = oriel_read_u16(&reader);
	desc.next = oriel_read_u16(&reader);
	return desc;
}

static int add_buffer(struct walk *walk, const struct virtq_desc *desc) {
	struct oriel_virtq *vq = walk->vq;
	struct oriel_chain *chain = walk->chain;
	bool writable = (desc->flags & VIRTQ_DESC_F_WRITE) != 0;
	if (desc->len == 0) {
		return 0;
	}
	if (!writable && chain->n_writable > 0) {
		return virtq_break(vq, "a readable descriptor behind a writable one");
	}
	int n = oriel_mem_map_resolve(vq->map, desc->gpa, desc->len, vq->spans + vq->n_spans,
			ORIEL_VIRTQ_MAX_SPANS - vq->n_spans);
	if (n < 0) {
		return virtq_break(vq, n == -EFAULT ? "a descriptor outside guest memory"
						    : "a chain of too many pieces");
	}
	vq->n_spans += (size_t)n;
	if (writable) {
		chain->n_writable += (size_t)n;
		chain->n_writable_bytes += desc->len;
	} else {
		chain->n_readable += (size_t)n;
		chain->n_readable_bytes += desc->len;
	}
	return 0;
}

/** Where a table's descriptors are read from: one pointer, or piece by piece. */
struct table {
	const uint8_t *hva; // NULL: it crosses regions
	uint64_t gpa;
	uint32_t n_entries;
	bool indirect;
};

static int fetch_from(struct walk *walk, const struct table *table, uint32_t i,
		struct virtq_desc *ret) {
	if (table->hva != NULL) {
		*ret = fetch(table->hva + (size_t)i * VIRTQ_DESC_SIZE);
		return 0;
	}
	uint8_t raw[VIRTQ_DESC_SIZE];
	int err = oriel_mem_map_read(walk->vq->map, table->gpa + (uint64_t)i * VIRTQ_DESC_SIZE, raw,
			sizeof(raw));
	if (err < 0) {
		return virtq_break(walk->vq, "an indirect table outside guest memory");
	}
	*ret = fetch(raw);
	return 0;
}

/** Walk one table from entry i. *ret_indirect is the descriptor that ends it if it is INDIRECT. */
static int walk_table(struct walk *walk, const struct table *table, uint32_t i,
		struct virtq_desc *ret_indirect) {
	for (uint32_t n = 0; n < table->n_entries; n++) {
		struct virtq_desc desc;
		int err = fetch_from(walk, table, i, &desc);
		if (err < 0) {
			return err;
		}
		if ((desc.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
			if (table->indirect) {
				return virtq_break(walk->vq, "an indirect table in another");
			}
			*ret_indirect = desc;
			return 0;
		}
		if (++walk->n_descs > ORIEL_VIRTQ_MAX_CHAIN) {
			return virtq_break(walk->vq, "a chain of too many descriptors");
		}
		err = add_buffer(walk, &desc);
		if (err < 0 || (desc.flags & VIRTQ_DESC_F_NEXT) == 0) {
			return err;
		}
		if (desc.next >= table->n_entries) {
			return virtq_break(walk->vq, "a next descriptor outside its table");
		}
		i = desc.next;
	}
	return virtq_break(walk->vq, "a chain longer than its table");
}

static int walk_indirect(struct walk *walk, const struct virtq_desc *desc) {
	struct oriel_virtq *vq = walk->vq;
	if (!vq->config.indirect) {
		return virtq_break(vq, "an indirect descriptor without the feature");
	}
	if ((desc->flags & VIRTQ_DESC_F_NEXT) != 0) {
		return virtq_break(vq, "a descriptor behind an indirect one");
	}
	if (desc->len == 0 || desc->len % VIRTQ_DESC_SIZE != 0 ||
			desc->len / VIRTQ_DESC_SIZE > ORIEL_VIRTQ_MAX_CHAIN) {
		return virtq_break(vq, "an indirect table of a bad size");
	}
	if (desc->gpa > UINT64_MAX - desc->len) {
		return virtq_break(vq, "an indirect table outside guest memory");
	}
	struct table table = {
		.hva = oriel_mem_map_get(vq->map, desc->gpa, desc->len),
		.gpa = desc->gpa,
		.n_entries = desc->len / VIRTQ_DESC_SIZE,
		.indirect = true,
	};
	struct virtq_desc none;
	return walk_table(walk, &table, 0, &none);
}

int virtq_walk(struct oriel_virtq *vq, const uint8_t *table, uint32_t n_entries, uint32_t head,
		struct oriel_chain *ret) {
	struct walk walk = { .vq = vq, .chain = ret };
	struct table direct = { .hva = table, .n_entries = n_entries };
	struct virtq_desc indirect = { 0 };
	vq->n_spans = 0;
	int err = walk_table(&walk, &direct, head, &indirect);
	if (err == 0 && (indirect.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
		err = walk_indirect(&walk, &indirect);
	}
	if (err < 0) {
		return err;
	}
	// All readable spans come first.
	ret->readable = vq->spans;
	ret->writable = vq->spans + ret->n_readable;
	return 0;
}
