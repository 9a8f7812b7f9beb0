// SPDX-License-Identifier: MIT
/*
 * The device's end of the render link: what its files share. Private to this folder.
 *
 * Theory of operation. Every operation gets a record when it is submitted, and has it until it
 * comes back. Records are in `pending`, in the order of submission, and in one of three stages:
 *
 *   waiting   not yet in the request ring: there is no room, or the socket is full
 *   running   in the ring, or being carried out; answered strictly in order
 *   fences    fences that were sent; answered in any order
 *
 * What the guest's chain holds is copied during submit, into the arena or, if that is full or the
 * payload large, into a file of its own. An operation that cannot be sent at all (no memory) has
 * its error in its record, and comes back with it in its turn.
 *
 *   remote.c    the renderer interface, construction, statistics
 *   send.c      records, payloads, the request ring
 *   answer.c    the reply ring: nothing in it is believed
 *   process.c   starting a process, and its hello
 *   loss.c      what ends a process, what comes after, and the watchdog
 */
#ifndef ORIEL_RENDER_REMOTE_STATE_H
#define ORIEL_RENDER_REMOTE_STATE_H

#include "host/log.h"
#include "oriel/remote.h"
#include "render/remote/arena.h"
#include "render/remote/link.h"
#include "render/render3d.h"

/** A payload larger than this goes in a file of its own, so that the arena is never one payload's.
 */
#define ORIEL_REMOTE_MAX_ARENA_PAYLOAD (4u << 20)
/** With fewer free slots than this the link counts as full. */
#define ORIEL_REMOTE_MIN_ROOM 64u
#define ORIEL_REMOTE_REASON_SIZE 256u

enum remote_state {
	REMOTE_STARTING, // a process runs and has not said hello
	REMOTE_RUNNING,
	REMOTE_DYING,    // it is lost, and its end was not reported yet
	REMOTE_SETTLING, // pending operations come back
	REMOTE_BACKOFF,  // none runs; one will be started when the timer fires
	REMOTE_REFUSED,  // none runs, and none will before a reset: it has become another GPU
};

struct remote_record {
	struct oriel_link link;       // in pending
	struct oriel_link stage_link; // in waiting, running or fences
	struct oriel_render3d_op *op;
	int err;      // not 0: comes back with this, and was not sent
	bool is_sent; // then slots[slot] is this
	uint32_t slot;
	uint64_t since_ns; // fences: when it was sent

	uint32_t payload_size; // bytes; 0: none
	uint64_t payload_offset;
	uint64_t arena_end; // what gives it back; 0: not in the arena
	int payload_fd;     // or in this file, ours; -1: none
	uint32_t n_regions_sent;
};

struct oriel_remote {
	struct oriel_renderer3d base;
	struct oriel_loop *loop;
	struct oriel_log log;
	struct oriel_remote_options options;
	enum remote_state state;
	bool has_process; // started, and its end was not reported

	struct oriel_render_link link;
	struct oriel_source *bell_source;
	struct oriel_source *socket_source;
	struct oriel_source *timer;
	struct oriel_source *deferred;
	bool socket_is_full;

	// Records.
	struct oriel_link pending, waiting, running, fences;
	struct oriel_link orphans; // op->link of operations for which there was no record
	struct oriel_link free_records;
	uint32_t n_free_records;
	struct remote_record *slots[ORIEL_RENDER_LINK_N_REPLIES];
	uint16_t free_slots[ORIEL_RENDER_LINK_N_REPLIES];
	uint32_t n_free_slots;
	uint64_t last_count; // of sequences: the number above the slot's bits
	uint32_t last_file;  // number of the last descriptor message
	uint32_t n_exports;  // under way that ask for a file
	// A file that came and whose reply was not read yet; fd -1: none.
	int exported_fd;
	struct oriel_render_link_exported exported;
	uint32_t last_exported; // number of the last one
	struct oriel_render_arena arena;
	bool was_full;

	// Hello.
	bool has_hello;
	bool has_capsets;                 // of the first process; in base.capsets
	struct oriel_capset_table *hello; // what this process says, while it does
	bool hello_can_export;
	uint32_t n_expected;

	// Guest memory: what the next process must be told.
	struct oriel_mem_map *map;          // held; NULL: none was set
	struct oriel_render3d_op memory_op; // its map is held until it comes back

