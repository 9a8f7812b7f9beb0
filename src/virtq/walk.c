// SPDX-License-Identifier: MIT
/*
 * Walking a chain: descriptors become spans.
 *
 * The guest may change descriptors while we walk, so each is fetched once, whole, and judged by
 * that copy. A walk ends: at a descriptor without NEXT, or because the chain has more descriptors
 * than its table or ring, or than ORIEL_VIRTQ_MAX_CHAIN in all.
 *
 * The layouts differ in how one descriptor leads to another. In a split ring and its indirect
 * tables it names the next, and a table may stand at the end of a chain (virtio 1.3, 2.7.4
 * and 2.7.5). In a packed ring a list is a row of slots, which may go on at the ring's beginning; a
 * table is the only descriptor of its list and is read from its first entry to its last, whatever
 * NEXT says in it (2.8.6 and 2.8.7).
 */
#include "virtq/layout.h"

#include "base/bytes.h"

#include <errno.h>

struct walk {
	struct oriel_virtq *vq;
	struct oriel_chain *chain;
	uint32_t n_descs;
};

static struct virtq_desc fetch(const struct walk *walk, const uint8_t *from) {
	uint8_t raw[VIRTQ_DESC_SIZE];
	memcpy(raw, from, sizeof(raw));
	// From here on the compiler must use the copy and cannot go back to guest memory.
	__asm__ volatile("" : "+m"(raw));
	struct oriel_reader reader = oriel_reader_of(raw, sizeof(raw));
	struct virtq_desc desc = { 0 };
	desc.gpa = oriel_read_u64(&reader);
	desc.len = oriel_read_u32(&reader);
	if (walk->vq->config.packed) {
		desc.id = oriel_read_u16(&reader);
		desc.flags = oriel_read_u16(&reader);
	} else {
		desc.flags = oriel_read_u16(&reader);
		desc.next = oriel_read_u16(&reader);
	}
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
		*ret = fetch(walk, table->hva + (size_t)i * VIRTQ_DESC_SIZE);
		return 0;
	}
	uint8_t raw[VIRTQ_DESC_SIZE];
	int err = oriel_mem_map_read(walk->vq->map, table->gpa + (uint64_t)i * VIRTQ_DESC_SIZE, raw,
			sizeof(raw));
	if (err < 0) {
		return virtq_break(walk->vq, "an indirect table outside guest memory");
	}
	*ret = fetch(walk, raw);
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

/** Find the table that an INDIRECT descriptor is about. Its WRITE flag means nothing. */
static int open_table(struct walk *walk, const struct virtq_desc *desc, struct table *ret) {
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
	*ret = (struct table){
		.hva = oriel_mem_map_get(vq->map, desc->gpa, desc->len),
		.gpa = desc->gpa,
		.n_entries = desc->len / VIRTQ_DESC_SIZE,
		.indirect = true,
	};
	return 0;
}

static struct walk begin_walk(struct oriel_virtq *vq, struct oriel_chain *chain) {
	vq->n_spans = 0;
	return (struct walk){ .vq = vq, .chain = chain };
}

static void end_walk(struct walk *walk) {
	walk->chain->n_descs = walk->n_descs;
	// All readable spans come first.
	walk->chain->readable = walk->vq->spans;
	walk->chain->writable = walk->vq->spans + walk->chain->n_readable;
}

int virtq_walk_split(struct oriel_virtq *vq, uint16_t head, struct oriel_chain *ret) {
	struct walk walk = begin_walk(vq, ret);
	struct table direct = { .hva = vq->split.desc, .n_entries = vq->config.size };
	struct virtq_desc indirect = { 0 };
	int err = walk_table(&walk, &direct, head, &indirect);
	if (err == 0 && (indirect.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
		struct table table;
		struct virtq_desc none;
		err = open_table(&walk, &indirect, &table);
		if (err == 0) {
			err = walk_table(&walk, &table, 0, &none);
		}
	}
	if (err == 0) {
		end_walk(&walk);
	}
	return err;
}

/** Every entry of a table of a packed ring, in its order. */
static int walk_whole_table(struct walk *walk, const struct virtq_desc *desc) {
	struct table table;
	int err = open_table(walk, desc, &table);
	for (uint32_t i = 0; err == 0 && i < table.n_entries; i++) {
		struct virtq_desc entry;
		walk->n_descs++; // there are not more than a chain may have
		err = fetch_from(walk, &table, i, &entry);
		if (err == 0) {
			err = add_buffer(walk, &entry);
		}
	}
	return err;
}

/** The slots of a list from next_avail on, at most max_slots. */
static int walk_list(struct walk *walk, uint16_t flags, uint16_t max_slots) {
	struct oriel_virtq *vq = walk->vq;
	struct virtq_position at = vq->packed.next_avail;
	for (uint16_t n = 1; n <= max_slots; n++) {
		struct virtq_desc desc =
				fetch(walk, vq->packed.ring + (size_t)at.slot * VIRTQ_DESC_SIZE);
		if (n == 1) {
			desc.flags = flags; // the rest of it is not older than these
		} else if (!virtq_is_available(desc.flags, at.wrap)) {
			return virtq_break(vq, "a list whose end is not available");
		}
		walk->chain->id = desc.id;
		walk->chain->n_slots = n;
		if ((desc.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
			return n == 1 ? walk_whole_table(walk, &desc)
				      : virtq_break(vq, "an indirect descriptor behind others");
		}
		if (++walk->n_descs > ORIEL_VIRTQ_MAX_CHAIN) {
			return virtq_break(vq, "a chain of too many descriptors");
		}
		int err = add_buffer(walk, &desc);
		if (err < 0 || (desc.flags & VIRTQ_DESC_F_NEXT) == 0) {
			return err;
		}
		at = virtq_advance(at, 1, vq->config.size);
	}
	return virtq_break(vq, "a list longer than the free part of its ring");
}

int virtq_walk_packed(struct oriel_virtq *vq, uint16_t flags, uint16_t max_slots,
		struct oriel_chain *ret) {
	struct walk walk = begin_walk(vq, ret);
	int err = walk_list(&walk, flags, max_slots);
	if (err == 0) {
		end_walk(&walk);
	}
	return err;
}
