// SPDX-License-Identifier: MIT
/*
 * Where to listen: "ADDRESS:PORT", with a numeric address ("127.0.0.1", "[::1]") or "localhost".
 */
#ifndef ORIEL_VNC_ADDRESS_H
#define ORIEL_VNC_ADDRESS_H

#include "base/compiler.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/** Room for any address with its port, and the 0 behind it. */
#define ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + 16)

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage room;
};

/** Who connects. */
struct peer {
	char text[ADDRESS_TEXT_SIZE]; // for messages
	uint64_t machine;
};

/** Read an address. Returns 0 or -EINVAL. */
ORIEL_MUST_CHECK
int address_parse(const char *text, union address *ret);

/** Whether only this machine can reach it. */
bool address_is_loopback(const union address *address);

/** Whether it stands for all addresses of this machine. */
bool address_is_wildcard(const union address *address);

/** Write it as address_parse() reads it. */
void address_format(const union address *address, char text[ADDRESS_TEXT_SIZE]);

/**
 * A number of the machine that it is an address of; 0: of this one. What begins with the same 64
 * bits is one machine in IPv6, which has as many addresses as it likes.
 */
uint64_t address_get_machine(const union address *address);

/** Listen there. *ret_bound has the port that was taken. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int address_listen(const union address *address, int *ret_fd, union address *ret_bound);

#endif
