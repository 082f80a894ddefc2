# layer (L2): tar streams and directories; the only user of libarchive. copy.c, lower.c and owner.c are
# strake's own too: they need libc only
noinst_LIBRARIES += liblayer.a
liblayer_a_SOURCES = \
	src/layer/ingest.c src/layer/ingest.h \
	src/layer/convert.c src/layer/convert.h src/layer/ring.c src/layer/ring.h \
	src/layer/unpack.c src/layer/unpack.h \
	src/layer/unpack_tree.c src/layer/unpack_entry.c src/layer/unpack_impl.h \
	src/layer/owner.c src/layer/owner.h \
	src/layer/copy.c src/layer/copy_file.c src/layer/copy_impl.h src/layer/copy.h \
	src/layer/lower.c src/layer/lower.h
liblayer_a_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS) $(ZLIB_CFLAGS)
