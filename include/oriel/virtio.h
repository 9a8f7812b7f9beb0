// SPDX-License-Identifier: MIT
/*
 * The device contract: what a transport needs of any virtio device.
 *
 * A device (the GPU, an input device) implements it; a transport (vhost-user, or a VMM that has its
 * own virtio-pci) calls it. The transport owns feature negotiation order, ring addresses and
 * interrupts; the device owns its rings' contents and its configuration space.
 *
 * How to embed a device, as a VMM with a transport of its own:
 *
 *   once                     oriel_virtio_set_listener(); fill oriel_virtio_get_memory(), and call
 *                            oriel_virtio_handle_memory_change() after every change of it
 *   the driver negotiates    oriel_virtio_get_features(), oriel_virtio_set_features()
 *   it reads and writes      oriel_virtio_read_config(), oriel_virtio_write_config()
 *   it sets DRIVER_OK        oriel_virtio_start_queue(), for each queue that it enabled
 *   it notifies              nothing with a kick_fd, else oriel_virtio_kick()
 *   the guest is paused      oriel_virtio_stop_queue(), then start it again from the base
 *   status becomes 0         oriel_virtio_reset()
 *
 * Stopping and starting queues keeps all device state; a reset drops it. Nothing happens between
 * these calls unless the loop is dispatched (oriel/loop.h). docs/embedding.md has the whole story,
 * examples/embed.c the code.
 *
 * Thread: the device thread, for every function here.
 */
#ifndef ORIEL_VIRTIO_H
#define ORIEL_VIRTIO_H

#include <oriel/export.h>
#include <oriel/memory.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_virtio;

/** Feature bits that do not belong to a device type (virtio 1.3, 6). */
#define ORIEL_VIRTIO_F_INDIRECT_DESC 28
#define ORIEL_VIRTIO_F_EVENT_IDX 29
#define ORIEL_VIRTIO_F_VERSION_1 32
#define ORIEL_VIRTIO_F_RING_PACKED 34

/**
 * The base of a packed ring that nobody has used, as vhost-user has it: slot 0 and wrap counter 1
 * (bit 15) of the next available descriptor, and the same of the next used one, 16 bits above.
 */
#define ORIEL_VIRTIO_FRESH_PACKED 0x80008000u

/** How to start a queue. Addresses are guest physical. */
struct oriel_virtio_queue {
	/**
	 * Entries; at most oriel_virtio_get_max_queue_size(). A power of two unless RING_PACKED was
	 * negotiated.
	 */
	uint16_t size;
	/** Descriptor table or ring; available ring or driver area; used ring or device area. */
	uint64_t desc_gpa, driver_gpa, device_gpa;
	/**
	 * Where to go on: what the stop before returned. On a fresh queue 0, or, if RING_PACKED was
	 * negotiated, ORIEL_VIRTIO_FRESH_PACKED.
	 */
	uint32_t base;
	/** eventfd that the guest's kicks signal, or -1: oriel_virtio_kick() is called instead. */
	int kick_fd;
	/** eventfd to signal for used buffers, or -1: the listener's interrupt is called instead.
	 */
	int call_fd;
};

/** What a device tells its transport. Any function may be NULL: not told. */
struct oriel_virtio_listener {
	/** The configuration space changed: send a configuration change notification. */
	void (*handle_config_change)(void *user);

	/** A queue is broken: set DEVICE_NEEDS_RESET. reason is a line without newline. */
	void (*handle_needs_reset)(void *user, unsigned int queue, const char *reason);

	/** A stop that was asked for is complete; base is where the queue would go on. */
	void (*handle_queue_stopped)(void *user, unsigned int queue, uint32_t base);

	/** What was given back is not used any more: see oriel_virtio_is_settled(). */
	void (*handle_settled)(void *user);

	/** The guest wants an interrupt for a queue that has no call_fd. */
	void (*interrupt)(void *user, unsigned int queue);

	void *user;
};

/**
 * Functions that a device implements. All required but is_settled; each does what the function of
 * the same name below says, whose arguments have been checked. Only implementers of devices need
 * this.
 */
struct oriel_virtio_impl {
	uint64_t (*get_features)(struct oriel_virtio *virtio);
	void (*set_features)(struct oriel_virtio *virtio, uint64_t features);
	void (*read_config)(struct oriel_virtio *virtio, uint32_t offset, void *buf, size_t size);
	void (*write_config)(struct oriel_virtio *virtio, uint32_t offset, const void *buf,
			size_t size);
	void (*handle_memory_change)(struct oriel_virtio *virtio);
	int (*start_queue)(struct oriel_virtio *virtio, unsigned int queue,
			const struct oriel_virtio_queue *config);
	void (*stop_queue)(struct oriel_virtio *virtio, unsigned int queue);
	int (*set_call_fd)(struct oriel_virtio *virtio, unsigned int queue, int call_fd);
	void (*kick)(struct oriel_virtio *virtio, unsigned int queue);
	void (*reset)(struct oriel_virtio *virtio);
	bool (*is_settled)(const struct oriel_virtio *virtio); // NULL: always
};

