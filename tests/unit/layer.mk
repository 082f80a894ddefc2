# The file system as it is, then with xattrs, devices and openat2 missing.
check_PROGRAMS += tests/unit/layer
TESTS += tests/unit/layer
tests_unit_layer_SOURCES = tests/unit/layer.c tests/unit/unit.h \
	tests/unit/layer_env.c tests/unit/layer_env.h \
	tests/unit/tar_build.c tests/unit/tar_build.h \
	tests/unit/layer_entry.c tests/unit/layer_link.c tests/unit/layer_hostile.c \
	tests/unit/layer_whiteout.c tests/unit/layer_owner.c tests/unit/layer_copy.c tests/unit/layer_lower.c \
	tests/unit/layer_ingest.c tests/unit/layer_convert.c
tests_unit_layer_CPPFLAGS = $(unit_cppflags)
tests_unit_layer_CFLAGS = $(unit_cflags) $(ARCHIVE_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
tests_unit_layer_LDADD = liblayer.a libcodec.a liboci.a libformat.a libbase.a \
	$(ARCHIVE_LIBS) $(ISAL_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) \
	$(CHECK_LIBS) -lpthread
EXTRA_DIST += tests/data/reject/layer
