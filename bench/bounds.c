// SPDX-License-Identifier: MIT
/* See bounds.h. */
#include "bounds.h"

#include "machine.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

double bound_copy_ns(const uint8_t *from, uint8_t *to, uint32_t size, unsigned int n) {
	memcpy(to, from, size);
	uint64_t begin = now_ns();
	for (unsigned int i = 0; i < n; i++) {
		memcpy(to, from, size);
		__asm__ volatile("" ::: "memory");
	}
	return (double)(now_ns() - begin) / n;
}

double bound_scattered_copy_ns(const uint8_t *from, uint8_t *to, uint32_t size, unsigned int n) {
	const uint32_t n_pages = (size + 4095) / 4096;
	uint64_t begin = now_ns();
	for (unsigned int i = 0; i < n; i++) {
		for (uint32_t j = 0; j < n_pages; j++) {
			memcpy(to + (uint64_t)j * 4096, from + (uint64_t)j * 797 % n_pages * 4096,
					4096);
		}
		__asm__ volatile("" ::: "memory");
	}
	return (double)(now_ns() - begin) / n;
}

static void wait_and_read(int epoll, int fd) {
	struct epoll_event event;
	uint64_t count;
	while (read(fd, &count, sizeof(count)) < 0) {
		(void)epoll_wait(epoll, &event, 1, -1);
	}
}

static int watch(int fd) {
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	return epoll;
}

static void signal_fd(int fd) {
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));
	(void)n;
}

double bound_eventfd_ns(unsigned int n) {
	int there = eventfd(0, EFD_NONBLOCK), back = eventfd(0, EFD_NONBLOCK);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int epoll = watch(there);
		while (true) {
			wait_and_read(epoll, there);
			signal_fd(back);
		}
	}
	int epoll = watch(back);
	uint64_t begin = 0;
	for (unsigned int i = 0; i < n + n / 10; i++) {
		begin = i == n / 10 ? now_ns() : begin; // after a warm-up
		signal_fd(there);
		wait_and_read(epoll, back);
	}
	double result = (double)(now_ns() - begin) / n;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(there);
	close(back);
	close(epoll);
	return result;
}

double bound_message_ns(uint32_t size, unsigned int n) {
	int there = eventfd(0, EFD_NONBLOCK), pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		die("no socket pair");
	}
	uint8_t message[256] = { 0 };
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int epoll = watch(there);
		while (true) {
			wait_and_read(epoll, there);
			(void)!send(pair[1], message, size, MSG_NOSIGNAL);
		}
	}
	uint64_t begin = 0;
	for (unsigned int i = 0; i < n + n / 10; i++) {
		begin = i == n / 10 ? now_ns() : begin; // after a warm-up
		signal_fd(there);
		if (recv(pair[0], message, size, MSG_WAITALL) != (ssize_t)size) {
			die("no message back");
		}
	}
	double result = (double)(now_ns() - begin) / n;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(there);
	close(pair[0]);
	close(pair[1]);
	return result;
}

static void *drain(void *user) {
	int fd = *(int *)user;
	uint8_t *buffer = malloc(1 << 20);
	while (recv(fd, buffer, 1 << 20, 0) > 0) {
	}
	free(buffer);
	return NULL;
}

double bound_send_ns(const uint8_t *from, uint8_t *whole, uint32_t size, uint32_t band,
		unsigned int n) {
	int pair[2];
	pthread_t thread;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
			pthread_create(&thread, NULL, drain, &pair[1]) != 0) {
		die("no socket pair");
	}
	uint8_t *message = malloc(band);
	uint64_t begin = now_ns();
	for (unsigned int i = 0; i < n; i++) {
		if (whole != NULL) {
			memcpy(whole, from, size);
		}
		for (uint32_t at = 0; at < size; at += band) {
			uint32_t left = size - at < band ? size - at : band;
			const uint8_t *bytes = whole != NULL ? whole + at : message;
			if (whole == NULL) {
				memcpy(message, from + at, left);
			}
			for (uint32_t sent = 0; sent < left;) {
				ssize_t done = send(pair[0], bytes + sent, left - sent,
						MSG_NOSIGNAL);
				sent += done > 0 ? (uint32_t)done : 0;
			}
		}
	}
	double result = (double)(now_ns() - begin) / n;
	shutdown(pair[0], SHUT_RDWR);
	pthread_join(thread, NULL);
	close(pair[0]);
	close(pair[1]);
	free(message);
	return result;
}
