// SPDX-License-Identifier: MIT
/*
 * A vhost-user session: its objects, for the files of this folder.
 *
 * Theory of operation. Messages are read one at a time, header first and then exactly the payload,
 * so that descriptors are known to belong to it (session.c). A table says what each message must
 * look like and which handler runs it (message.c). Handlers of ring messages do not start or stop
 * anything: they note what the front-end wants of a ring. Then the rings are *settled* (ring.c):
 * those that run and should not are stopped, those that should run and do not are started.
 *
 * A device stops a ring in its own time, so settling may have to wait. Replies must leave in the
 * order of their requests; therefore the message that caused it waits too, unanswered, and nothing
 * more is read, while the loop goes on. When the device reports the stop, a deferred call goes on
 * from there: never from inside the device.
 *
 * The same goes for messages that take memory away, or reset: they wait until the device says that
 * it is out of use everywhere.
 *
 * What the device keeps between a stop and the next start is the guest's as long as the guest is
 * the same one. The front-end does not always say when it is not; ring.c has the rule.
 *
 * Anything that cannot be answered ends the session, once, with a line in the log. Thread: the
 * loop's.
 */
#ifndef ORIEL_VHOST_SESSION_H
#define ORIEL_VHOST_SESSION_H

#include "base/fd_stream.h"
#include "host/log.h"
#include "oriel/vhost_user.h"
#include "protocol/vhost_user.h"
#include "transport/vhost_user/channel.h"
#include "transport/vhost_user/memory.h"

/** As many as struct oriel_virtio can have. */
#define ORIEL_VHOST_MAX_QUEUES 8u

/** The longest payload that is read, in order to be refused: no message that is served has more
 * than 300 bytes. */
#define ORIEL_VHOST_MAX_PAYLOAD 4096u

/** Room for the longest reply, a GET_CONFIG's. */
#define ORIEL_VHOST_OUTPUT_SIZE 512u

enum oriel_vhost_ring_run { ORIEL_VHOST_STOPPED, ORIEL_VHOST_RUNNING, ORIEL_VHOST_STOPPING };

enum oriel_vhost_ring_enable {
	ORIEL_VHOST_ENABLE_UNSET, // then it is enabled, unless protocol features were accepted
	ORIEL_VHOST_ENABLE_NO,
	ORIEL_VHOST_ENABLE_YES,
};

/** Where a ring lies and how it is used: if that changes, another driver has set it up. */
struct oriel_vhost_ring_place {
	uint32_t size;
	uint64_t desc_gpa, driver_gpa, device_gpa;
	uint64_t features;
};

struct oriel_vhost_ring {
	// What the front-end set.
	uint32_t size; // 0: not set
	uint32_t base;
	bool has_addresses;
	struct oriel_vhost_ring_addresses addresses;
	enum oriel_vhost_ring_enable enable;
	bool has_kick;
	int kick_fd; // -1: none; with has_kick: the ring is polled
	int call_fd; // -1: none
	int err_fd;  // -1: none

	// What came of it.
	enum oriel_vhost_ring_run run;
	bool has_new_kick; // since the ring was started
	bool has_failed;   // to start; not tried again until something changes

	// For the next start: is it the same driver's?
	bool has_run;        // since the last reset; then last is how
	bool was_handed_out; // GET_VRING_BASE returned handed_out since it ran last
	uint32_t handed_out;
	struct oriel_vhost_ring_place last;
};

struct oriel_vhost_message_kind;

/** The message that is being served. kind is NULL: none is. */
struct oriel_vhost_current {
	const struct oriel_vhost_message_kind *kind;
	uint32_t request;
	bool needs_reply;       // asked for one, if it has none of its own
	int err;                // what came of it
	const char *reason;     // why, if strerror() would not tell; or NULL
	uint32_t i_ring;        // that it is about; ORIEL_VHOST_MAX_QUEUES: none
	bool gives_memory_back; // it is answered when the device has let go of that

	struct oriel_vhost_config config; // GET_CONFIG: what to read; without bytes
};

struct oriel_vhost_user {
	struct oriel_loop *loop;
	struct oriel_virtio *device;
	struct oriel_vhost_user_options options;
	struct oriel_log log;
	bool has_ended;

