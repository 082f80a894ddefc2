check_PROGRAMS += tests/unit/store
TESTS += tests/unit/store
tests_unit_store_SOURCES = tests/unit/store.c tests/unit/store_test.h tests/unit/store_help.c \
	tests/unit/store_blob.c tests/unit/store_scratch.c tests/unit/store_tag.c tests/unit/store_gc.c \
	tests/unit/store_image.c tests/unit/unit.h
tests_unit_store_CPPFLAGS = $(unit_cppflags)
tests_unit_store_CFLAGS = $(unit_cflags) $(SECCOMP_CFLAGS)
tests_unit_store_LDADD = libimage.a libstore.a liblayer.a libformat.a liboci.a libbase.a $(SECCOMP_LIBS) $(JANSSON_LIBS) \
	$(CRYPTO_LIBS) $(CHECK_LIBS)
EXTRA_DIST += tests/data/store/skopeo-index.json
