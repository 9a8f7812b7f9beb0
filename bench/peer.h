// SPDX-License-Identifier: MIT
/*
 * The other ends of a back-end's displays: QEMU's of the GPU socket, which a thread reads as fast
 * as it can, and a viewer of Oriel's display socket.
 */
#ifndef ORIEL_BENCH_PEER_H
#define ORIEL_BENCH_PEER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct peer {
	int socket;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t n_bytes;    // of pixels, that came
	uint64_t n_messages; // UPDATE, CURSOR_POS and CURSOR_UPDATE
};

/** Read socket, answer what is asked, and count what comes, until it is closed. */
void peer_start(struct peer *peer, int socket);
/** Wait until so many bytes of pixels have come in all. */
void peer_wait_bytes(struct peer *peer, uint64_t n_bytes);
uint64_t peer_get_bytes(struct peer *peer);
void peer_join(struct peer *peer);

/** Connect to a display socket, and subscribe to the frames of scanout 0. */
int viewer_connect(const char *path);
/** Wait for the next FRAME, and say TAKEN. */
void viewer_take_frame(int socket);

#endif
