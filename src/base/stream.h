/* stream: a file that one thread writes while another reads behind it.
 *
 * The writer (a download) appends to a descriptor and moves the watermark; the reader (layer
 * ingest) preads what lies below the watermark and sleeps at it. The writer may restart from zero
 * (a server that does not resume): the reader is told by -ESTALE and begins again. Data never
 * passes through memory shared by both; the descriptor is the only channel.
 */
#ifndef STRAKE_BASE_STREAM_H
#define STRAKE_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream;

/* fd: open for reading and writing, borrowed, must outlive the stream. start: bytes of it that are
 * already there (a resumed prefix; readable at once). */
struct stream *stream_new(int fd, uint64_t start);
void stream_free(struct stream *s);

/* Writer: appends at the watermark and wakes the reader. Returns 0 or -errno of the write, or
 * -ECANCELED after stream_cancel(). */
int stream_write(struct stream *s, const void *buf, size_t len);
/* Writer: the download starts again from zero; truncates the file. Returns 0 or -errno. */
int stream_restart(struct stream *s);
/* Writer: no more comes. failed: the reader gets -EIO instead of end of file. */
void stream_finish(struct stream *s, bool failed);

/* Reader: preads up to len bytes at offset, waiting for at least one. Returns the count, 0 at the
 * end, -EIO when the writer failed, -ESTALE once after each restart (begin again at offset 0). */
ssize_t stream_read(struct stream *s, void *buf, size_t len, uint64_t offset);
/* Reader: wants no more (its own error): the writer's next write fails with -ECANCELED. */
void stream_cancel(struct stream *s);

/* Bytes written so far, from either side. */
uint64_t stream_watermark(struct stream *s);

#endif
