// SPDX-License-Identifier: MIT
/* See address.h. */
#include "oriel-vnc/address.h"

#include "base/error.h"
#include "base/fd.h"
#include "common/parse.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/** Connections that may wait to be accepted. */
#define BACKLOG 64

/** The part before the port, without brackets. */
static int parse_host(const char *host, union address *address) {
	if (strcmp(host, "localhost") == 0) {
		host = "127.0.0.1";
	}
	size_t len = strlen(host);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		char inner[INET6_ADDRSTRLEN];
		if (len - 2 >= sizeof(inner)) {
			return -EINVAL;
		}
		memcpy(inner, host + 1, len - 2);
		inner[len - 2] = '\0';
		address->v6.sin6_family = AF_INET6;
		return inet_pton(AF_INET6, inner, &address->v6.sin6_addr) == 1 ? 0 : -EINVAL;
	}
	address->v4.sin_family = AF_INET;
	return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

int address_parse(const char *text, union address *ret) {
	union address address = { .room = { 0 } };
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_TEXT_SIZE];
	uint64_t port;
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
			oriel_parse_number(colon + 1, UINT16_MAX, &port) < 0) {
		return -EINVAL;
	}
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	int err = parse_host(host, &address);
	if (err < 0) {
		return err;
	}
	if (address.any.sa_family == AF_INET6) {
		address.v6.sin6_port = htons((uint16_t)port);
	} else {
		address.v4.sin_port = htons((uint16_t)port);
	}
	*ret = address;
	return 0;
}

bool address_is_loopback(const union address *address) {
	if (address->any.sa_family == AF_INET6) {
		return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
	}
	return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
}

bool address_is_wildcard(const union address *address) {
	if (address->any.sa_family == AF_INET6) {
		return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
	}
	return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

void address_format(const union address *address, char text[ADDRESS_TEXT_SIZE]) {
	char host[INET6_ADDRSTRLEN] = "?";
	if (address->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", host, ntohs(address->v6.sin6_port));
	} else if (address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(address->v4.sin_port));
	} else {
		snprintf(text, ADDRESS_TEXT_SIZE, "this machine");
	}
}

uint64_t address_get_machine(const union address *address) {
	uint64_t machine = 0;
	if (address->any.sa_family == AF_INET) {
		machine = address->v4.sin_addr.s_addr;
	} else if (address->any.sa_family == AF_INET6) {
		const uint8_t *bytes = address->v6.sin6_addr.s6_addr;
		const bool is_v4 = IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr);
		memcpy(&machine, is_v4 ? bytes + 12 : bytes, is_v4 ? 4 : sizeof(machine));
	}
	return machine;
}

int address_listen(const union address *address, int *ret_fd, union address *ret_bound) {
	socklen_t size = address->any.sa_family == AF_INET6 ? sizeof(address->v6)
							    : sizeof(address->v4);
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return oriel_errno();
	}
	int one = 1;
	union address bound = { .room = { 0 } };
	socklen_t bound_size = sizeof(bound);
	// What is left of earlier connections must not keep a new program from the port.
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
			bind(fd, &address->any, size) < 0 || listen(fd, BACKLOG) < 0 ||
			getsockname(fd, &bound.any, &bound_size) < 0) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	*ret_fd = fd;
	*ret_bound = bound;
	return 0;
}
