// SPDX-License-Identifier: MIT
/*
 * The sub-commands of `oriel`.
 *
 * A sub-command parses its own options into a struct, prints one line that begins with
 * "oriel NAME:" for whatever goes wrong, and returns the program's exit status.
 */
#ifndef ORIEL_PROGRAM_COMMAND_H
#define ORIEL_PROGRAM_COMMAND_H

/** Exit statuses of all sub-commands. */
enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1, // what was asked for could not be done
	STATUS_USAGE = 2,  // what was asked for makes no sense
};

/** argv[0] is the sub-command's name. */
int run_doctor(int argc, char **argv);
int run_key(int argc, char **argv);
int run_pointer(int argc, char **argv);
int run_run(int argc, char **argv);
int run_shot(int argc, char **argv);
int run_size(int argc, char **argv);
int run_status(int argc, char **argv);
int run_type(int argc, char **argv);
int run_vnc(int argc, char **argv);

#endif
