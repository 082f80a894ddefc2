# codec (L1): streaming decompression, without policy; never aborts
noinst_LIBRARIES += libcodec.a
libcodec_a_SOURCES = \
	src/codec/inflate.c src/codec/inflate.h src/codec/inflate_impl.h \
	src/codec/inflate_gzip.c src/codec/inflate_zstd.c \
	src/codec/deflate.c
libcodec_a_CFLAGS = $(AM_CFLAGS) $(ISAL_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
