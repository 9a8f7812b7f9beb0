// SPDX-License-Identifier: MIT
/* See peer.h. */
#include "peer.h"

#include "machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER_SIZE (1u << 20)

static bool receive(int socket, void *to, size_t size) {
	return size == 0 || recv(socket, to, size, MSG_WAITALL) == (ssize_t)size;
}

/** Answer GET_PROTOCOL_FEATURES, GET_DISPLAY_INFO and GET_EDID as QEMU does. */
static void answer(int socket, uint32_t request) {
	static uint8_t reply[12 + 1056];
	memset(reply, 0, sizeof(reply));
	uint32_t size = request == 1 ? 8 : request == 3 ? 408 : 1056;
	uint32_t header[3] = { request, 4, size };
	memcpy(reply, header, sizeof(header));
	if (request == 3) {
		uint32_t type = 0x1101, on[6] = { 0, 0, 1280, 800, 1, 0 };
		memcpy(reply + 12, &type, sizeof(type));
		memcpy(reply + 12 + 24, on, sizeof(on));
	}
	if (send(socket, reply, 12 + size, MSG_NOSIGNAL) < 0) {
		die("GPU socket: %s", strerror(errno));
	}
}

static void count(struct peer *peer, uint64_t n_bytes, uint64_t n_messages) {
	pthread_mutex_lock(&peer->lock);
	peer->n_bytes += n_bytes;
	peer->n_messages += n_messages;
	pthread_cond_broadcast(&peer->changed);
	pthread_mutex_unlock(&peer->lock);
}

static void *run(void *user) {
	struct peer *peer = user;
	uint8_t *buffer = malloc(BUFFER_SIZE);
	uint32_t header[3];
	while (receive(peer->socket, header, sizeof(header))) {
		uint32_t left = header[2];
		bool is_update = header[0] == 8;
		if (is_update) {
			if (!receive(peer->socket, buffer, 20)) {
				break;
			}
			left -= 20;
		}
		const uint64_t n_pixels = is_update ? left : 0;
		while (left > 0) {
			ssize_t n = recv(peer->socket, buffer,
					left < BUFFER_SIZE ? left : BUFFER_SIZE, 0);
			if (n <= 0) {
				break;
			}
			left -= (uint32_t)n;
		}
		if (header[0] == 1 || header[0] == 3 || header[0] == 11) {
			answer(peer->socket, header[0]);
		}
		count(peer, n_pixels, header[0] >= 4 && header[0] <= 8 ? 1 : 0);
	}
	free(buffer);
	return NULL;
}

void peer_start(struct peer *peer, int socket) {
	*peer = (struct peer){ .socket = socket };
	pthread_mutex_init(&peer->lock, NULL);
	pthread_cond_init(&peer->changed, NULL);
	if (pthread_create(&peer->thread, NULL, run, peer) != 0) {
		die("no thread");
	}
}

void peer_wait_bytes(struct peer *peer, uint64_t n_bytes) {
	pthread_mutex_lock(&peer->lock);
	while (peer->n_bytes < n_bytes) {
		pthread_cond_wait(&peer->changed, &peer->lock);
	}
	pthread_mutex_unlock(&peer->lock);
}

uint64_t peer_get_bytes(struct peer *peer) {
	pthread_mutex_lock(&peer->lock);
	uint64_t n = peer->n_bytes;
	pthread_mutex_unlock(&peer->lock);
	return n;
}

void peer_join(struct peer *peer) {
	shutdown(peer->socket, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	pthread_cond_destroy(&peer->changed);
	pthread_mutex_destroy(&peer->lock);
}

/** Read one message of the display socket; its type. Descriptors go with the buffer. */
static uint16_t read_message(int socket, uint8_t body[65536]) {
	uint8_t header[8];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = { header, sizeof(header) };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	if (recvmsg(socket, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(header)) {
		die("display socket: closed");
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
		int fd;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		close(fd);
	}
	uint32_t size;
	uint16_t type;
	memcpy(&size, header, sizeof(size));
	memcpy(&type, header + 4, sizeof(type));
	if (size < 8 || size > 65536 || !receive(socket, body, size - 8)) {
		die("display socket: a message of %u bytes", size);
	}
	return type;
}

int viewer_connect(const char *path) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != ENOENT && errno != ECONNREFUSED) {
			die("%s: %s", path, strerror(errno));
		}
		usleep(1000); // it is just starting
	}
	const uint32_t words[] = { 24, 1, 0x4c49524f, 1, 0, 0, /* SUBSCRIBE */ 16, 2, 1, 0 };
	if (send(fd, words, sizeof(words), MSG_NOSIGNAL) < 0) {
		die("%s: %s", path, strerror(errno));
	}
	return fd;
}

void viewer_take_frame(int socket) {
	static uint8_t body[65536];
	while (read_message(socket, body) != 0x106) { // FRAME
	}
	uint32_t taken[6] = { 24, 3, 0, 0, 0, 0 };
	memcpy(&taken[4], body + 8, 8); // its sequence
	if (send(socket, taken, sizeof(taken), MSG_NOSIGNAL) < 0) {
		die("display socket: %s", strerror(errno));
	}
}
