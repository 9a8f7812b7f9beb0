# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the scripts share: steps that run with their output in a file, under a lock,
# and that leave nothing running behind. To be sourced; the caller has set -euo pipefail.

# shellcheck disable=SC2034 # much of it is for those who source this file

# A step's result for "not done, and that is no failure", as meson knows it.
SKIPPED=77

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
step_pid=
ticker_pid=

say() {
	printf '%s\n' "$*"
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# The last line of a file, without control characters and short enough for a terminal.
last_words() {
	tail -n 1 -- "$1" 2>/dev/null | tr -d '\000-\037' | cut -c 1-"$2"
}

# take_lock FILE: one run at a time in a tree. The lock belongs to the open file, so that it goes with
# the last process that has it, however that ends.
take_lock() {
	exec {lock_fd}>"$1"
	if ! flock --nonblock "$lock_fd"; then
		say "Another run works in this tree; waiting for its end."
		flock "$lock_fd"
	fi
}

# On a terminal, show each second that the step NAME goes on, and what it said last.
tick() {
	local name=$1 log=$2 start=$SECONDS
	while sleep 1; do
		printf '\r%-9s %5d s  %-60s' "$name" "$((SECONDS - start))" "$(last_words "$log" 60)"
	done
}

# End what runs. A step has a process group of its own, so that its grandchildren go with it.
end_step() {
	local pid=$step_pid i
	step_pid=
	stop_ticker
	[ -n "$pid" ] || return 0
	kill -TERM -- "-$pid" 2>/dev/null || return 0
	for ((i = 0; i < 100; i++)); do
		kill -0 -- "-$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -KILL -- "-$pid" 2>/dev/null || return 0
}

stop_ticker() {
	[ -n "$ticker_pid" ] || return 0
	kill -TERM -- "-$ticker_pid" 2>/dev/null || true
	wait "$ticker_pid" 2>/dev/null || true
	ticker_pid=
	printf '\r%78s\r' ''
}

on_signal() {
	trap '' INT TERM HUP
	end_step
	printf '\n%s\n' "Stopped." >&2
	exit "$((128 + $1))"
}

catch_signals() {
	trap 'on_signal 1' HUP
	trap 'on_signal 2' INT
	trap 'on_signal 15' TERM
	trap end_step EXIT
}

# run_step NAME LOG COMMAND…: run COMMAND with its output in LOG and no input; its exit status is in
# step_status, its whole seconds are in step_seconds.
run_step() {
	local name=$1 log=$2 start=$SECONDS
	shift 2
	: >"$log"
	set -m # for process groups
	(
		set +m
		trap - INT TERM HUP EXIT
		"$@"
	) </dev/null >"$log" 2>&1 &
	step_pid=$!
	if [ -t 1 ]; then
		tick "$name" "$log" &
		ticker_pid=$!
	else
		printf '%-9s ' "$name"
	fi
	set +m
	step_status=0
	wait "$step_pid" || step_status=$?
	step_pid=
	stop_ticker
	[ ! -t 1 ] || printf '%-9s ' "$name"
	step_seconds=$((SECONDS - start))
}

# install_needs LOG SET…: as run_step, but where a person sits at the terminal, for questions and for
# sudo's password.
install_needs() {
	local log=$1
	shift
	if [ ! -t 0 ]; then
		run_step needs "$log" "$root/scripts/needs" "$@"
		return
	fi
	local start=$SECONDS
	step_status=0
	"$root/scripts/needs" "$@" 2>&1 | tee "$log" || step_status=$?
	step_seconds=$((SECONDS - start))
	printf '%-9s ' needs
}

# Configure FOLDER with meson, again if the ARGUMENTS changed, and build it.
build() {
	local dir=$1 wanted
	shift
	wanted="${CC:-cc} $*"
	if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/configured-as" 2>/dev/null)" != "$wanted" ]; then
		rm -rf "$dir"
		meson setup "$dir" "$root" "$@"
		printf '%s' "$wanted" >"$dir/configured-as"
	fi
	ninja -C "$dir"
}

# What people install, and what guests are tried with. Assertions stay (b_ndebug is false).
build_release() {
	CC=gcc build "$1" --buildtype=release -Dshot=enabled -Dtests=disabled -Dman=disabled \
		-Dguest_tests=enabled
}

# cached SCRIPT ARGUMENTS…: have a script make what it makes of Debian's packages, unless it is there,
# and say where that is.
cached() {
	local script=$1 mirror
	shift
	mirror=$("$root/scripts/needs" --mirror)
	"$root/scripts/$script" ${mirror:+--mirror "$mirror"} "$@"
}

# Make the guest's disk, unless it is there.
make_guest() {
	cached guest-image
}

# Make the bigger guest of the 3D tests, unless it is there.
make_guest_3d() {
	cached guest-image-3d
}
