// SPDX-License-Identifier: MIT
/*
 * Where a library object sends its messages.
 *
 * The library never prints: it calls the embedder. Messages that a guest or a peer can cause are
 * rate-limited before they get here. The default, a sink of all zeros, is silence.
 */
#ifndef ORIEL_LOG_H
#define ORIEL_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

enum oriel_log_level {
	/** Something was lost: a device, a renderer, a connection. */
	ORIEL_LOG_ERROR = 0,
	/** A guest or peer did wrong, or we do less than we could. */
	ORIEL_LOG_WARN = 1,
	/** Life-cycle: at most about 20 lines per boot of a guest. */
	ORIEL_LOG_INFO = 2,
	/** Anything. */
	ORIEL_LOG_DEBUG = 3,
};

/**
 * Take one message: a line without its newline, starting with what it is about.
 *
 * Valid: msg, during the call. Must not call back into the object that logs.
 */
typedef void (*oriel_log_fn)(enum oriel_log_level level, const char *msg, void *user);

/** A sink, copied into each object that is given one. */
struct oriel_log_sink {
	/** May be NULL: silence. */
	oriel_log_fn fn;
	void *user;
	/** Messages of higher levels are not even formatted. */
	enum oriel_log_level max_level;
	/**
	 * May be NULL. Else this level counts instead of max_level, and may be changed at any time
	 * on the device thread. It must outlive every object that was given the sink.
	 */
	const enum oriel_log_level *live_level;
};

#ifdef __cplusplus
}
#endif

#endif