	// The socket.
	int fd;
	struct oriel_source *source;
	struct oriel_source *proceed; // deferred: the device has stopped a ring, or settled
	struct oriel_fd_input in;
	struct oriel_fd_output out;
	uint8_t in_bytes[ORIEL_VHOST_HEADER_SIZE + ORIEL_VHOST_MAX_PAYLOAD];
	uint8_t out_bytes[ORIEL_VHOST_OUTPUT_SIZE];
	struct oriel_vhost_current current;

	// What was negotiated.
	bool has_features; // SET_FEATURES came
	bool has_protocol_features;
	uint64_t features; // without the transport's own bits
	uint64_t protocol_features;
	uint8_t status;
	bool needs_reset;

	struct oriel_vhost_memory memory;
	struct oriel_vhost_channel channel;

	struct oriel_vhost_ring rings[ORIEL_VHOST_MAX_QUEUES];
	struct oriel_source *poll_timer; // for rings without a kick descriptor
	bool is_new_driver;              // reset the device as soon as no ring runs
};

/*
 * message.c
 */

/**
 * Serve the message of this header, whose payload and descriptors wait in the input.
 *
 * Returns 0, also if the message waits for a ring to stop, or -EPROTO (it was logged).
 */
ORIEL_MUST_CHECK
int oriel_vhost_message_serve(struct oriel_vhost_user *session,
		const struct oriel_vhost_header *header);

/** Go on with the current message, if there is one, when a ring has stopped. 0 or -EPROTO. */
ORIEL_MUST_CHECK
int oriel_vhost_message_proceed(struct oriel_vhost_user *session);

/** The name of a request, for logs. */
const char *oriel_vhost_request_get_name(uint32_t request);

/*
 * ring_message.c: handlers of the messages about rings. They return 0, -EBADMSG if the payload is
 * malformed or there is no such ring, or another error after which the ring stays as it was, or
 * stopped.
 */

int oriel_vhost_run_set_vring_num(struct oriel_vhost_user *session, struct oriel_reader *r);
int oriel_vhost_run_set_vring_base(struct oriel_vhost_user *session, struct oriel_reader *r);
int oriel_vhost_run_set_vring_addr(struct oriel_vhost_user *session, struct oriel_reader *r);
int oriel_vhost_run_set_vring_kick(struct oriel_vhost_user *session, struct oriel_reader *r);
int oriel_vhost_run_set_vring_call(struct oriel_vhost_user *session, struct oriel_reader *r);
int oriel_vhost_run_set_vring_err(struct oriel_vhost_user *session, struct oriel_reader *r);
int oriel_vhost_run_set_vring_enable(struct oriel_vhost_user *session, struct oriel_reader *r);
int oriel_vhost_run_get_vring_base(struct oriel_vhost_user *session, struct oriel_reader *r);

/** Write the reply to GET_VRING_BASE, once the ring of the current message has stopped. */
void oriel_vhost_finish_get_vring_base(struct oriel_vhost_user *session, struct oriel_writer *w);

/*
 * ring.c
 */

void oriel_vhost_rings_init(struct oriel_vhost_user *session);
void oriel_vhost_rings_finish(struct oriel_vhost_user *session);

/**
 * Make the device run those rings that the front-end wants to run. A ring that cannot be started is
 * logged; if the current message is about it, that fails.
 *
 * Returns whether it is done; otherwise call it again when a ring has stopped.
 */
ORIEL_MUST_CHECK
bool oriel_vhost_rings_settle(struct oriel_vhost_user *session);

/** Reset the device, and forget what the front-end wanted of its rings, but for CALL and ERR. */
void oriel_vhost_rings_reset(struct oriel_vhost_user *session);

/** The memory table changed: what could not be started may be possible now. */
void oriel_vhost_rings_handle_memory_change(struct oriel_vhost_user *session);

/** The device has stopped a ring. */
void oriel_vhost_rings_handle_stopped(struct oriel_vhost_user *session, unsigned int queue,
		uint32_t base);

/** The timer of rings that are polled. */
void oriel_vhost_rings_poll(void *user);

#endif
