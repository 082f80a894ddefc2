check_PROGRAMS += tests/unit/base
TESTS += tests/unit/base
tests_unit_base_SOURCES = tests/unit/base.c tests/unit/unit.h
tests_unit_base_CPPFLAGS = $(unit_cppflags)
tests_unit_base_CFLAGS = $(unit_cflags)
tests_unit_base_LDADD = libbase.a $(JANSSON_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
