# fuzz targets: fuzz_NAME.c over corpus/NAME. replay_NAME tries the whole corpus in `make check`, in every
# build; with --enable-fuzz there is the libFuzzer program fuzz_NAME too:
#	tests/fuzz/fuzz_NAME -max_total_time=180 FINDS tests/fuzz/corpus/NAME
# A new target: its .c, its corpus, and a block as below with its name and libraries.

EXTRA_DIST += tests/fuzz/corpus
replay_sources = tests/fuzz/replay.c tests/fuzz/fuzz.h
fuzz_ldflags = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/replay_reference
TESTS += tests/fuzz/replay_reference
fuzz_reference_libs = liboci.a libformat.a libbase.a $(JANSSON_LIBS)
tests_fuzz_replay_reference_SOURCES = tests/fuzz/fuzz_reference.c $(replay_sources)
tests_fuzz_replay_reference_LDADD = $(fuzz_reference_libs)
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_reference
tests_fuzz_fuzz_reference_SOURCES = tests/fuzz/fuzz_reference.c
tests_fuzz_fuzz_reference_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_reference_LDADD = $(fuzz_reference_libs)
endif

check_PROGRAMS += tests/fuzz/replay_manifest
TESTS += tests/fuzz/replay_manifest
fuzz_manifest_libs = liboci.a libbase.a $(JANSSON_LIBS)
tests_fuzz_replay_manifest_SOURCES = tests/fuzz/fuzz_manifest.c $(replay_sources)
tests_fuzz_replay_manifest_LDADD = $(fuzz_manifest_libs)
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_manifest
tests_fuzz_fuzz_manifest_SOURCES = tests/fuzz/fuzz_manifest.c
tests_fuzz_fuzz_manifest_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_manifest_LDADD = $(fuzz_manifest_libs)
endif

check_PROGRAMS += tests/fuzz/replay_change
TESTS += tests/fuzz/replay_change
fuzz_change_libs = liboci.a libbase.a $(JANSSON_LIBS)
tests_fuzz_replay_change_SOURCES = tests/fuzz/fuzz_change.c $(replay_sources)
tests_fuzz_replay_change_LDADD = $(fuzz_change_libs)
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_change
tests_fuzz_fuzz_change_SOURCES = tests/fuzz/fuzz_change.c
tests_fuzz_fuzz_change_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_change_LDADD = $(fuzz_change_libs)
endif

check_PROGRAMS += tests/fuzz/replay_inflate
TESTS += tests/fuzz/replay_inflate
fuzz_inflate_libs = libcodec.a $(ISAL_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS)
tests_fuzz_replay_inflate_SOURCES = tests/fuzz/fuzz_inflate.c $(replay_sources)
tests_fuzz_replay_inflate_LDADD = $(fuzz_inflate_libs)
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_inflate
tests_fuzz_fuzz_inflate_SOURCES = tests/fuzz/fuzz_inflate.c
tests_fuzz_fuzz_inflate_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_inflate_LDADD = $(fuzz_inflate_libs)
endif

check_PROGRAMS += tests/fuzz/replay_challenge
TESTS += tests/fuzz/replay_challenge
fuzz_challenge_libs = libregistry.a liboci.a libbase.a $(CURL_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)
tests_fuzz_replay_challenge_SOURCES = tests/fuzz/fuzz_challenge.c $(replay_sources)
tests_fuzz_replay_challenge_LDADD = $(fuzz_challenge_libs)
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_challenge
tests_fuzz_fuzz_challenge_SOURCES = tests/fuzz/fuzz_challenge.c
tests_fuzz_fuzz_challenge_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_challenge_LDADD = $(fuzz_challenge_libs)
endif

check_PROGRAMS += tests/fuzz/replay_unpack
TESTS += tests/fuzz/replay_unpack
fuzz_unpack_libs = liblayer.a libcodec.a liboci.a libformat.a libbase.a $(ARCHIVE_LIBS) \
	$(ISAL_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) -lpthread
tests_fuzz_replay_unpack_SOURCES = tests/fuzz/fuzz_unpack.c $(replay_sources)
tests_fuzz_replay_unpack_LDADD = $(fuzz_unpack_libs)
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_unpack
tests_fuzz_fuzz_unpack_SOURCES = tests/fuzz/fuzz_unpack.c
tests_fuzz_fuzz_unpack_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_unpack_LDADD = $(fuzz_unpack_libs)
endif

check_PROGRAMS += tests/fuzz/replay_overlay_options
TESTS += tests/fuzz/replay_overlay_options
fuzz_overlay_options_libs = liboverlay.a libformat.a libbase.a -lpthread
tests_fuzz_replay_overlay_options_SOURCES = tests/fuzz/fuzz_overlay_options.c $(replay_sources)
tests_fuzz_replay_overlay_options_LDADD = $(fuzz_overlay_options_libs)
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_overlay_options
tests_fuzz_fuzz_overlay_options_SOURCES = tests/fuzz/fuzz_overlay_options.c
tests_fuzz_fuzz_overlay_options_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_overlay_options_LDADD = $(fuzz_overlay_options_libs)
endif
