# unit tests of the room codec
check_PROGRAMS += tests/unit/codec
TESTS += tests/unit/codec
tests_unit_codec_SOURCES = tests/unit/codec.c tests/unit/codec_gzip.c tests/unit/codec_zstd.c \
	tests/unit/codec.h tests/unit/unit.h
tests_unit_codec_CPPFLAGS = $(unit_cppflags)
tests_unit_codec_CFLAGS = $(unit_cflags) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
tests_unit_codec_LDADD = libcodec.a $(ISAL_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) $(CHECK_LIBS)
