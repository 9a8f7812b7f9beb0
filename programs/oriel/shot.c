// SPDX-License-Identifier: MIT
/*
 * `oriel shot`: a picture of a scanout, through the display socket.
 *
 * It asks for a snapshot, so the picture is whole and exact whatever the guest does meanwhile, or
 * it says in one line why there is none.
 */
#include "oriel/command.h"

#include "base/error.h"
#include "common/parse.h"
#include "oriel/output.h"
#include "oriel/png_writer.h"

#include <getopt.h>
#include <oriel/client.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_S 5u
#define MAX_TIMEOUT_S 86400u
#define CONNECT_INTERVAL_MS 10

struct options {
	const char *socket;
	uint32_t scanout;
	uint32_t timeout_s;
	bool cursor;
	bool help;
	const char *out;
};

static void print_help(void) {
	fputs("usage: oriel shot --socket=PATH [OPTION]... OUT.png\n"
	      "\n"
	      "Write a picture of a virtual machine's screen. OUT.png may be '-': standard "
	      "output.\n"
	      "\n"
	      "  -s, --socket=PATH      the display socket of the machine's oriel-gpu\n"
	      "      --scanout=N        which screen, from 0; default: 0\n"
	      "      --cursor           draw the mouse pointer too\n"
	      "      --timeout=SECONDS  how long an answer may take; default: 5\n"
	      "  -h, --help             print this\n"
	      "\n"
	      "Exit status: 0 if the picture was written, 1 if there is none, 2 for wrong usage.\n",
			stdout);
}

/** Say what is wrong with the command line; subject, which is put before it, may be NULL. */
static int fail_usage(const char *subject, const char *what) {
	fprintf(stderr, "oriel shot: %s%s%s; 'oriel shot --help' says more\n",
			subject != NULL ? subject : "", subject != NULL ? ": " : "", what);
	return -EINVAL;
}

enum { OPTION_SCANOUT = 256, OPTION_CURSOR, OPTION_TIMEOUT };

/** One option that getopt found; name is what was typed. Returns 0 or -EINVAL, having said why. */
static int handle_option(struct options *options, int option, const char *name) {
	uint64_t number = 0;
	switch (option) {
	case 's':
		options->socket = optarg;
		return 0;
	case OPTION_SCANOUT:
		if (oriel_parse_number(optarg, ORIEL_CLIENT_MAX_SCANOUTS - 1, &number) < 0) {
			return fail_usage(NULL, "--scanout needs a number from 0 to 15");
		}
		options->scanout = (uint32_t)number;
		return 0;
	case OPTION_CURSOR:
		options->cursor = true;
		return 0;
	case OPTION_TIMEOUT:
		if (oriel_parse_number(optarg, MAX_TIMEOUT_S, &number) < 0 || number == 0) {
			return fail_usage(NULL,
					"--timeout needs a number of seconds from 1 to 86400");
		}
		options->timeout_s = (uint32_t)number;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case ':':
		return fail_usage(name, "needs a value");
	default:
		return fail_usage(name, "no such option");
	}
}

static int parse(int argc, char **argv, struct options *ret) {
	static const struct option long_options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "scanout", required_argument, NULL, OPTION_SCANOUT },
		{ "cursor", no_argument, NULL, OPTION_CURSOR },
		{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options options = { .timeout_s = DEFAULT_TIMEOUT_S };
	int option = getopt_long(argc, argv, ":s:h", long_options, NULL);
	while (option != -1) {
		int err = handle_option(&options, option, argv[optind - 1]);
		if (err < 0) {
			return err;
		}
		option = getopt_long(argc, argv, ":s:h", long_options, NULL);
	}
	if (!options.help) {
		if (options.socket == NULL) {
			return fail_usage(NULL, "--socket is needed");
		}
		if (argc - optind != 1) {
			return fail_usage(NULL, "one file to write to is needed");
		}
		options.out = argv[optind];
		if (strcmp(options.out, "-") == 0 && isatty(STDOUT_FILENO)) {
			return fail_usage(NULL, "a picture is not written to a terminal");
		}
	}
	*ret = options;
	return 0;
}