/** The base of every device: embed it and fill it with oriel_virtio_init(). */
struct oriel_virtio {
	const struct oriel_virtio_impl *impl;
	/** The type of the device (virtio 1.3, 5): 16 is a GPU. */
	uint32_t device_id;
	unsigned int n_queues;
	/** Of each queue; at most 8 queues. */
	uint16_t max_queue_size[8];
	struct oriel_memory *memory;
	struct oriel_virtio_listener listener;
	/** What set_features() was last given; 0 after a reset. */
	uint64_t features;
};

/**
 * For implementers: begin the base of a device.
 *
 * The memory table is the device's own: it creates and destroys it, the transport fills it.
 */
ORIEL_API
void oriel_virtio_init(struct oriel_virtio *virtio, const struct oriel_virtio_impl *impl,
		uint32_t device_id, unsigned int n_queues, struct oriel_memory *memory);

/** Set who is told; NULL: nobody. The struct is copied. */
ORIEL_API
void oriel_virtio_set_listener(struct oriel_virtio *virtio,
		const struct oriel_virtio_listener *listener);

/** The memory table of the device, to be filled by the transport. Owned by the device. */
ORIEL_API
struct oriel_memory *oriel_virtio_get_memory(struct oriel_virtio *virtio);

/** The type of the device (virtio 1.3, 5): 16 is a GPU. */
ORIEL_API
uint32_t oriel_virtio_get_device_id(const struct oriel_virtio *virtio);

/** How many queues it has: a GPU has 2, control and cursor. */
ORIEL_API
unsigned int oriel_virtio_count_queues(const struct oriel_virtio *virtio);

/** The largest ring that the queue takes. 0 if there is no such queue. */
ORIEL_API
uint16_t oriel_virtio_get_max_queue_size(const struct oriel_virtio *virtio, unsigned int queue);

/**
 * The features that the device offers, as a mask. The same for its whole life. A transport adds
 * what it can do itself, and offers no ring feature that is not in here.
 */
ORIEL_API
uint64_t oriel_virtio_get_features(struct oriel_virtio *virtio);

/**
 * Tell the device what the guest accepted.
 *
 * Never fails: unknown bits, and bits whose prerequisite is missing, are ignored. INDIRECT_DESC,
 * EVENT_IDX and VERSION_1 are honoured whether offered or not.
 */
ORIEL_API
void oriel_virtio_set_features(struct oriel_virtio *virtio, uint64_t features);

/** Read size bytes of the configuration space at offset. What lies beyond its end reads as 0. */
ORIEL_API
void oriel_virtio_read_config(struct oriel_virtio *virtio, uint32_t offset, void *buf, size_t size);

/** Write to the configuration space. What cannot be written is ignored. */
ORIEL_API
void oriel_virtio_write_config(struct oriel_virtio *virtio, uint32_t offset, const void *buf,
		size_t size);

/** Tell the device that the memory table was changed. After this, removed regions are not used for
 * anything new; what is in flight ends as soon as it can. */
ORIEL_API
void oriel_virtio_handle_memory_change(struct oriel_virtio *virtio);

/**
 * Start a queue. It is looked at once, whether it was kicked or not.
 *
 * Owns: nothing; the descriptors are duplicated.
 *
 * Returns 0, -EINVAL (no such queue, bad size or alignment), -EBUSY (started already), -EFAULT (not
 * in guest memory), -EOPNOTSUPP, -ENOMEM, or -errno from duplicating a descriptor.
 */
ORIEL_API_CHECKED
int oriel_virtio_start_queue(struct oriel_virtio *virtio, unsigned int queue,
		const struct oriel_virtio_queue *config);

/**
 * Stop a queue: nothing more is taken from it, and when what was taken is complete, the listener's
 * handle_queue_stopped() tells the base. That may be before this call returns. Nothing happens if
 * the queue is not started.
 */
ORIEL_API
void oriel_virtio_stop_queue(struct oriel_virtio *virtio, unsigned int queue);

/** Change the call_fd of a started queue (duplicated; -1: none). 0, -EINVAL, or -errno. */
ORIEL_API_CHECKED
int oriel_virtio_set_call_fd(struct oriel_virtio *virtio, unsigned int queue, int call_fd);

/** The guest kicked a queue that has no kick_fd (or any other). */
ORIEL_API
void oriel_virtio_kick(struct oriel_virtio *virtio, unsigned int queue);

/**
 * Whether guest memory that was taken away, by a change of the table or a reset, is out of use. If
 * not, another process still has it, for a little while, and handle_settled() is called when it has
 * not; a transport should answer the VMM no sooner.
 */
ORIEL_API
bool oriel_virtio_is_settled(const struct oriel_virtio *virtio);

/** For implementers: tell the transport that the device has settled. */
ORIEL_API
void oriel_virtio_tell_settled(struct oriel_virtio *virtio);

/**
 * Reset: all guest state goes, queues stop at once, requests in flight are dropped unanswered, and
 * nothing of the guest's memory is touched any more, once the device has settled. A stop that was
 * asked for is not reported.
 */
ORIEL_API
void oriel_virtio_reset(struct oriel_virtio *virtio);

#ifdef __cplusplus
}
#endif

#endif