	// The clock of the watchdog stands still while the guest is paused.
	bool is_paused;
	uint64_t pause_began_ns;
	uint64_t paused_ns;   // in all
	uint64_t progress_ns; // when the first of running became it
	uint64_t armed_ns;    // the watchdog's deadline, on the same clock; 0: not armed
	uint64_t start_deadline_ns;

	// Loss.
	uint32_t n_empty_bells;
	char reason[ORIEL_REMOTE_REASON_SIZE];    // "": the exit status will tell
	char last_loss[ORIEL_REMOTE_REASON_SIZE]; // "": nothing was lost yet
	char running_name[80];                    // of the operation that was running
	bool is_exited;
	int exit_status;
	uint64_t running_since_ns; // 0: this process has not said hello
	uint64_t backoff_ns;
	bool is_refused;

	uint64_t n_starts, n_losses, n_operations, n_errors;
};

/* remote.c */
struct oriel_remote *oriel_remote_of(struct oriel_renderer3d *renderer);
/** Tell whoever waits that there is room, if there was none and is now. */
void oriel_remote_check_room(struct oriel_remote *remote);
/** Run the deferred work: what must not happen within a call from outside. */
void oriel_remote_defer(struct oriel_remote *remote);

/* send.c */
void oriel_remote_send_op(struct oriel_remote *remote, struct oriel_render3d_op *op);
/** Send what waits, as far as there is room. May lose the process. */
void oriel_remote_flush(struct oriel_remote *remote);
/** Call done, after having forgotten the record. */
void oriel_remote_complete(struct oriel_remote *remote, struct remote_record *record, int err);
void oriel_remote_free_records(struct oriel_remote *remote);
/** No slot is in use: before a new process. */
void oriel_remote_reset_slots(struct oriel_remote *remote);

/* answer.c */
/** Read replies, at most as many as the ring holds. Returns 0 or -EPROTO, with a reason. */
ORIEL_MUST_CHECK
int oriel_remote_read_replies(struct oriel_remote *remote, const char **ret_wrong);
void oriel_remote_handle_bell(void *user, int fd, uint32_t events);
/** Go on reading replies, from the deferred call. */
void oriel_remote_go_on(struct oriel_remote *remote);
/** Let operations at the head of the line that were never sent come back. */
void oriel_remote_finish_unsent(struct oriel_remote *remote);

/* process.c */
/** Make a link and start a process. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int oriel_remote_start(struct oriel_remote *remote);
/**
 * Read what the socket has. Returns 0, -EAGAIN if more must come, -ENOTCONN, or -EPROTO with a
 * reason.
 */
ORIEL_MUST_CHECK
int oriel_remote_read_hello(struct oriel_remote *remote, const char **ret_wrong);
void oriel_remote_handle_socket(void *user, int fd, uint32_t events);
/**
 * Take the exported file with this number, which a reply has named: it has been sent before. The
 * descriptor is the caller's.
 *
 * Returns 0, or -EPROTO with a reason.
 */
ORIEL_MUST_CHECK
int oriel_remote_take_exported(struct oriel_remote *remote, uint32_t number,
		struct oriel_render_link_exported *ret, int *ret_fd, const char **ret_wrong);
/** What the socket is to be watched for. */
void oriel_remote_update_socket(struct oriel_remote *remote);
/** Watch the link, from the loop. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int oriel_remote_watch_link(struct oriel_remote *remote);
void oriel_remote_unwatch_link(struct oriel_remote *remote);

/* loss.c */
/** The process did wrong: end it. what says how, "answered twice". */
void oriel_remote_lose(struct oriel_remote *remote, const char *what);
/** The process has closed the link: it is ending, or is made to. */
void oriel_remote_lose_link(struct oriel_remote *remote);
/** End the process, start none, and have everything come back now. */
void oriel_remote_give_up(struct oriel_remote *remote);
/** The process's end was reported: everything comes back. */
void oriel_remote_settle(struct oriel_remote *remote);
void oriel_remote_handle_timer(void *user);
/** Arm the watchdog for what is under way. */
void oriel_remote_update_watchdog(struct oriel_remote *remote);
/** Now, on the watchdog's clock. */
uint64_t oriel_remote_get_clock(const struct oriel_remote *remote);
/** Start the next process, now or later. */
void oriel_remote_plan_start(struct oriel_remote *remote);

#endif
