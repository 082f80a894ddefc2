check_PROGRAMS += tests/unit/base
TESTS += tests/unit/base
tests_unit_base_SOURCES = \
	tests/unit/base.c tests/unit/base.h tests/unit/unit.h \
	tests/unit/base_err.c tests/unit/base_fd.c tests/unit/base_json.c tests/unit/base_log.c \
	tests/unit/base_path.c tests/unit/base_proc.c tests/unit/base_progress.c \
	tests/unit/base_root.c tests/unit/base_root_race.c tests/unit/base_str.c \
	tests/unit/base_stream.c tests/unit/base_strv.c tests/unit/base_tree.c
tests_unit_base_CPPFLAGS = $(unit_cppflags)
tests_unit_base_CFLAGS = $(unit_cflags)
tests_unit_base_LDADD = libbase.a $(JANSSON_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