static int64_t get_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Connect, also if the server is busy accepting others. */
static int connect_until(const char *path, int64_t deadline_ms, struct oriel_client **ret) {
	int err = oriel_client_connect(path, ret);
	while (err == -EAGAIN && get_now_ms() < deadline_ms) {
		struct timespec interval = { .tv_nsec = CONNECT_INTERVAL_MS * 1000000 };
		nanosleep(&interval, NULL);
		err = oriel_client_connect(path, ret);
	}
	return err == -EAGAIN ? -ETIMEDOUT : err;
}

/** Wait for the answer. Returns 0, -ENOENT if an event said why not (it was printed), or -errno. */
static int wait_for_snapshot(struct oriel_client *client, int64_t deadline_ms,
		const struct oriel_client_snapshot **ret) {
	while (true) {
		int64_t left_ms = deadline_ms - get_now_ms();
		const struct oriel_client_event *event;
		int err = oriel_client_wait(client, left_ms > 0 ? (int)left_ms : 0, &event);
		if (err < 0) {
			return err == -EAGAIN ? -ETIMEDOUT : err;
		}
		if (event->type == ORIEL_CLIENT_SNAPSHOT) {
			*ret = event->snapshot;
			return 0;
		}
		if (event->type == ORIEL_CLIENT_ERROR) {
			fprintf(stderr, "oriel shot: %s\n", event->text);
			return -ENOENT;
		}
	}
}

static int write_picture(const struct options *options,
		const struct oriel_client_snapshot *snapshot) {
	struct output output;
	int err = output_begin(&output, options->out);
	if (err == 0) {
		err = png_write_snapshot(snapshot, options->cursor, output.file);
		if (err == 0) {
			err = output_end(&output);
		} else {
			output_drop(&output);
		}
	}
	if (err == -EOPNOTSUPP) {
		fputs("oriel shot: built without libpng, so it cannot write pictures\n", stderr);
	} else if (err < 0) {
		fprintf(stderr, "oriel shot: %s: %s\n", options->out, strerror(-err));
	}
	return err;
}

/** Say in one line why there is no picture. */
static void print_failure(const struct options *options, const struct oriel_client *client,
		int err) {
	const char *reason = client != NULL ? oriel_client_get_reason(client) : NULL;
	if (err == -ETIMEDOUT) {
		fprintf(stderr, "oriel shot: %s: no answer within %u s\n", options->socket,
				options->timeout_s);
	} else if (client == NULL) {
		fprintf(stderr, "oriel shot: %s: cannot connect: %s\n", options->socket,
				err == -EINVAL ? "not the path of a socket" : strerror(-err));
	} else if (err == -ENOTCONN) {
		fprintf(stderr, "oriel shot: %s: closed by the other side\n", options->socket);
	} else if (reason != NULL) {
		fprintf(stderr, "oriel shot: %s: the other side sent %s\n", options->socket,
				reason);
	} else {
		fprintf(stderr, "oriel shot: %s: %s\n", options->socket, strerror(-err));
	}
}

static int take_shot(const struct options *options) {
	int64_t deadline_ms = get_now_ms() + (int64_t)options->timeout_s * 1000;
	struct oriel_client *client = NULL;
	int err = connect_until(options->socket, deadline_ms, &client);
	if (err < 0) {
		print_failure(options, NULL, err);
		return STATUS_FAILED;
	}
	const struct oriel_client_snapshot *snapshot = NULL;
	uint32_t token;
	err = oriel_client_request_snapshot(client, options->scanout, &token);
	if (err == 0) {
		err = wait_for_snapshot(client, deadline_ms, &snapshot);
	}
	int status = STATUS_FAILED;
	if (err == 0) {
		err = write_picture(options, snapshot);
		status = err == 0 ? STATUS_OK : STATUS_FAILED;
	} else if (err != -ENOENT) {
		print_failure(options, client, err);
	}
	oriel_client_destroy(client);
	return status;
}

int run_shot(int argc, char **argv) {
	struct options options;
	if (parse(argc, argv, &options) < 0) {
		return STATUS_USAGE;
	}
	if (options.help) {
		print_help();
		return STATUS_OK;
	}
	return take_shot(&options);
}
