/* log: the chatter, always on stderr. Only verbosity decides what shows; results go to stdout. */
#ifndef STRAKE_BASE_LOG_H
#define STRAKE_BASE_LOG_H

enum log_level {
	LOG_QUIET = 0,	 /* errors only */
	LOG_NORMAL = 1,	 /* and warnings and notices */
	LOG_VERBOSE = 2, /* and what was chosen and why (-v) */
	LOG_DEBUG = 3,	 /* and each step (-vv) */
};

void log_set_level(enum log_level level);
enum log_level log_level(void);

/* The word before each line: "strake" unless set. Must outlive the process. */
void log_set_name(const char *name);

/* "strake: MESSAGE", shown at every level. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "strake: warning: MESSAGE", from LOG_NORMAL. */
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "MESSAGE", from LOG_NORMAL. */
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "strake: MESSAGE", from LOG_VERBOSE. */
void log_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "strake: debug: MESSAGE", from LOG_DEBUG. */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For a display that lives on the terminal (progress.c): hide is called before each line and show
 * after it, never by two threads at once; neither may log. NULL ends it. One at a time. */
void log_set_display(void (*hide)(void *), void (*show)(void *), void *arg);

/* Text from an image, a registry or a client may hold terminal escapes: every log_* call shows
 * control characters as \xNN: C0 and C1, line ends (a line of ours cannot be forged), the
 * bidirectional overrides, and bytes that are no UTF-8. The same for text going to stdout in a
 * table: a malloced copy. */
char *log_printable(const char *text);

#endif
